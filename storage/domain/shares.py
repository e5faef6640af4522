"""Public share links, as the product reads them: whether each one shows something, and the clip to which it leads.

A link is a document `share_slugs/{slug}` that names user, video and clip. A new share of a clip makes a new link and
leaves the old one live. Revoking a share deletes the link that its settings name. Deleting many clips deletes no link.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd


@dataclass(frozen=True, slots=True)
class ShareLink:
    """One public link, from its document `share_slugs/{slug}`."""

    slug: str
    uid: str
    video_id: str
    clip_id: str
    created_at: datetime | None = None
    expires_at: datetime | None = None
    disabled_at: datetime | None = None

    @property
    def path(self) -> str:
        """The document's path."""
        return f"share_slugs/{self.slug}"

    def works(self, now: datetime) -> bool:
        """Whether the product would follow the link: it is not disabled and has not ended."""
        return self.disabled_at is None and not (self.expires_at is not None and self.expires_at < now)

    def state(self, now: datetime) -> str:
        """The state of the link, as the end of a sentence about it."""
        return state_of({"expires_at": self.expires_at, "disabled_at": self.disabled_at}, now)


def links_of(frame: pd.DataFrame) -> Iterator[ShareLink]:
    """The links in a frame of link documents, without those that name no owner."""
    ids, times = ("slug", "user_id", "video_id", "clip_id"), ("created_at", "expires_at", "disabled_at")
    for row in frame[[*ids, *times]].itertuples(index=False):
        slug, *owner = row[: len(ids)]
        if all(isinstance(one, str) and one for one in owner):
            yield ShareLink(slug, *owner, *(None if pd.isna(at) else at.to_pydatetime() for at in row[len(ids) :]))


def state_of(link: Mapping[str, Any], now: datetime) -> str:
    """The state of a link with these fields, as the end of a sentence about it."""
    disabled, expires = link.get("disabled_at"), link.get("expires_at")
    if disabled is not None:
        when = f" since {disabled:%Y-%m-%d %H:%M} UTC" if isinstance(disabled, datetime) else ""
        return f"is revoked{when} and shows nothing"
    if isinstance(expires, datetime):
        if expires < now:
            return f"ended {expires:%Y-%m-%d %H:%M} UTC and shows nothing"
        return f"works until {expires:%Y-%m-%d %H:%M} UTC"
    return "works, without an end"
