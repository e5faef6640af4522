"""Streamlit's settings file: known names, safe values, both appearances readable."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from streamlit import config

SETTINGS: dict[str, Any] = tomllib.loads(
    (Path(__file__).resolve().parents[2] / ".streamlit" / "config.toml").read_text(encoding="utf-8")
)
COLOURS = ("red", "orange", "yellow", "green", "blue", "violet", "gray")


def names(settings: dict[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for name, value in settings.items():
        found += names(value, f"{prefix}{name}.") if isinstance(value, dict) else [f"{prefix}{name}"]
    return found


def test_every_setting_is_one_that_streamlit_knows() -> None:
    known = set(config.get_config_options())
    assert [name for name in names(SETTINGS) if name not in known] == []


def test_the_server_is_closed_by_default() -> None:
    server, client = SETTINGS["server"], SETTINGS["client"]
    assert server["address"] == "127.0.0.1"
    assert (server["enableXsrfProtection"], server["enableCORS"], server["enableStaticServing"]) == (True, True, False)
    assert (server["fileWatcherType"], server["headless"]) == ("none", True)
    assert (client["showErrorDetails"], client["showErrorLinks"], client["toolbarMode"]) == ("none", False, "viewer")
    assert SETTINGS["browser"]["gatherUsageStats"] is False
    assert SETTINGS["runner"]["magicEnabled"] is False


def test_no_setting_makes_a_browser_ask_another_host() -> None:
    assert not re.search(r"https?://", str(SETTINGS))


@pytest.mark.parametrize("appearance", ["light", "dark"])
def test_text_is_readable_in_both_appearances(appearance: str) -> None:
    theme = SETTINGS["theme"][appearance]
    assert contrast(theme["textColor"], theme["backgroundColor"]) >= 7
    assert contrast(theme["linkColor"], theme["backgroundColor"]) >= 4.5
    assert contrast("#FFFFFF", theme["primaryColor"]) >= 4.5
    for ground in ("backgroundColor", "secondaryBackgroundColor"):  # the border of what is chosen or has the focus
        assert contrast(theme["primaryColor"], theme[ground]) >= 3.3, ground
    for colour in COLOURS:
        assert contrast(theme[f"{colour}TextColor"], theme[f"{colour}BackgroundColor"]) >= 4.5, colour
        assert contrast(theme[f"{colour}Color"], theme["backgroundColor"]) >= 3, colour


def test_both_appearances_set_the_same_things() -> None:
    assert names(SETTINGS["theme"]["light"]) == names(SETTINGS["theme"]["dark"])


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
