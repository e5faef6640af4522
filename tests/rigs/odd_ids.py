"""Ids that Firestore holds and nobody would type, in every place that has an id; and one customer like any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.rigs.clips import PICTURE, film
from tests.rigs.desk import LONG_AGO, user_documents, user_objects

CLIP = film()
BLANK, LINE, NUMBER = "copy ", "line\n", "__id7__"
UIDS = (BLANK, LINE, NUMBER)
ODD = (
    *UIDS, " x", "tab\tb", "\x1b[31mred", "a\u2028b", "a\x85b", "e\u0301", "é", "日本", "q\"u'o`te", "?a=b&c", "#",
    "%2F", "%0A", "...", "__id-7__", "\u202eevil", "=1+1",
)  # fmt: skip
LONG = "é" * 749  # 1,498 bytes: more than any key may have. Of 1,500, Firestore holds it and takes no question about it
ORDINARY = "u1"


def documents() -> dict[str, dict[str, Any]]:
    """`BLANK` has a video, clips, links and a transaction under every odd id; the others have a video each."""
    found = user_documents(BLANK, dict.fromkeys(ODD, 1))
    for name in ODD:
        path = f"users/{BLANK}/videos/{name}/clips/{name}_0_split"
        found[f"{path}/shares/{name}"] = {"slug": name, "access_level": "public"}
        found[f"share_slugs/{name}"] = {"user_id": BLANK, "video_id": name, "clip_id": f"{name}_0_split"}
        found[f"users/{BLANK}/credit_transactions/{name}"] = {"timestamp": LONG_AGO, "credits_amount": 1}
        found[f"users/{BLANK}/drafts/{name}"] = {"title": "a draft", "updated_at": LONG_AGO}
    for uid in (LINE, NUMBER, ORDINARY):
        found |= user_documents(uid, {uid: 1})
    return {path: {name: _larger(name, value) for name, value in fields.items()} for path, fields in found.items()}


def _larger(name: str, value: Any) -> Any:
    """Every clip of `user_documents` has 10 bytes, too few for one that plays."""
    return value * len(CLIP) // 10 if name.endswith("_bytes") else value


def stuck(documents: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same documents, every video of which is still processing."""
    return {
        path: {**fields, "status": "processing"} if path.count("/") == 3 and path.split("/")[2] == "videos" else fields
        for path, fields in documents.items()
    }


def bucket_objects() -> dict[str, tuple[bytes, str]]:
    """Every object that the documents name, as `user_objects` makes them, with highlights and clips that are some."""
    entry = b'{"highlights": [{"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:09"}]}'
    found = user_objects(documents())
    bodies = {"/highlights.json": entry, "_split.mp4": CLIP, "_split.jpg": PICTURE}
    return {
        key: (next((body for end, body in bodies.items() if key.endswith(end)), made), kind)
        for key, (made, kind) in found.items()
    }
