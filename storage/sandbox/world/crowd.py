"""The unremarkable part: ordinary videos, one account with 500 clips, and two outages that hit fourteen each."""

from __future__ import annotations

from datetime import timedelta

from storage.domain.layout import STYLES
from storage.sandbox.world.builder import Story, WorldBuilder
from storage.sandbox.world.people import PEOPLE, WORDINGS, Customer, uid_of
from storage.sandbox.world.videos import ABSENT, VideoOrder, add_clip, add_video, add_with_clips, progress

OLD_ACCOUNT_DAYS = 400  # older ones have short video ids
MAX_SCENES = {"free": 3, "pro": 4, "studio": 4}
BIG_VIDEOS, BIG_SCENES, BIG_STYLES = 25, 10, ("intelligent", "original")  # 500 clips
ANALYSIS_OUTAGE_AGE = timedelta(hours=26)
RENDER_OUTAGE_AGE = timedelta(days=3, hours=2)
# Fourteen customers each.
HIT_BY_ANALYSIS = (
    *("zoe", "layla", "priya", "haruka", "ines", "sofia", "marta"),
    *("chloe", "giulia", "anh", "deniz", "lin", "amelie", "joon"),
)
HIT_BY_RENDERING = (
    *("noam", "wei", "minjun", "lucas", "ahmed", "yuki", "oauth"),
    *("mateo", "ravi", "anh", "deniz", "lin", "joon", "katya"),
)


def add_ordinary_videos(world: WorldBuilder) -> None:
    """Adds each customer's number of videos without any fault."""
    for person in PEOPLE:
        titles = WORDINGS[person.language].videos
        for number in range(person.videos):
            add_with_clips(world, _ordinary(world, person, number, titles[number % len(titles)]))


def _ordinary(world: WorldBuilder, person: Customer, number: int, title: str) -> VideoOrder:
    chance = world.chance("ordinary", person.handle, number)
    plan = (person.plan or "free").lower()
    days = chance.uniform(1.5, max(1.6, min(150, person.joined_days - 1)))
    old = person.joined_days > OLD_ACCOUNT_DAYS
    status = "analyzed" if number and chance.random() < 0.12 else "completed"
    return VideoOrder(
        handle=person.handle,
        name=f"ordinary {number}",
        age=timedelta(days=days),
        status=status,
        scenes=chance.randint(2, MAX_SCENES.get(plan, 3)),
        styles=tuple(sorted(chance.sample(STYLES[:14], chance.choice((1, 2, 2, 3) if plan != "free" else (1, 2, 2))))),
        made=0 if status == "analyzed" else None,
        highlights="both" if person.older else "document",  # a migration copied the older product's files once
        title=title if number < len(WORDINGS[person.language].videos) else f"{title} ({number + 1})",
        short_id=old,
    )


def add_big_account(world: WorldBuilder) -> None:
    """Adds one editorial office with 500 clips in 25 videos: enough for long tables, galleries and pages."""
    for number in range(BIG_VIDEOS):
        order = VideoOrder(
            handle="kanal",
            name=f"episode {number + 1}",
            age=timedelta(days=2 + 7 * number, hours=number % 5),
            scenes=BIG_SCENES,
            styles=BIG_STYLES,
            title=f"Sieben vor Mitternacht — Folge {BIG_VIDEOS - number:03d}",
        )
        add_with_clips(world, order)
    world.tell(Story("big_account", uid_of("kanal"), "A studio account with 500 clips in 25 videos"))


def add_outages(world: WorldBuilder) -> dict[str, tuple[tuple[str, str], ...]]:
    """Adds two outages; each stopped fourteen videos of fourteen customers at the same step, within minutes."""
    analysis = tuple(_stopped_in_analysis(world, handle, n) for n, handle in enumerate(HIT_BY_ANALYSIS))
    rendering = tuple(_stopped_in_rendering(world, handle, n) for n, handle in enumerate(HIT_BY_RENDERING))
    world.tell(
        Story(
            "outage_analysis",
            analysis[0][0],
            "One of fourteen videos that stopped in the analysis within minutes of each other, 26 hours ago",
            analysis[0][1],
            verdict="analysis_stalled",
        )
    )
    world.tell(
        Story(
            "outage_rendering",
            rendering[0][0],
            "One of fourteen videos whose rendering stopped after the first clip, three days ago",
            rendering[0][1],
            verdict="render_stalled",
        )
    )
    return {"outage_analysis": analysis, "outage_rendering": rendering}


def _stopped_in_analysis(world: WorldBuilder, handle: str, number: int) -> tuple[str, str]:
    age = ANALYSIS_OUTAGE_AGE - timedelta(seconds=23 * number)
    title = _title(world, handle, "outage analysis")
    order = VideoOrder(handle, "outage analysis", age, "processing", highlights="none", title=title)
    video = add_video(
        world, order, source_video_status="pending", source_video_r2_key=ABSENT, source_video_expires_at=ABSENT
    )
    return video.uid, video.video_id


def _stopped_in_rendering(world: WorldBuilder, handle: str, number: int) -> tuple[str, str]:
    age = RENDER_OUTAGE_AGE + timedelta(minutes=18, seconds=37 * number)
    title = _title(world, handle, "outage rendering")
    touched = world.now - RENDER_OUTAGE_AGE + timedelta(seconds=11 * number)
    order = VideoOrder(handle, "outage rendering", age, "processing", title=title)
    video = add_video(world, order, updated_at=touched)
    fields = world.documents[video.path]
    fields["processing_progress"] = progress(video, 1, touched - timedelta(minutes=4), touched)
    add_clip(world, video, *video.ordered()[0])
    return video.uid, video.video_id


def _title(world: WorldBuilder, handle: str, name: str) -> str:
    person = next(person for person in PEOPLE if person.handle == handle)
    return world.chance(name, handle).choice(WORDINGS[person.language].videos)
