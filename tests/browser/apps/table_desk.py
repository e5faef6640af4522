"""The lists' pages with the desk's own security headers and the scripts that its server gives out."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from pages._ui.server import modules
from pages._ui.server.middleware import SecurityHeaders

app = st.App(
    str(Path(__file__).with_name("table_app.py")), routes=[modules.route("")], middleware=[Middleware(SecurityHeaders)]
)
