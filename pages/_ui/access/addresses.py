"""Shows customers' addresses: whole to those who may see them, masked to all others until they reveal one.

Everything that draws an address takes it from `seen()`, so a browser never gets more than its person may see. A reveal
is recorded, and holds for this person in this session.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import streamlit as st
from pandas.api.types import is_object_dtype, is_string_dtype

from pages._ui.access.guard import actor, allowed, guarded
from pages._ui.data.resources import repair_context
from pages._ui.kit.session import key
from storage.actions import addresses
from storage.domain.policy import Actor
from storage.text import masked_address, with_masked_addresses

_REVEALED: Final = "addresses-revealed"  # session key: pairs of a person and a customer


@dataclass(frozen=True, slots=True)
class Seen:
    """What one person sees of addresses. A plain value: a download that is made later takes it along."""

    whole: bool
    revealed: Collection[str] = ()

    def hides(self, uid: str) -> bool:
        """Whether this customer's address is masked."""
        return not self.whole and uid not in self.revealed

    def who(self, email: str | None, uid: str) -> str:
        """The customer by address, or by id where no document names an address."""
        if not email:
            return uid
        return masked_address(email) if self.hides(uid) else email

    def column(self, emails: Iterable[Any], uids: Iterable[Any]) -> list[str]:
        """The customers of a list by address, or by id."""
        pairs = zip(emails, uids, strict=True)
        return [self.who(email if isinstance(email, str) else None, str(uid)) for email, uid in pairs]

    def text(self, text: str, uid: str) -> str:
        """A text that may hold the customer's address, such as a document."""
        return with_masked_addresses(text) if self.hides(uid) else text

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Rows for a file; `uid` names the customer of each. Any other text may hold an address: an error's message,
        a title."""
        if self.whole:
            return frame
        masked = {
            name: [
                self.text(value, str(uid)) if isinstance(value, str) else value
                for value, uid in zip(frame[name], frame["uid"], strict=True)
            ]
            for name in frame.columns
            if name != "uid" and (is_object_dtype(frame[name]) or is_string_dtype(frame[name]))
        }
        return frame.assign(**masked)


def seen() -> Seen:
    """What the person who looks at this page sees."""
    if allowed("address.see"):
        return Seen(True)
    mine = actor(active=False).email
    return Seen(False, frozenset(uid for person, uid in st.session_state.get(_REVEALED, ()) if person == mine))


def reveal_button(uid: str, email: str | None, *, page: str) -> None:
    """Draws the button that reveals the address, for people who see it masked."""
    if email and seen().hides(uid) and allowed("address.reveal"):
        st.button(
            "Reveal the address",
            key=key(page, "reveal"),
            icon=":material/visibility:",
            type="tertiary",
            on_click=_reveal,
            args=(uid,),
            help="The audit records that you saw it. It stays visible to you until you close this tab.",
        )


@guarded("address.reveal")
def _reveal(who: Actor, uid: str) -> None:
    addresses.reveal(repair_context(), who, uid)
    st.session_state[_REVEALED] = {*st.session_state.get(_REVEALED, ()), (who.email, uid)}
