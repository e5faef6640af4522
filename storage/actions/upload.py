"""Stores a clip by the flow of the product's storage document, in its order: object, thumbnail, document, counters."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from storage.actions.replacing import Replacement
from storage.actions.undoable import Counted
from storage.domain import upload
from storage.domain.changes import ChangeSet, FieldChange, value_at
from storage.domain.documents import Clip, Video
from storage.domain.integrity import MediaObject
from storage.domain.layout import TOP_SCENES, thumbnail_of
from storage.domain.media import MediaKind, MediaLook, look
from storage.domain.upload import UploadPlan, UploadRequest
from storage.errors import BadInput, NotFound
from storage.files import open_file, read_file
from storage.ids import check_stored_id, in_words
from storage.repositories.stores import Stores
from storage.services.media import KeptLooks, look_into

MAX_BYTES = 2 * 1024**3
MAX_THUMBNAIL_BYTES = 10 * 1024**2
MAX_TITLE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Media:
    """An opened clip and its thumbnail, checked; both are at their beginning."""

    clip: BinaryIO
    info: MediaLook
    thumbnail: bytes | None

    @property
    def seconds(self) -> float | None:
        """How long the clip plays, where it says so."""
        return self.info.film.seconds if self.info.film else None

    @property
    def index_first(self) -> bool:
        """Whether the clip can start to play before all of it has arrived."""
        return self.info.film is not None and self.info.film.index_first


def open_media(clip: Path, thumbnail: Path | None) -> Media:
    """Opens and checks both files; `BadInput` names an unusable one. The caller closes `clip`."""
    image = read_file(thumbnail, "--thumbnail", MAX_THUMBNAIL_BYTES) if thumbnail else None
    file = open_file(clip, "FILE")
    try:
        return check_media(file, image)
    except BaseException:
        file.close()
        raise


def check_media(clip: BinaryIO, thumbnail: bytes | None) -> Media:
    """The media, or `BadInput`: the clip is a whole MP4 of at most 2 GiB, the thumbnail a JPEG of at most 10 MiB."""
    info = _whole("clip", clip, "FILE", "Give the rendered clip as an MP4 file (H.264).")
    if info.size_bytes > MAX_BYTES:
        raise BadInput("FILE is larger than 2 GiB", field_name="FILE", remedy="A clip is a few MiB; check the file.")
    if thumbnail is not None:
        _whole("thumbnail", io.BytesIO(thumbnail), "thumbnail", "Give a .jpg file.")
        if len(thumbnail) > MAX_THUMBNAIL_BYTES:
            raise BadInput("The thumbnail is larger than 10 MiB", field_name="thumbnail", remedy="Give a smaller one.")
    return Media(clip, info, thumbnail)


def _whole(kind: MediaKind, file: BinaryIO, name: str, remedy: str) -> MediaLook:
    """A look at the file, which is at its beginning again afterwards; `BadInput` where it does not play to its end."""

    def read(offset: int, length: int) -> bytes:
        file.seek(offset)
        return file.read(length)

    found = look(kind, file.seek(0, 2), read, None)
    file.seek(0)
    if found.plays != "plays" or found.fault is not None:
        noun = "clip" if kind == "clip" else "JPEG"
        raise BadInput(f"{name} is not a whole {noun}. {found.words}", field_name=name, remedy=remedy)
    return found


def plan(
    stores: Stores,
    uid: str,
    video_id: str,
    media: Media,
    *,
    scene: int,
    style: str,
    title: str | None,
    replace: bool,
    now: datetime,
    clip_id: str = "",
) -> UploadPlan:
    """What an upload would do in the present state. `NotFound` without the video; the plan holds the refusals.

    `clip_id`: the clip to replace, where it is known; else scene and style name it.
    """
    check_stored_id(uid, "UID")
    check_stored_id(video_id, "VIDEO_ID")
    if not clip_id and (scene, style) == (0, TOP_SCENES):
        clip_id = _top_scenes(stores, uid, video_id)
    wish = UploadRequest(
        upload.check_scene(scene),
        upload.check_style(style),
        _title(title),
        media.info.size_bytes,
        media.seconds,
        None if media.thumbnail is None else len(media.thumbnail),
        replace,
        clip_id,
    )
    video = stores.records.video(uid, video_id)
    if video is None:
        raise NotFound(
            f"There is no video {in_words(video_id)} of customer {in_words(uid)}.",
            remedy="Look it up with find.",
            target=video_id,
        )
    clip_id = check_stored_id(upload.clip_id_of(video_id, wish), "CLIP_ID")
    # Read before the clip, so that a document which changes in between fails its precondition in the write.
    document = stores.records.raw(f"users/{uid}/videos/{video_id}/clips/{clip_id}")
    clip = stores.records.clip(uid, video_id, clip_id)
    clip = clip if clip is not None and clip.exists else None  # a deleted clip may have left shares
    wished = wish.title or (clip.scene_title if clip and clip.scene_title else None) or video.video_title or "clip"
    wished = wished[:MAX_TITLE_CHARS]
    key = upload.target_key(stores.layout, video, clip, upload.name_of(clip, wish, wished))
    return upload.plan_upload(
        stores.layout,
        video,
        clip,
        document,
        stores.objects.head(key),
        stores.objects.head(thumbnail_of(key)) if media.thumbnail is not None else None,
        _other_names(stores, video, clip),
        wish,
        title=wished,
        now=now,
        stale_after=timedelta(minutes=stores.settings.stale_after_minutes),
        look=lambda at: look_into(
            stores.objects, MediaObject(at.key, "clip", at.size_bytes, at.etag, at.last_modified), KeptLooks()
        ),
    )


def files(found: UploadPlan, media: Media) -> tuple[Replacement, ...]:
    """The objects to write, the clip first."""
    clip = Replacement(found.key, media.clip, "video/mp4", found.stored, "clip.mp4")
    if found.thumbnail_key is None or media.thumbnail is None:
        return (clip,)
    seen = found.stored_thumbnail
    return clip, Replacement(found.thumbnail_key, media.thumbnail, "image/jpeg", seen, "thumbnail.jpg")


def document_path(found: UploadPlan) -> str:
    """The path of the clip's document."""
    return f"users/{found.uid}/videos/{found.video_id}/clips/{found.clip_id}"


