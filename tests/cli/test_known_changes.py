"""What changed between two kept scans is new in the second, exactly; `benchmarks/fleet.py` does it with a fleet."""

from __future__ import annotations

import random

import pytest

from tests.cli.conftest import Desk
from tests.cli.test_cluster import LETTERS
from tests.cli.test_scans import customer, film, key


def test_known_changes_of_far_apart_customers_are_exactly_what_is_new(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")
    chance = random.Random(7)
    uids = sorted("".join(chance.choices(LETTERS, k=28)) for _ in range(15))
    for uid in uids:
        customer(desk, uid, clips=1, missing=(1,) if uid == uids[3] else ())
    first = desk.run("verify", "--all", "--keep", "--json").json
    desk.writer.delete([key(uids[0], 1), key(uids[7], 1)])
    desk.put(key(uids[10], 1), film()[:-1])
    desk.put(key(uids[14], 1), b"")
    second = desk.run("verify", "--all", "--keep", "--json").json
    told = desk.run("scans", "diff", first["scan_id"], second["scan_id"], "--json").json
    assert {(one["kind"], one["uid"]) for one in told["new_findings"]} == {
        ("missing_object", uids[0]),
        ("missing_object", uids[7]),
        ("size_mismatch", uids[10]),
        ("empty_object", uids[14]),
    }
    assert (told["gone_findings"], told["still"]) == ([], 1)
    assert second["checked"]["users"] == 15
