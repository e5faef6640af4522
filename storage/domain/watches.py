"""After-care: each repair and each purge is looked at again after 15 minutes, an hour and a day.

A look at a repair compares the fields and objects that it wrote with what is there; a look at a purge asks whether
anything of its scope is there again. A watch ends with the third look that finds everything as it was left, or with the
first that does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

from storage.domain.purge.scope import Scope

COLLECTION: Final = "ops_watches"
LOOKS: Final = (timedelta(minutes=15), timedelta(hours=1), timedelta(days=1))  # after the end of what is watched
KEPT: Final = timedelta(days=7)  # how long a watch stays after it ended

Of = Literal["change", "purge"]
State = Literal["open", "held", "came_back", "changed", "left"]
WORDS: Final[Mapping[State, str]] = {
    "open": "being watched",
    "held": "held",
    "came_back": "came back: what was repaired is as it was before",
    "changed": "was changed since by somebody else",
    "left": "something is left, or came again",
}
NEEDS_PERSON: Final[frozenset[State]] = frozenset({"came_back", "left"})


@dataclass(frozen=True, slots=True)
class KeptWatch:
    """`name` is the id of the change or of the job. `next_at` is `None` once it has ended; `detail` says what the last
    look found, in words without addresses or titles. A scope is kept of a purge alone."""

    of: Of
    name: str
    kind: str
    uid: str
    video_id: str
    actor: str
    made_at: datetime
    state: State = "open"
    looks: int = 0
    looked_at: datetime | None = None
    next_at: datetime | None = None
    detail: str = ""
    scope: Scope | None = None

    @property
    def path(self) -> str:
        return f"{COLLECTION}/{self.name}"

    def after(self, found: State, detail: str, now: datetime) -> KeptWatch:
        """The watch after a look that found this (`held` where all is well)."""
        looks = self.looks + 1
        if found != "held":
            return replace(self, state=found, looks=looks, looked_at=now, next_at=None, detail=detail)
        if looks >= len(LOOKS):
            return replace(self, state="held", looks=looks, looked_at=now, next_at=None, detail=detail)
        return replace(self, looks=looks, looked_at=now, next_at=self.made_at + LOOKS[looks], detail=detail)

    def to_fields(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in ("of", "name", "kind", "uid", "video_id", "actor", "made_at")}
        values |= {name: getattr(self, name) for name in ("state", "looks", "looked_at", "next_at", "detail")}
        return {**values, "scope": None if self.scope is None else self.scope.as_dict()}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> KeptWatch | None:
        """`None` for a document that is no watch of this version."""
        made, scope = fields.get("made_at"), fields.get("scope")
        if fields.get("of") not in get_args(Of) or fields.get("state") not in WORDS or not isinstance(made, datetime):
            return None
        texts = {name: str(fields.get(name) or "") for name in ("name", "kind", "uid", "video_id", "actor", "detail")}
        looked, following = fields.get("looked_at"), fields.get("next_at")
        return cls(
            of=fields["of"],
            state=fields["state"],
            looks=int(fields.get("looks") or 0),
            made_at=made,
            looked_at=looked if isinstance(looked, datetime) else None,
            next_at=following if isinstance(following, datetime) else None,
            scope=Scope.from_dict(scope) if isinstance(scope, Mapping) else None,
            **texts,
        )


def opened(watch: KeptWatch) -> KeptWatch:
    """The watch with its first look due."""
    return replace(watch, next_at=watch.made_at + LOOKS[0])