def document_changes(found: UploadPlan, actor: str, now: datetime) -> ChangeSet:
    """The clip's document. Its times are one value, so that the change can be compared with the written document."""
    path = document_path(found)
    wanted = {**found.fields, "updated_at": now, "completed_at": now}
    if found.seen is None:
        wanted |= {"created_at": now, "created_by": actor}
    changes = tuple(FieldChange(path, name, value_at(found.before, name), value) for name, value in wanted.items())
    return ChangeSet("upload", found.uid, found.video_id, changes, {path: found.seen} if found.seen else {})


def counters(stores: Stores, found: UploadPlan) -> tuple[Counted, ...]:
    """What the counters gain, for the documents that exist."""
    user, video = f"users/{found.uid}", f"users/{found.uid}/videos/{found.video_id}"
    size, count = found.size_difference, found.count_difference
    gains = {
        user: {"total_storage_bytes": size, "total_clips_count": count},
        video: {"total_size_bytes": size, "clips_count": count, f"clips_by_style.{found.style}": count},
        f"storage_accounting/{found.uid}": {"styled_clips_bytes": size, "styled_clips_count": count},
    }
    there = stores.records.many(list(gains))
    exist = [path for path, document in there.items() if document is not None and document.fields is not None]
    return tuple(Counted(path, name, gain) for path in exist for name, gain in gains[path].items() if gain)


def _top_scenes(stores: Stores, uid: str, video_id: str) -> str:
    """The id of the video's only Top Scenes clip; empty where it has none, `BadInput` where it has several."""
    frame = stores.records.clips(uid, video_id).whole()
    found = sorted(frame.loc[frame["exists"] & (frame["style"] == TOP_SCENES) & (frame["scene_id"] == 0), "clip_id"])
    if len(found) > 1:
        raise BadInput(
            f"The video has several Top Scenes clips: {', '.join(found[:5])}",
            field_name="style",
            remedy="Replace the right one on the video's page, under Repair.",
        )
    return found[0] if found else ""


def _title(title: str | None) -> str | None:
    if title is None:
        return None
    text = " ".join(title.split())
    if not text or len(text) > MAX_TITLE_CHARS:
        raise BadInput(f"TITLE must have 1 to {MAX_TITLE_CHARS} characters", field_name="title", remedy="Shorten it.")
    return text


def _other_names(stores: Stores, video: Video, clip: Clip | None) -> tuple[str, ...]:
    clips = stores.records.clips(video.uid, video.video_id).unbroken()
    own = clips["clip_id"] == (clip.clip_id if clip else "")
    return tuple(clips.loc[~own, "r2_key"].dropna())
