"""Who has which role: by e-mail address or group, from settings and from a file that is read anew when it changes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.domain.policy import ROLES, Role
from storage.settings_reader import Reader

_GROUP: Final = "group:"
_ADDRESS: Final = re.compile(r"[^@\s,;\"'<>()]+@[^@\s,;\"'<>()]+\.[^@\s,;\"'<>()]+")
_REMEDY: Final = "Write e-mail addresses, or group:NAME for a group of the identity provider."


@dataclass(frozen=True, slots=True)
class RoleBook:
    """Who was given which roles. Whoever is not in it has none."""

    people: Mapping[str, frozenset[Role]]
    groups: Mapping[str, frozenset[Role]]

    def __bool__(self) -> bool:
        return bool(self.people or self.groups)

    def roles_of(self, email: str, groups: Collection[str] = ()) -> frozenset[Role]:
        """The roles of somebody with this address, compared without case and blanks, and in these groups (exactly)."""
        roles = self.people.get(address(email), frozenset())
        return roles.union(*(self.groups.get(group, frozenset()) for group in groups))


def address(email: str) -> str:
    """An e-mail address as it is compared: without blanks around it, in lower case."""
    return email.strip().casefold()


def read_roles(reader: Reader, root: Path) -> RoleBook:
    """The roles of `ROLE_SUPPORT`, `ROLE_OPERATIONS`, `ROLE_ENGINEER`, `ROLE_ADMIN` and of the file at `ROLES_FILE`."""
    entries: list[tuple[Role, str]] = []
    for role in ROLES:
        name = f"ROLE_{role.upper()}"
        entries += _entries(reader, name, role, re.split(r"[\s,;]+", reader.text(name)))
    if (path := reader.path("ROLES_FILE")) is not None:
        entries += _file(reader, root / path)
    people: dict[str, frozenset[Role]] = {}
    groups: dict[str, frozenset[Role]] = {}
    for role, entry in entries:
        shelf, key = (groups, entry.removeprefix(_GROUP)) if entry.startswith(_GROUP) else (people, address(entry))
        shelf[key] = shelf.get(key, frozenset()) | {role}
    return RoleBook(people, groups)


def _entries(reader: Reader, where: str, role: Role, entries: list[str]) -> list[tuple[Role, str]]:
    good: list[tuple[Role, str]] = []
    for entry in (entry.strip() for entry in entries):
        if not entry:
            continue
        if _ADDRESS.fullmatch(entry) or (entry.startswith(_GROUP) and len(entry) > len(_GROUP)):
            good.append((role, entry))
        else:
            reader.problem(where, "names something that is neither an address nor a group", _REMEDY)
    return good


def _file(reader: Reader, path: Path) -> list[tuple[Role, str]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        what = "is not TOML" if isinstance(error, tomllib.TOMLDecodeError) else "cannot be read"
        reader.problem("ROLES_FILE", what, 'It is TOML with lines such as admin = ["ada@example.com"].')
        return []
    entries: list[tuple[Role, str]] = []
    for name, members in content.items():
        if name not in ROLES:
            reader.problem("ROLES_FILE", "names a role that does not exist", f"The roles are {', '.join(ROLES)}.")
        elif not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            reader.problem("ROLES_FILE", f"{name} is not a list of texts", _REMEDY)
        else:
            entries += _entries(reader, "ROLES_FILE", name, members)
    return entries
