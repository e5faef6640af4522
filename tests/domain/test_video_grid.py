"""The grid of a video: promised, documented, stored and playing, by scene and style, with a command for each gap."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from storage.domain.integrity import verify_user
from storage.domain.integrity.grid import Documented, Unnamed, VideoGrid, video_grid, with_charge
from tests.domain.integrity_world import JUST_NOW, LAYOUT, NOW, STALE, World

CLIPS = "users/u1/v1/clips/"


def highlights(*titles: str) -> bytes:
    rows = [{"id": n, "title": title, "start": "00:00:01", "end": "00:00:31"} for n, title in enumerate(titles, 1)]
    return json.dumps({"highlights": rows}).encode()


def grid(world: World) -> VideoGrid:
    found = verify_user(replace(world.facts(), video_id="v1"), NOW, STALE, LAYOUT).grid
    assert found is not None
    return found


def states(found: VideoGrid) -> dict[tuple[int, str], str]:
    return {(cell.scene_id, cell.style): cell.state for cell in found.cells}


def made(**fields: Any) -> World:
    """Two highlights in two styles: one clip whole, one lost, one never made, one file without a document."""
    world = World().video("v1", content=highlights("One's end", "Two"), **fields)
    world.clip("v1", "clip_01_1_one_split", scene_id=1, style="split")
    world.clip("v1", "clip_02_2_two_split", scene_id=2, style="split", size=None)
    return world.object(f"{CLIPS}clip_01_1_one_original.mp4")


def test_each_cell_says_what_is_there_and_what_is_not() -> None:
    found = grid(made())
    assert states(found) == {
        (1, "split"): "stored", (2, "split"): "lost", (1, "original"): "unnamed",
    }  # fmt: skip
    assert [(cell.scene_id, cell.state) for cell in found.gaps] == [(1, "unnamed"), (2, "lost")]
    assert (found.styles_from, found.promised, found.cells[0].promised) == ("documents", None, None)


def test_an_empty_file_does_not_play_although_nobody_looked_into_it() -> None:
    found = grid(made().clip("v1", "clip_03_1_one_original", scene_id=1, style="intelligent", size=0))
    assert states(found)[1, "intelligent"] == "broken"


def test_what_the_video_says_was_asked_for_makes_the_promise_sure() -> None:
    found = grid(made(clips_by_style={"split": 1, "original": 1}, expected_clips=4))
    assert states(found)[2, "original"] == "missing"
    assert {cell.promised for cell in found.cells} == {True}
    assert states(grid(made(clips_by_style={"original": 1})))[2, "original"] == "none"
    moving = grid(made(clips_by_style={"original": 1}, expected_clips=4, status="processing"))
    assert states(moving)[2, "original"] == "waiting"


def test_a_charge_says_which_styles_were_chosen() -> None:
    whole = with_charge(grid(made()), ["split", "intelligent"], 2)
    assert (whole.styles_from, whole.promised) == ("charge", 4)
    assert states(whole) == {
        (1, "split"): "stored", (2, "split"): "lost", (1, "original"): "unnamed",
        (1, "intelligent"): "missing", (2, "intelligent"): "missing",
    }  # fmt: skip
    part = with_charge(grid(made()), ["split", "intelligent"], 1)
    assert states(part)[1, "intelligent"] == "none"  # which scene was chosen is not on record


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"stored": True, "plays": True}, "whole"), ({"stored": True, "plays": None}, "stored"),
        ({"stored": True, "plays": False}, "broken"), ({"stored": False}, "lost"), ({"stored": None}, "unknown"),
        ({"stored": False, "status": "failed"}, "failed"), ({"stored": False, "in_flight": True}, "in_flight"),
    ],
)  # fmt: skip
def test_the_state_of_a_documented_clip(row: dict[str, Any], state: str) -> None:
    one = Documented(**{"scene_id": 1, "style": "split", "clip_id": "c", "status": "completed", "stored": True,
                        "plays": None, "in_flight": False} | row)  # fmt: skip
    assert video_grid("u1", "v1", [], [one], []).cells[0].state == state
    assert video_grid("u1", "v1", [], [one, one], []).cells[0].state == "twice"


def test_a_young_file_is_in_flight_and_one_of_a_scene_without_highlight_has_its_own_row() -> None:
    found = grid(made().object(f"{CLIPS}clip_09_9_more_split.mp4", modified=JUST_NOW))
    assert states(found)[9, "split"] == "in_flight"
    assert found.scenes == ((1, "One's end"), (2, "Two"), (9, ""))
    assert found.highlights == (1, 2)


def test_the_command_of_a_gap_is_filled_in_and_quoted_for_a_shell() -> None:
    found = replace(with_charge(grid(made()), ["split", "original", "intelligent"], 2), uid="it's", video_id="v 1")
    cell = next(cell for cell in found.cells if (cell.scene_id, cell.style) == (1, "intelligent"))
    assert shlex.split(found.command(cell, "--actor you@example.com --reason 'ticket 7'")) == [
        "python", "-m", "storage", "upload", "it's", "v 1", "FILE", "--scene", "1", "--style", "intelligent",
        "--title", "One's end", "--actor", "you@example.com", "--reason", "ticket 7",
    ]  # fmt: skip
    document = found.as_dict()
    assert document["counts"] == {"stored": 1, "missing": 3, "lost": 1, "unnamed": 1}
    assert [bool(row.get("command")) for row in document["cells"] if row["state"] == "unnamed"] == [False]


def test_nothing_at_all_is_an_empty_grid() -> None:
    assert video_grid("u1", "v1", [], [], []).cells == ()
    assert video_grid("u1", "v1", [{"id": "x"}, {"id": 3}], [], [Unnamed(3, "split", "k", False)]).gaps[0].key == "k"
