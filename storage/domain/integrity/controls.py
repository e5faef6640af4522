"""Controls: a few objects that documents of other customers name. Whether those are there tells a customer's own loss
from a bucket that is not the one of this Firestore project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

WHAT = "of other customers that were looked for as a control"


@dataclass(frozen=True, slots=True)
class Controls:
    """How many controls are there, are proven missing, and could not be looked at (which is neither).

    `why` says what kept one of them, or the documents that name them, from being read; `example` is a missing key.
    """

    there: int = 0
    missing: int = 0
    unknown: int = 0
    example: str = ""
    why: str = ""

    @property
    def looked_for(self) -> int:
        """How many were looked for."""
        return self.there + self.missing + self.unknown

    @property
    def words(self) -> str:
        """The numbers in a clause."""
        if not self.looked_for:
            return f"no object {WHAT} could be named" + (f" ({self.why})" if self.why else "")
        are = "is" if self.there == 1 else "are"
        said = f"{self.there} of {self.looked_for} objects {WHAT} {are} there"
        return f"{said}, {self.unknown} could not be looked at ({self.why})" if self.unknown else said

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json` and for plans."""
        return {"looked_for": self.looked_for, **asdict(self)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`; `KeyError` or `TypeError` for what is none."""
        counts = [value[name] for name in ("there", "missing", "unknown")]
        texts = [value[name] for name in ("example", "why")]
        if not all(type(count) is int and count >= 0 for count in counts) or not all(type(t) is str for t in texts):
            raise TypeError("not controls")
        return cls(*counts, *texts)


@dataclass(frozen=True, slots=True)
class ClaimCounts:
    """What the completed clips of a scope say is there, and what of it is.

    `expected` counts the clips, `missing` those of them whose object is proven absent, `found` the objects of clips
    and thumbnails that are there. `example` is one of the missing keys, for a check by hand. `also_absent`: nothing is
    claimed, and something else that ought to be there (highlights) is not.
    """

    expected: int
    missing: int
    found: int
    example: str = ""
    also_absent: bool = False

    @property
    def none_found(self) -> bool:
        """Something ought to be there, and nothing of it is: controls must tell why."""
        return self.found == 0 and (self.missing > 0 or (self.expected == 0 and self.also_absent))


NO_CLAIMS = ClaimCounts(0, 0, 0)
