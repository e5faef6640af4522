"""The parts that every page is built from; pages draw with these, and with Streamlit, and with nothing else."""
