"""Overview: who is near a limit, and which limit it is."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.rigs.lists import with_column
from tests.rigs.records import user
from tests.ui.conftest import LiveApp

PLANS = {
    "plans/none": {"id": "none", "name": "Paused", "limits": {"storage_limit_bytes": 0}},
    "plans/tiny": {"id": "tiny", "name": "Tiny", "limits": {"storage_limit_bytes": 1_000, "clips_per_month_limit": 50}},
}


def limits(shown: AppTest) -> dict[str, list[str]]:
    """What the table says of each user."""
    frame = with_column(shown, "limits")
    return {who: list(said) for who, said in zip(frame["who"], frame["limits"], strict=True)}


def test_every_limit_that_is_near_or_over_is_named_also_where_it_has_no_percentage(app: LiveApp) -> None:
    app.world.put(
        PLANS
        | {
            "users/u1": user("u1", email="over@example.com", plan="tiny", total_storage_bytes=1_300),
            "users/u2": user("u2", email="near@example.com", plan="tiny", total_storage_bytes=850),
            "users/u3": user("u3", email="paused@example.com", plan="none", total_storage_bytes=5),
            "users/u4": user("u4", email="calm@example.com", plan="tiny", total_storage_bytes=10),
        }
    )
    said = limits(app.open("overview"))
    assert said["over@example.com"] == ["Storage: 130.0 %"]
    assert said["near@example.com"] == ["Storage: 85.0 %"]
    assert said["paused@example.com"] == ["Storage: limit 0"]
    assert "calm@example.com" not in said
