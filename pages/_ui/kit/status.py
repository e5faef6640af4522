"""Maps each status, severity, verdict and state to its word, icon and colour, for badges, tables and charts.

Colours are names of Streamlit's theme, so each appearance draws its own shade; colour alone never says a status.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, cast

import pandas as pd
import streamlit as st

from pages._ui.kit.text import ABSENT, md, plain

Colour = Literal["green", "blue", "violet", "yellow", "orange", "red", "gray"]
Family = Literal["video", "clip", "source", "severity", "verdict", "usage", "presence", "check", "job", "outcome"]


@dataclass(frozen=True, slots=True)
class StatusStyle:
    """How one value is shown. `word` and `meaning` are ours, or made harmless by `plain`."""

    value: str
    word: str
    icon: str
    colour: Colour
    meaning: str = ""
    known: bool = True


def _looks(*rows: tuple[str, str, str, Colour, str]) -> Mapping[str, StatusStyle]:
    looks = {
        value: StatusStyle(value, word, f":material/{icon}:", colour, text) for value, word, icon, colour, text in rows
    }
    return MappingProxyType(looks)


FAMILIES: Mapping[Family, Mapping[str, StatusStyle]] = MappingProxyType(
    {
        "video": _looks(
            ("processing", "Processing", "autorenew", "blue", "A worker is at work on it, or was until it died."),
            ("analyzed", "Analyzed", "lightbulb", "violet", "Highlights are ready, nothing is rendered yet."),
            ("completed", "Completed", "check_circle", "green", "Every clip that was asked for is rendered."),
            ("failed", "Failed", "error", "red", "The worker gave up; the error message says why."),
        ),
        "clip": _looks(
            ("processing", "Processing", "autorenew", "blue", "Being rendered, or left behind by a dead worker."),
            ("completed", "Completed", "check_circle", "green", "The document says that it is rendered."),
            ("failed", "Failed", "error", "red", "Rendering this clip failed."),
        ),
        "source": _looks(
            ("pending", "Pending", "schedule", "gray", "The source video was not fetched yet."),
            ("downloading", "Downloading", "downloading", "blue", "The source video is being fetched."),
            ("ready", "Ready", "check_circle", "green", "The source video is in the cache."),
            ("expired", "Expired", "timer_off", "orange", "The cached source is gone; rendering must fetch it again."),
            ("failed", "Failed", "error", "red", "The source video could not be fetched."),
        ),
        "severity": _looks(
            ("error", "Error", "error", "red", "A customer is affected."),
            ("warning", "Warning", "warning", "orange", "Something is off, and no customer sees it yet."),
            ("info", "Info", "info", "blue", "Worth knowing; nothing is wrong."),
            ("ok", "OK", "check_circle", "green", "Nothing wrong was found."),
        ),
        "verdict": _looks(
            ("disclosure", "Disclosure", "privacy_tip", "red", "Another customer's file may be shown: worst of all."),
            ("healthy", "Healthy", "check_circle", "green", "Everything that should be there is there."),
            ("waiting", "Waiting", "hourglass_top", "blue", "New, and no highlights yet: the worker has time."),
            ("analysis_stalled", "Analysis stalled", "hourglass_disabled", "orange", "No highlights, no sign of work."),
            ("status_stuck", "Status stuck", "sync_problem", "orange", "The work is done, but the status was not set."),
            ("rendering", "Rendering", "autorenew", "blue", "Progress is moving."),
            ("render_stalled", "Render stalled", "pause_circle", "orange", "Rendering stopped part way."),
            (
                "highlights_missing",
                "Highlights missing",
                "playlist_remove",
                "red",
                "The customer still sees “processing”.",
            ),
            ("highlights_invalid", "Highlights invalid", "data_alert", "red", "The highlights cannot be read."),
            ("clips_missing", "Clips missing", "broken_image", "red", "Completed, but objects are missing or differ."),
            (
                "failed_transient",
                "Failed, retry may help",
                "replay",
                "orange",
                "The cause may pass, so a retry may help.",
            ),
            ("failed_permanent", "Failed for good", "block", "red", "Trying again cannot help."),
            ("quota_blocked", "Quota used up", "data_usage", "violet", "The quota was exceeded before the job ran."),
            ("access_denied", "Unknown: no access", "lock", "gray", "It could not be read now; the store is named."),
            ("record_incomplete", "Record incomplete", "assignment_late", "red", "It has clips, but no list shows it."),
            ("purged", "Purged", "delete_history", "gray", "A purge took it; the job says who, when and why."),
            ("not_found", "Not found", "search_off", "gray", "There is no such video."),
        ),
        "usage": _looks(
            ("ok", "Within limit", "check_circle", "green", "Below 80 % of the limit."),
            ("near_limit", "Near limit", "warning", "orange", "80 % of the limit and more."),
            ("exceeded", "Exceeded", "error", "red", "100 % of the limit and more."),
            ("unknown", "Unknown", "help", "gray", "The counter cannot be read, so nothing is known of it."),
        ),
        "presence": _looks(
            ("present", "Present", "check_circle", "green", "The object was seen."),
            ("absent", "Missing", "cancel", "red", "Proven: the bucket was asked and does not have it."),
            ("unknown", "Unknown", "help", "gray", "It could not be checked; nothing is known either way."),
        ),
        "check": _looks(
            ("ok", "OK", "check_circle", "green", "Works."),
            ("failed", "Failed", "error", "red", "Does not work; the remedy says what to do."),
            ("unknown", "Not checked", "help", "gray", "Could not be tried."),
        ),
        "job": _looks(
            ("planned", "Planned", "draft", "gray", "Nothing was changed yet."),
            ("approved", "Approved", "how_to_reg", "violet", "A second person approved it; nothing was changed yet."),
            ("running", "Running", "autorenew", "blue", "A worker has it."),
            ("interrupted", "Interrupted", "pause_circle", "orange", "Stopped part way; it can be resumed."),
            ("done", "Done", "check_circle", "green", "Finished, and verified."),
            ("residue", "Done, with leftovers", "warning", "orange", "Finished, but something is left."),
            ("failed", "Failed", "error", "red", "Stopped by an error."),
            ("undone", "Undone", "undo", "gray", "Everything that it deleted was put back."),
            ("ready", "Waiting for a worker", "hourglass_top", "blue", "Nothing was changed yet."),
            ("cancelled", "Cancelled", "stop_circle", "orange", "A person stopped it between two batches."),
            ("incomplete", "Ended, incomplete", "warning", "red", "Ended, but something is left or went missing."),
            (
                "undoing",
                "Being undone",
                "settings_backup_restore",
                "violet",
                "Its undo has begun; see the job of the undo.",
            ),
        ),
        "outcome": _looks(
            ("done", "Done", "check_circle", "green", "It happened."),
            ("begun", "Begun", "play_circle", "blue", "It was begun; a later entry says how it ended."),
            ("refused", "Refused", "shield", "orange", "A guard said no; nothing was changed."),
            ("failed", "Failed", "error", "red", "It was tried and did not work."),
        ),
    }
)


def look(family: Family, value: str | None) -> StatusStyle:
    """The style of the value. An unknown value keeps its own name, grey, and says that it is not known."""
    if value is None:
        return StatusStyle("", ABSENT, ":material/help:", "gray", "The document does not say.", known=False)
    known = FAMILIES[family].get(value)
    if known:
        return known
    return StatusStyle(
        value, plain(value, 40), ":material/help:", "gray", "Not a value that this desk knows.", known=False
    )


def tag(text: str, limit: int, *, icon: str, colour: Colour, note: str = "") -> None:
    """Draws a badge whose text comes from a store or a person; `note` is Markdown, shown on hover.

    `st.badge` escapes its label once more, so what `md` gives for an address or a bracket shows as it is written there.
    """
    before = f"{icon} " if icon else ""
    st.markdown(f":{colour}-badge[{before}{md(text, limit)}]", width="content", help=note or None)


def badge(family: Family, value: str | None) -> None:
    """Draws the badge, with its meaning on hover."""
    shown = look(family, value)
    tag(shown.word, 300, icon=shown.icon, colour=shown.colour, note=shown.meaning)


def badge_md(family: Family, value: str | None) -> str:
    """The badge as Markdown, to stand inside a caption or a table of facts."""
    shown = look(family, value)
    return f":{shown.colour}-badge[{shown.icon} {md(shown.word)}]"


def words(family: Family, values: Iterable[Any]) -> list[list[str]]:
    """The cells of a status column: lists of one word, as a column of coloured badges needs them."""
    return [[look(family, value if isinstance(value, str) else None).word] for value in values]


def column(family: Family, values: pd.Series[Any], label: str, **options: Any) -> Any:
    """The column configuration that colours what `words` gives for the same values; `options` go to the column."""
    seen = {row[0]: None for row in words(family, values.drop_duplicates())}
    shown = {known.word: known.colour for known in FAMILIES[family].values()}
    options_shown = [*shown, *(word for word in seen if word not in shown)]
    colours = [shown.get(word, "gray") for word in options_shown]
    return st.column_config.MultiselectColumn(label, options=options_shown, color=cast(Any, colours), **options)


def scale(family: Family, names: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """Words and colours of these values (default: of all) in order: domain and range of a chart's colour scale."""
    looks = [FAMILIES[family][name] for name in names or FAMILIES[family]]
    return [known.word for known in looks], [shade(known.colour) for known in looks]


def shade(colour: Colour) -> str:
    """The theme's shade of a colour in CSS. The browser takes that of its appearance, also when a person switches."""
    return _both(f"{colour}Color")


def text_colour() -> str:
    """The colour of text in CSS, for words on charts."""
    return _both("textColor")


def ground_colour() -> str:
    """The colour of the page in CSS, for lines and words on the filled parts of charts."""
    return _both("backgroundColor")


def _both(name: str) -> str:
    light, dark = (st.get_option(f"theme.{appearance}.{name}") for appearance in ("light", "dark"))
    return f"light-dark({light}, {dark})"
