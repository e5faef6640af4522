"""The player's page behind the desk's own security headers, so that what its content policy forbids shows in a test."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from pages._ui.server.middleware import SecurityHeaders

app = st.App(str(Path(__file__).with_name("player_app.py")), middleware=[Middleware(SecurityHeaders)])
