"""Adds up the reports of many users without keeping them: what was checked, what was found, one doubt over all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from storage.domain.integrity.findings import KINDS, CacheCount, Checked, InFlight, Report, Suspicion
from storage.domain.integrity.suspicion import suspect_whole


class Totals:
    """The sum so far; memory does not grow with the number of users."""

    def __init__(self) -> None:
        self.checked = Checked()
        self.in_flight = InFlight()
        self.complete = True
        self.wrong = False
        self.suspected_users = 0
        self.incomplete_users = 0
        self._kinds: Counter[str] = Counter()
        self._caches: dict[str, CacheCount] = {}
        self._cost: Counter[str] = Counter()
        self._claimed = 0
        self._found = 0
        self._doubted = ""
        self._example = ""
        self._orphan = ""

    def add(self, report: Report) -> None:
        """Takes one user's report in."""
        self.checked += report.checked
        self.in_flight += report.in_flight
        self.complete = self.complete and report.complete
        self.wrong = self.wrong or report.wrong
        self.suspected_users += report.suspicion is not None
        self.incomplete_users += not report.complete
        self._claimed += report.claimed
        self._found += report.claims.found
        if report.suspicion is not None:
            self._doubted = self._doubted or report.suspicion.reason
        self._kinds.update(report.summary)
        self._cost.update(report.cost)
        for cache in report.caches:
            self._caches[cache.kind] = self._caches.get(cache.kind, CacheCount(cache.kind)) + cache
        self._example = self._example or _first_key(report, "missing_object")
        self._orphan = self._orphan or _first_key(report, "orphan_object")

    @property
    def summary(self) -> dict[str, int]:
        """Findings by kind, in the contract's order."""
        return {kind: self._kinds[kind] for kind in KINDS if self._kinds[kind]}

    @property
    def cost(self) -> Mapping[str, int]:
        """Billed operations of all reports."""
        return dict(self._cost)

    @property
    def suspicion(self) -> Suspicion | None:
        """A doubt over the whole scan: many small users whose clips are all missing look harmless one by one."""
        missing, orphans = self._kinds["missing_object"], self._kinds["orphan_object"]
        return suspect_whole(
            self._claimed, missing, self.checked.objects, orphans, self._example, self._orphan,
            found=self._found, doubted=self._doubted,
        )  # fmt: skip

    @property
    def actionable(self) -> bool:
        """Whether an action may be derived from any of the findings."""
        return self.suspicion is None and self.suspected_users == 0

    def as_dict(self, scope: str) -> dict[str, Any]:
        """The document of `verify --all --json` but for the findings, which the caller has streamed."""
        suspicion = self.suspicion
        return {
            "scope": scope,
            "implausible": suspicion.as_dict() if suspicion else None,
            "suspected_users": self.suspected_users,
            "complete": self.complete,
            "incomplete_users": self.incomplete_users,
            "checked": self.checked.as_dict(),
            "summary": self.summary,
            "in_flight": self.in_flight.as_dict(),
            "caches": [asdict(self._caches[kind]) for kind in sorted(self._caches)],
            "cost": self.cost,
        }


def _first_key(report: Report, kind: str) -> str:
    return next((found.key for found in report.findings if found.kind == kind and found.key), "")
