"""Controls: a few objects that documents of other customers name.

Their presence tells a customer's own loss from a bucket that does not belong to this Firestore project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

WHAT = "of other customers that were looked for as a control"


@dataclass(frozen=True, slots=True)
class Controls:
    """The numbers of controls that are there, are proven missing, and could not be looked at (which proves neither).

    `why` is the reason why one of them, or a document that names one, could not be read; `example` is a missing key.
    """

    there: int = 0
    missing: int = 0
    unknown: int = 0
    example: str = ""
    why: str = ""

    @property
    def looked_for(self) -> int:
        """The number of controls that were looked for."""
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
        """The inverse of `as_dict`; raises `KeyError` or `TypeError` for other values."""
        counts = [value[name] for name in ("there", "missing", "unknown")]
        texts = [value[name] for name in ("example", "why")]
        if not all(type(count) is int and count >= 0 for count in counts) or not all(type(t) is str for t in texts):
            raise TypeError("not controls")
        return cls(*counts, *texts)


@dataclass(frozen=True, slots=True)
class ClaimCounts:
    """The claims of the completed clips of a scope, and how many of the objects are there.

    `expected` counts the clips, `missing` the clips whose object is proven absent, `found` the existing objects of
    clips and thumbnails. `example` is one of the missing keys, for a check by hand. `also_absent`: there are no claims,
    and another object or document that should exist (highlights) does not.
    """

    expected: int
    missing: int
    found: int
    example: str = ""
    also_absent: bool = False

    @property
    def none_found(self) -> bool:
        """Whether objects should be there and none is: controls must then tell why."""
        return self.found == 0 and (self.missing > 0 or (self.expected == 0 and self.also_absent))


NO_CLAIMS = ClaimCounts(0, 0, 0)
