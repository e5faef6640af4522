"""What Streamlit's settings cannot say of how the desk looks: which segment is chosen, what has the focus, what is not
there to be pressed."""

from __future__ import annotations

from typing import Final

import streamlit as st

# Streamlit writes the chosen segment in the accent. No accent can be read both as that text on the dark ground and
# below the white text of a button (the best gives 4.2 for each), so the segment keeps the colour of all other text.
# Links of the menu get no more than a tint of 15 % when the keyboard reaches them, none at all on the open page, and
# buttons a ring of half the accent; an outline in the colour of their own text is seen on every ground.
# Streamlit's own CSV button of tables and charts writes formulas as they are; its setting (client.disableDataExport)
# would forbid copying a cell as well, and ids are copied all day.
# On a phone the hint of a form ("Press Enter to submit") lies over what is typed.
STYLE: Final = """<style>
[data-testid="stButtonGroup"] button[data-selected="true"],
[data-testid="stButtonGroup"] button[data-selected="true"] p { color: inherit !important; font-weight: 600; }
button[aria-label^="Download as CSV"] { display: none; }
:is(a, button, summary):focus-visible { outline: 2px solid currentColor !important; outline-offset: 1px; }
@media (max-width: 640px) { [data-testid="InputInstructions"] { display: none; } }
</style>"""


def draw() -> None:
    """Takes no room: a style alone is no element of the page."""
    st.html(STYLE)
