"""The desk: the ASGI application when a server imports this file, the shell around the pages when Streamlit runs it.

`streamlit run app.py`, `uvicorn app:app` and Streamlit's own tests all come here. Streamlit runs a script under the
name `__main__`; a server imports it as `app`.
"""

import streamlit as st

if __name__ == "__main__":
    from pages._ui import shell

    shell.run()
else:
    from pages._ui import server

    app = st.App(__file__, **server.parts())
