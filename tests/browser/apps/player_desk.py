"""The player's page with the desk's scripts and security headers, so that what its policy forbids shows in a test."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from pages._ui.server import modules
from pages._ui.server.middleware import SecurityHeaders

app = st.App(
    str(Path(__file__).with_name("player_app.py")), routes=[modules.route("")], middleware=[Middleware(SecurityHeaders)]
)
