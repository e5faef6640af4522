"""The grid of a video: for each scene and style what was promised, documented, stored, and whether it plays.

Promised are the highlights times the chosen styles (source: the product's `reprocessing.rs`: a job makes each selected
highlight in each style). Which styles were chosen stands in the charge of the rendering alone, and it says for how many
scenes, not for which. Where no charge was read, the styles are those that the video's documents name; then a clip that
was never made may never have been asked for.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from storage.domain.layout import TOP_SCENES

State = Literal[
    "whole",
    "stored",
    "missing",
    "none",
    "waiting",
    "in_flight",
    "lost",
    "broken",
    "failed",
    "unnamed",
    "twice",
    "unknown",
]
STATES: Mapping[State, str] = {
    "whole": "there, and it plays",
    "stored": "there; not looked into",
    "missing": "asked for, and there is no document",
    "none": "no document; whether it was asked for is not on record",
    "waiting": "not made yet: the video is being processed",
    "in_flight": "being written",
    "lost": "a document, and no file in the bucket",
    "broken": "the file does not play",
    "failed": "its document says failed",
    "unnamed": "a file that no document names",
    "twice": "more than one document",
    "unknown": "whether the file is there is not known",
}
GAPS: tuple[State, ...] = ("missing", "lost", "broken", "failed", "unnamed", "twice")
MENDED_BY_UPLOAD: tuple[State, ...] = ("missing", "lost", "broken", "failed")
StylesFrom = Literal["charge", "documents", "nothing"]


@dataclass(frozen=True, slots=True)
class Documented:
    """One clip document. `stored`: its file is there (`None`: not known). `plays`: `None` where nobody looked."""

    scene_id: int
    style: str
    clip_id: str
    status: str
    stored: bool | None
    plays: bool | None
    in_flight: bool
    title: str = ""


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A file of a scene and style that no document names; `in_flight`: so young that its document may follow."""

    scene_id: int
    style: str
    key: str
    in_flight: bool


@dataclass(frozen=True, slots=True)
class GridCell:
    """One scene in one style. `promised` is `None` where that is not known; `clip_id` and `key` where there is one."""

    scene_id: int
    style: str
    promised: bool | None
    documents: int
    stored: bool | None
    plays: bool | None
    state: State
    clip_id: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class VideoGrid:
    """All cells, by scene and style. `scenes` has the id and the title of each, `highlights` the ids of the highlights.

    `promised` is the number of clips that were asked for, `None` where no charge or document says.
    """

    uid: str
    video_id: str
    scenes: tuple[tuple[int, str], ...]
    highlights: tuple[int, ...]
    styles: tuple[str, ...]
    styles_from: StylesFrom
    promised: int | None
    cells: tuple[GridCell, ...]
    processing: bool

    @property
    def gaps(self) -> tuple[GridCell, ...]:
        """The cells with something wrong."""
        return tuple(cell for cell in self.cells if cell.state in GAPS)

    @property
    def counts(self) -> dict[State, int]:
        """How many cells there are of each state, of those that there are."""
        found = {state: sum(cell.state == state for cell in self.cells) for state in STATES}
        return {state: count for state, count in found.items() if count}

    def command(self, cell: GridCell, who: str) -> str:
        """The command that stores the clip of a cell, quoted for a shell; `who` names actor and reason."""
        title = dict(self.scenes).get(cell.scene_id, "")
        words = ["python", "-m", "storage", "upload", self.uid, self.video_id, "FILE"]
        words += ["--scene", str(cell.scene_id), "--style", cell.style]
        if cell.state == "missing" and title:
            words += ["--title", title]
        return f"{shlex.join(words)} {who}"

    def as_dict(self, who: str = "--actor EMAIL --reason TEXT") -> dict[str, Any]:
        """The answer of `diagnose --json` and `verify --json`."""
        return {
            "scenes": [{"scene_id": scene, "title": title} for scene, title in self.scenes],
            "styles": list(self.styles),
            "styles_from": self.styles_from,
            "promised": self.promised,
            "counts": self.counts,
            "cells": [
                asdict(cell) | ({"command": self.command(cell, who)} if cell.state in MENDED_BY_UPLOAD else {})
                for cell in self.cells
            ],
        }


