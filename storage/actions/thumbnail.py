"""Writes the thumbnail of a clip, rebuilt from the clip or from a file: guarded, recorded and undoable."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile

from storage.actions.repair import RepairContext, Write, believable, not_promised
from storage.actions.replacing import Replacement
from storage.actions.upload import MAX_THUMBNAIL_BYTES
from storage.clients.frames import check_decoder, frame_of
from storage.domain.actor_and_reason import checked_reason
from storage.domain.audit_chain import Event
from storage.domain.changes import ChangeSet, FieldChange, value_at
from storage.domain.integrity import MediaObject
from storage.domain.layout import thumbnail_of
from storage.domain.media import look
from storage.domain.policy import Action
from storage.domain.processing import being_processed
from storage.errors import BadInput, Refused, Stale
from storage.ids import check_stored_id
from storage.repositories.stores import Stores
from storage.services.links import find_clip, own_key
from storage.services.media import KeptLooks, look_into

FRAME_AT = 1.0  # seconds, as the product takes it
MAX_CLIP_BYTES = 256 * 1024**2


@dataclass(frozen=True, slots=True)
class ThumbnailPlan:
    """The picture to write, and where. `clip_seen` is the ETag of the clip that it was taken from, else empty."""

    changes: ChangeSet
    clip_id: str
    key: str
    seen: str | None
    picture: bytes
    clip_key: str = ""
    clip_seen: str = ""
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    action: Action = "fix"

    def event(self, reason: str) -> Event:
        return Event(
            "thumbnail",
            "-",
            reason=checked_reason(reason),
            uid=self.changes.uid,
            video_id=self.changes.video_id,
            clip_id=self.clip_id,
            keys=(self.key,),
            detail={
                "from": "clip" if self.clip_seen else "file",
                "replaced": self.seen is not None,
                "size_bytes": len(self.picture),
            },
        )

    def writes(self, context: RepairContext, actor: str, now: datetime) -> Sequence[Write]:
        """The picture, then the document that names it; `Stale` where the clip it shows is another by now."""
        if self.refusals:
            raise Refused("The thumbnail was not written.", reasons=self.refusals, remedy=" ".join(self.refusals))
        if self.clip_seen:
            there = context.stores.objects.head(self.clip_key)
            if there is None or there.etag != self.clip_seen:
                raise Stale("The clip was replaced since the picture was taken from it.", remedy="Look again.")
        picture = Replacement(self.key, self.picture, "image/jpeg", self.seen, "thumbnail.jpg")
        return [Write(self.changes, (picture,))]


def plan_thumbnail(
    context: RepairContext,
    uid: str,
    video_id: str,
    clip_id: str,
    picture: bytes | None = None,
    *,
    seconds: float = FRAME_AT,
    replace_intact: bool = False,
) -> ThumbnailPlan:
    """The thumbnail as it would be written; without a `picture` it is taken from the clip at this time.

    `NotFound` without the clip or its file, `BadInput` for no JPEG or without a decoder, `Refused` where the clip gives
    no picture or its key is not the customer's. The plan's refusals hold what else speaks against it.
    """
    if picture is None:
        check_decoder()
        _checked_seconds(seconds)
    else:
        check_picture(picture)
    believable(context, uid, video_id)
    stores = context.stores
    path = f"users/{uid}/videos/{video_id}/clips/{check_stored_id(clip_id, 'CLIP_ID')}"
    document = stores.records.raw(path)
    clip = find_clip(stores.records, uid, video_id, clip_id)
    film = own_key(stores.layout, clip, "clip")
    key = clip.thumbnail_r2_key or ""
    if stores.layout.standing(key, uid) != "own" or not key.endswith((".jpg", ".jpeg")):
        key = thumbnail_of(film)  # the document names another customer's file, or none
    clip_seen = ""
    if picture is None:
        picture, clip_seen = _taken(stores, film, seconds)
    there = stores.objects.head(key)
    refusals = []
    if being_processed(clip.status):
        refusals.append("The clip is being processed: the worker writes its thumbnail. Wait until that has ended.")
    if there is not None and not replace_intact and clip.thumbnail_r2_key == key:
        item = MediaObject(key, "thumbnail", there.size_bytes, there.etag, there.last_modified)
        if look_into(stores.objects, item, KeptLooks()).plays == "plays":
            refusals.append("An intact thumbnail is there. Replace it only if the customer wants another picture.")
    fields = document.fields if document else None
    wanted = {"thumbnail_r2_key": key, "has_thumbnail": True, "updated_at": context.clock()}
    changes = tuple(FieldChange(path, name, value_at(fields, name), value) for name, value in wanted.items())
    warning = not_promised(context)
    written = document.update_time if document else None
    return ThumbnailPlan(
        ChangeSet("thumbnail", uid, video_id, changes, {path: written} if written else {}),
        clip_id,
        key,
        there.etag if there else None,
        picture,
        film,
        clip_seen,
        tuple(refusals),
        (warning,) if warning else (),
    )


def check_picture(picture: bytes) -> None:
    """`BadInput` where it is no whole JPEG of at most 10 MiB."""
    if len(picture) > MAX_THUMBNAIL_BYTES:
        raise BadInput("The thumbnail is larger than 10 MiB", field_name="thumbnail", remedy="Give a smaller one.")
    film = io.BytesIO(picture)

    def read(offset: int, length: int) -> bytes:
        film.seek(offset)
        return film.read(length)

    found = look("thumbnail", len(picture), read, None)
    if found.plays != "plays" or found.fault is not None:
        raise BadInput(f"That is not a whole JPEG. {found.words}", field_name="thumbnail", remedy="Give a .jpg file.")


def _checked_seconds(seconds: float) -> None:
    if not 0 <= seconds <= 86_400:
        raise BadInput(
            "The second of the picture is not within a clip", field_name="at", remedy="Give seconds, as 1.5."
        )


def _taken(stores: Stores, key: str, seconds: float) -> tuple[bytes, str]:
    """The picture, and the ETag of the clip that it shows."""
    there, content = stores.objects.read_small(key, MAX_CLIP_BYTES)
    if content is None:
        raise Refused("The clip is too large to take a picture from it here.", remedy="Give a picture as a file.")
    with TemporaryFile() as film:
        film.write(content)
        film.flush()
        return frame_of(film, seconds), there.etag
