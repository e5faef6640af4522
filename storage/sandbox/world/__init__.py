"""The sample data of the demo: `build(now, seed)` gives a whole world of customers, videos, clips and their troubles.

It is pure and deterministic: nothing here reads a clock or the network. Ids and keys never depend on `now`, so a world
with new dates replaces the former one path by path. `SampleWorld.cast` is the catalogue of its stories.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from storage.sandbox.world.builder import SampleObject, SampleUpload, SampleWorld, Story, WorldBuilder
from storage.sandbox.world.crowd import add_big_account, add_ordinary_videos, add_outages
from storage.sandbox.world.draft_stories import add_draft_stories
from storage.sandbox.world.odd_stories import add_broken_stories, add_odd_stories
from storage.sandbox.world.people import add_people, add_plans, balance_credits
from storage.sandbox.world.stories import add_stuck_stories, add_usage_stories

__all__ = ["SampleObject", "SampleUpload", "SampleWorld", "Story", "build"]


def build(now: datetime, seed: int = 7) -> SampleWorld:
    """The world as it is at `now` (aware; times in it are UTC, to the microsecond as Firestore keeps them)."""
    world = WorldBuilder(now.astimezone(UTC), seed)
    add_plans(world)
    add_people(world)
    add_ordinary_videos(world)
    add_big_account(world)
    outages = add_outages(world)
    add_stuck_stories(world)
    add_usage_stories(world)
    add_draft_stories(world)
    add_odd_stories(world)
    add_broken_stories(world)
    balance_credits(world)
    return replace(world.finish(), outages=outages)
