"""Makes links to a clip's media: presigned on the S3 endpoint, or on the CDN where one is configured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from storage.domain.documents import Clip, ObjectInfo, SignedUrl
from storage.domain.integrity.findings import key_prefixes
from storage.domain.layout import Layout
from storage.domain.media import CONTENT_TYPES, MediaKind
from storage.errors import NotFound, Refused
from storage.ids import in_words
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from storage.repositories.stores import Stores
from storage.services.controls import objects_of_others
from storage.settings.backends import Settings


@dataclass(frozen=True, slots=True)
class MediaLink:
    """A signed link with its object. `doubt` says that the key does not lie under the configured prefix."""

    signed: SignedUrl
    object: ObjectInfo
    doubt: str = ""


def find_clip(records: Records, uid: str, video_id: str, clip_id: str) -> Clip:
    """The clip's document; raises `NotFound`."""
    clip = records.clip(uid, video_id, clip_id)
    if clip is None or not clip.exists:
        raise NotFound(
            f"There is no clip {in_words(clip_id)} in video {in_words(video_id)} of customer {in_words(uid)}.",
            remedy="List the video's clips, or look the clip up with find.",
            target=clip_id,
        )
    return clip


def media_key(clip: Clip, kind: MediaKind) -> str:
    """The key that the document names, which decides for an existing object; raises `NotFound` where it names none."""
    key = clip.r2_key if kind == "clip" else clip.thumbnail_r2_key
    if not key:
        status = clip.status or "unknown"
        raise NotFound(
            f"The document of clip {clip.clip_id} names no key for its {kind} (status: {status}).",
            remedy="Run verify for the video; a clip that is still being rendered has no key yet.",
            target=clip.clip_id,
        )
    return key


def own_key(layout: Layout, clip: Clip, kind: MediaKind) -> str:
    """The key, if it is the customer's own: nobody may see another customer's object through this document."""
    key = media_key(clip, kind)
    standing = layout.standing(key, clip.uid)
    if standing not in {"own", "cache"}:
        doubt = key_prefixes(layout, [(clip.uid, key)]).doubt
        others = standing == "others"
        shown = ": it is another customer's" if others else f": {key}"
        hidden = "the other customer's file" if others else "a file outside the layout"
        check = f"Check the setting first (`python -m storage check`): {doubt}. " if doubt else ""
        raise Refused(
            f"The document of clip {clip.clip_id} names a key that does not belong to its customer{shown}",
            remedy=f"{check}Run verify for the customer, and replace the clip with upload; {hidden} is not shown.",
            target=clip.clip_id if others else key,
        )
    if not {".", ".."}.isdisjoint(key.split("/")):
        raise Refused(
            f"The key of clip {clip.clip_id} has '.' or '..' between its slashes, which a browser takes for another "
            f"place: {key}",
            remedy="Replace the clip with upload; no link to such a key leads where it says.",
            target=key,
        )
    return key


def sign(
    settings: Settings,
    objects: Objects,
    clip: Clip,
    key: str,
    kind: MediaKind,
    *,
    download: bool,
    life: timedelta | None = None,
) -> SignedUrl:
    """A link to the key, with this life, or with the one that the settings give its use. Makes no request."""
    seconds = settings.download_url_expiry_seconds if download else settings.playback_url_expiry_seconds
    if life is not None:
        seconds = int(life.total_seconds())
    name = download_name(clip, kind) if download else None
    return objects.presign(key, seconds, content_type=CONTENT_TYPES[kind], download_name=name)


def media_link(
    stores: Stores, clip: Clip, *, kind: MediaKind, download: bool, life: timedelta | None = None
) -> MediaLink:
    """A link that works: this function looks at the object first, so nobody gets a link to a missing object.

    Raises `NotFound` where key or object is proven absent, `Refused` for another customer's key, and `BackendError`
    where a store does not tell.
    """
    key = own_key(stores.layout, clip, kind)
    info = stores.objects.head(key)
    if info is None:
        raise NotFound(
            f"The {kind} is not in the bucket: {key}",
            remedy=f"{_doubt(stores, clip)}Run diagnose for the video to see what happened, and verify to see what "
            "else is missing.",
            target=key,
        )
    doubt = key_prefixes(stores.layout, [(clip.uid, key)]).doubt
    signed = sign(stores.settings, stores.objects, clip, key, kind, download=download, life=life)
    return MediaLink(signed, info, doubt)


def _doubt(stores: Stores, clip: Clip) -> str:
    """A sentence before the advice where objects of other customers are missing too: the bucket may be wrong."""
    controls = objects_of_others(stores.records, stores.objects, stores.layout, clip.uid)
    if controls.there:
        return ""
    return (
        f"Compare R2_BUCKET_NAME and R2_ENDPOINT_URL with those of the worker first: {controls.words} "
        "(`python -m storage check`). "
    )


def download_name(clip: Clip, kind: MediaKind) -> str:
    """The file name for the customer's disk: the clip's own, else its id, with the right ending."""
    name = (clip.filename or (clip.r2_key or clip.clip_id).rpartition("/")[2]).strip() or clip.clip_id
    stem = name.rpartition(".")[0] or name
    return f"{stem}.{'mp4' if kind == 'clip' else 'jpg'}"
