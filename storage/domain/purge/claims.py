"""What the completed clips of a scope claim, which claims were never seen, and what a person acknowledged.

The claims are the keys of completed clips and the thumbnails that they name. Highlights and caches are never claimed:
they may expire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from storage.domain.integrity.controls import Controls
from storage.text import number

ACKNOWLEDGE = "--acknowledge-missing"


def never_seen_words(count: int) -> str:
    """`1 claimed object was never seen`, `2 claimed objects were never seen`."""
    return f"{number(count, 'claimed object')} {'was' if count == 1 else 'were'} never seen"


@dataclass(frozen=True, slots=True)
class Claims:
    """How many objects are claimed, and the keys of those that were never seen, sorted.

    `controls` are the objects that were looked for because no claim was found. `acknowledged`: the plan's maker said
    that the purge may go on without the missing objects.
    """

    claimed: int
    missing: tuple[str, ...] = ()
    acknowledged: bool = False
    controls: Controls | None = None

    @property
    def found(self) -> int:
        """How many claims were seen."""
        return self.claimed - len(self.missing)

    @property
    def may_be_acknowledged(self) -> bool:
        """Whether it is a loss, as far as anybody can know: a control was found, or no control was necessary."""
        seen = self.found > 0 if self.controls is None else self.controls.there > 0
        return bool(self.missing) and not self.acknowledged and seen

    @property
    def words(self) -> str:
        """What is missing, as a clause, with the controls."""
        beside = f"; {self.controls.words}" if self.controls is not None else ""
        return (
            f"{len(self.missing):,} of {self.claimed:,} objects that completed clips claim are not there, for example "
            f"{self.missing[0]}{beside}"
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "claimed": self.claimed,
            "found": self.found,
            "missing": list(self.missing),
            "acknowledged_missing": self.acknowledged,
            "controls": self.controls.as_dict() if self.controls is not None else None,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`; `KeyError` or `TypeError` for any other value."""
        claimed, missing, acknowledged = value["claimed"], value["missing"], value["acknowledged_missing"]
        right = type(claimed) is int and type(acknowledged) is bool and all(type(key) is str for key in missing)
        if not right or claimed < len(missing):
            raise TypeError("not claims")
        looked = value["controls"]
        return cls(claimed, tuple(missing), acknowledged, None if looked is None else Controls.from_dict(looked))
