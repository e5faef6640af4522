"""The parts of every page; pages draw only with these and with Streamlit."""
