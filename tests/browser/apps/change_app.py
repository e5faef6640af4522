"""A page with changes behind a callback, a fragment and a dialog, inside the desk's own server and guard."""

import streamlit as st

if __name__ == "__main__":
    from pages._ui.access.guard import guarded, require, show
    from storage.domain.policy import Actor

    def done(what: str) -> None:
        """Counts a change."""
        st.session_state[what] = st.session_state.get(what, 0) + 1

    @guarded("fix")
    def change(actor: Actor) -> None:
        """A change in a callback."""
        done("callback")

    @st.fragment
    def part() -> None:
        """A change in a fragment."""
        if st.button("Change in a fragment"):
            require("fix")
            done("fragment")
        st.text(f"fragment: {st.session_state.get('fragment', 0)}")

    @st.dialog("Sure?")
    def sure() -> None:
        """A change in a dialog."""
        if st.button("Change in a dialog"):
            require("fix")
            done("dialog")
            st.rerun()

    def page() -> None:
        """Draws the page."""
        st.title("Changes")
        st.button("Change in a callback", on_click=change)
        part()
        if st.button("Open the dialog"):
            sure()
        if st.button("Fail"):
            raise RuntimeError("something that only the log may know: https://r2.test/k?X-Amz-Signature=0123dead")
        st.text(f"callback: {st.session_state.get('callback', 0)}, dialog: {st.session_state.get('dialog', 0)}")

    show("access", page)
else:
    from pages._ui import server

    app = st.App(__file__, **server.parts())
