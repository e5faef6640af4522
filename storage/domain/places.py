"""Where a plan or a job is shown, by its id: the page of the desk, and the group of commands.

Every id says its kind by its first word, whoever names it: an address, the audit, an alert, a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import quote

from storage.domain import joint_repair, orphans

PURGE_PLANS: Final = "plan-"
PURGE_JOBS: Final = "purge-"
REST: Final = "[0-9]{8}-[0-9]{6}-[0-9a-f]{8}"  # of an id, behind its first word
_ID: Final = re.compile(rf"([a-z]+-){REST}(-undo|-empty)?")
_WITHIN: Final = re.compile(rf"(?<![\w-]){_ID.pattern}(?![\w-])")


@dataclass(frozen=True, slots=True)
class DeskPlace:
    """A page, its parameter that takes the id, the group of commands, and what the id names."""

    page: str
    parameter: str
    command: str
    kind: Literal["plan", "job"]
    of: str

    @property
    def noun(self) -> str:
        """What the id names, in words."""
        return f"the {self.kind} {self.of}"

    def address(self, name: str) -> str:
        """The address within the desk of what has this id."""
        return f"/{self.page}?{self.parameter}={quote(name)}"


_PLACES: Final[Mapping[str, DeskPlace]] = MappingProxyType(
    {
        PURGE_PLANS: DeskPlace("purge", "plan", "purge", "plan", "of a purge"),
        PURGE_JOBS: DeskPlace("purge", "job", "purge", "job", "of a purge"),
        joint_repair.FORM.plan_prefix: DeskPlace("processing", "repair", "repair", "plan", "of a joint repair"),
        joint_repair.FORM.job_prefix: DeskPlace("processing", "repair", "repair", "job", "of a joint repair"),
        orphans.FORM.plan_prefix: DeskPlace("uploads", "orphans", "orphans", "plan", "for files without a document"),
        orphans.FORM.job_prefix: DeskPlace("uploads", "orphans", "orphans", "job", "for files without a document"),
    }
)


def places_in(text: str) -> dict[str, DeskPlace]:
    """The plans and jobs whose ids stand in the text, in their order."""
    found = {match[0]: place_of(match[0]) for match in _WITHIN.finditer(text)}
    return {name: place for name, place in found.items() if place is not None}


def place_of(name: str) -> DeskPlace | None:
    """Where the plan or job with this id is shown; `None` for a text that is no such id."""
    found = _ID.fullmatch(name)
    return _PLACES.get(found[1]) if found else None
