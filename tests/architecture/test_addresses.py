"""Every page shows customers' addresses through one function, which knows who may see them."""

from __future__ import annotations

import re
from pathlib import Path

from storage.domain.policy import LEAST_ROLE, ROLES, Action

ROOT = Path(__file__).resolve().parents[2]
NAMES = re.compile(r"""\[["']email["']\]|get\(["']email["']\)|(?<!actor)(?<!who)(?<!person)(?<!\))\.email\b""")
# Parts that open to nobody who does not see addresses, by the action that opens them.
BEHIND: dict[str, Action] = {
    "pages/_ui/views/failures.py": "diagnose",
    "pages/_ui/views/stuck.py": "diagnose",
    "pages/_ui/views/kept.py": "verify",
    "pages/_ui/views/purge/home.py": "purge.plan",
}

DEMO_ALONE = {"pages/_ui/views/stories.py"}  # names a customer of the sample data, and live mode never draws it


def test_every_file_that_names_an_address_shows_it_through_the_one_function() -> None:
    named = set()
    for path in [*(ROOT / "pages").glob("*.py"), *(ROOT / "pages" / "_ui" / "views").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        if NAMES.search(text) and "addresses.seen()" not in text:
            named.add(path.relative_to(ROOT).as_posix())
    assert named == set(BEHIND) | DEMO_ALONE
    see = ROLES.index(LEAST_ROLE["address.see"])
    assert all(ROLES.index(LEAST_ROLE[action]) >= see for action in BEHIND.values())
