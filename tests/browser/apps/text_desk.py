"""The page of hostile strings with the scripts that the desk's server gives out."""

from pathlib import Path

import streamlit as st

from pages._ui.server import modules

app = st.App(str(Path(__file__).with_name("text_app.py")), routes=[modules.route("")])
