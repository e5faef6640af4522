"""The status map."""

from __future__ import annotations

from typing import get_args

import pandas as pd
import pytest
from streamlit.material_icon_names import ALL_MATERIAL_ICONS

from pages._ui.kit import status
from storage.domain.diagnosis.verdict import VerdictName


@pytest.mark.parametrize("family", list(status.FAMILIES))
def test_every_known_value_has_a_word_a_meaning_and_an_icon_that_exists(family: status.Family) -> None:
    looks = status.FAMILIES[family]
    assert len({look.word for look in looks.values()}) == len(looks)
    for value, look in looks.items():
        assert look.value == value
        assert look.meaning
        assert look.icon.removeprefix(":material/").removesuffix(":") in ALL_MATERIAL_ICONS


def test_the_verdicts_and_severities_of_the_command_line_are_all_there() -> None:
    assert set(status.FAMILIES["verdict"]) == set(get_args(VerdictName))
    assert {"error", "warning", "info"} <= set(status.FAMILIES["severity"])
    assert set(status.FAMILIES["usage"]) == {"ok", "near_limit", "exceeded", "unknown"}


def test_unknown_presence_looks_like_neither_present_nor_absent() -> None:
    colours = [status.look("presence", value).colour for value in ("present", "absent", "unknown")]
    assert len(set(colours)) == 3


def test_a_status_that_nobody_knows_keeps_its_own_name_and_is_grey() -> None:
    look = status.look("video", "**odd**\u202e")
    assert (look.word, look.colour, look.known) == ("**odd**\ufffd", "gray", False)
    assert status.badge_md("video", "**odd**") == r":gray-badge[:material/help: \*\*odd\*\*]"
    assert status.look("video", None).word == "—"


def test_a_status_column_has_a_colour_for_every_word_that_it_shows() -> None:
    values = pd.Series(["completed", "failed", "odd", None], dtype="string")
    cells = status.words("video", values)
    column = status.column("video", values, "Status")
    shown = {option["value"]: option["color"] for option in column["type_config"]["options"]}
    assert [cell[0] for cell in cells] == ["Completed", "Failed", "odd", "—"]
    assert [shown[cell[0]] for cell in cells] == ["green", "red", "gray", "gray"]
