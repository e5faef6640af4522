"""This machine's clock: what stands in for it in tests is handed in where it is asked."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The present, aware and in UTC."""
    return datetime.now(UTC)
