"""The rules, as pure functions over frozen values and frames: no clock, no environment, no SDK, no Streamlit."""
