"""Rows of a frame as the frozen values that single documents become: NA is `None`, and the path is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from storage.domain.model import Clip, User
from storage.errors import Oddity


def clip_of(row: Mapping[Any, Any]) -> Clip:
    """One row of a frame of clips."""
    return Clip(**_known(row))


def user_of(row: Mapping[Any, Any], oddities: tuple[Oddity, ...] = ()) -> User:
    """One row of a frame of users."""
    return User(**_known(row), oddities=oddities)


def _known(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: None if _is_na(value) else _plain(value) for name, value in row.items() if name != "path"}


def _is_na(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _plain(value: Any) -> Any:
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value