def video_grid(
    uid: str,
    video_id: str,
    highlights: Sequence[Mapping[str, Any]],
    documented: Sequence[Documented],
    unnamed: Iterable[Unnamed],
    *,
    named_styles: Iterable[str] = (),
    expected: int | None = None,
    processing: bool = False,
) -> VideoGrid:
    """The grid without a charge: the styles are those that documents name, beside `named_styles` of the video's own.

    `expected` is the number of clips that the video's document says were asked for.
    """
    titles = {entry["id"]: str(entry.get("title") or "") for entry in highlights if isinstance(entry.get("id"), int)}
    styles = dict.fromkeys(sorted({row.style for row in documented} | set(named_styles) - {TOP_SCENES}))
    left = list(unnamed)
    scenes = dict(titles)
    for row in documented:
        scenes[row.scene_id] = scenes.get(row.scene_id) or row.title
    for file in left:
        scenes.setdefault(file.scene_id, "")
    every = [*styles, *sorted({row.style for row in left} - set(styles))]
    promised = [style for style in styles if style != TOP_SCENES]
    sure = expected is not None and expected == len(titles) * len(promised)
    cells = []
    for scene in sorted(scenes):
        for style in every:
            mine = [row for row in documented if (row.scene_id, row.style) == (scene, style)]
            files = [row for row in left if (row.scene_id, row.style) == (scene, style)]
            asked = (True if sure else None) if scene in titles and style in promised else False
            cell = _cell(scene, style, asked, mine, files, processing=processing)
            if cell is not None:
                cells.append(cell)
    source: StylesFrom = "documents" if styles else "nothing"
    rows = tuple(sorted(scenes.items()))
    promises = tuple(sorted(titles))
    return VideoGrid(uid, video_id, rows, promises, tuple(every), source, expected, tuple(cells), processing)


def with_charge(grid: VideoGrid, styles: Sequence[str], scenes: int | None) -> VideoGrid:
    """The grid by the charge of the last rendering: its styles, and for how many scenes each.

    All highlights in these styles were promised where the charge is for as many scenes as there are highlights; else
    which scenes were chosen is not on record.
    """
    known = {(cell.scene_id, cell.style): cell for cell in grid.cells}
    every = (*grid.styles, *(style for style in styles if style not in grid.styles))
    sure = scenes is not None and scenes == len(grid.highlights)
    cells = []
    for scene, _ in grid.scenes:
        for style in every:
            asked: bool | None = False
            if scene in grid.highlights and style in styles:
                asked = True if sure else None
            cell = known.get((scene, style))
            if cell is None or not cell.documents:
                fresh = _cell(scene, style, asked, (), (), processing=grid.processing)
                cell = cell if fresh is None or (cell is not None and cell.key) else fresh
            if cell is not None and (asked is not False or cell.documents or cell.key):
                cells.append(replace(cell, promised=asked))
    promised = None if scenes is None else scenes * len(styles)
    return replace(grid, styles=every, styles_from="charge", promised=promised, cells=tuple(cells))


def _cell(
    scene: int,
    style: str,
    asked: bool | None,
    mine: Sequence[Documented],
    files: Sequence[Unnamed],
    *,
    processing: bool,
) -> GridCell | None:
    """The cell, or `None` where there is nothing and nothing was promised."""
    if not mine:
        if files:
            young = all(file.in_flight for file in files)
            return GridCell(scene, style, asked, 0, True, None, "in_flight" if young else "unnamed", key=files[0].key)
        if asked is False:
            return None
        state: State = "waiting" if processing else ("missing" if asked else "none")
        return GridCell(scene, style, asked, 0, False, None, state)
    best = min(mine, key=lambda row: (not row.stored, row.clip_id))
    state = "twice" if len(mine) > 1 else _state(best)
    return GridCell(scene, style, asked, len(mine), best.stored, best.plays, state, best.clip_id)


def _state(row: Documented) -> State:
    if row.in_flight:
        return "in_flight"
    if row.stored is None:
        return "unknown"
    if row.status == "failed":
        return "failed"
    if not row.stored:
        return "lost"
    if row.plays is None:
        return "stored"
    return "whole" if row.plays else "broken"
