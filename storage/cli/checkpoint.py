"""Keeps the findings of a long scan on disk, one line for each user.

So memory stays flat, and a scan that was stopped goes on where it stopped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from storage.cli.output import plain
from storage.domain.integrity import KINDS, Failure, Report, Suspicion
from storage.domain.integrity.findings import suspect_whole
from storage.domain.json_lines import NEWLINE, lines_of
from storage.errors import BadInput
from storage.files import GrowingFile, check_writable, write_file

COLUMNS = ("severity", "kind", "uid", "video_id", "clip_id", "key", "expected", "actual", "detail")  # of a finding


class ScanLog:
    """A file of JSON lines: a header with the shard, then one line for each user. A line cut short is dropped."""

    def __init__(self, path: Path, header: dict[str, Any], name: str = "--checkpoint") -> None:
        self.path = path
        self._name = name
        self.users = 0
        self.last_uid: str | None = None
        self.last_stranger: str | None = None
        self.claimed = 0
        self.found: int | None = 0
        self.checked: Counter[str] = Counter()
        self.summary: Counter[str] = Counter()
        self.cost: Counter[str] = Counter()
        self.looked_into: dict[str, int] | None = None
        self.complete = True
        self.failure: Failure | None = None
        self.wrong = False
        self.implausible: list[dict[str, Any]] = []
        self.incomplete_users = 0
        self._file = self._open(header)

    def _open(self, header: dict[str, Any]) -> GrowingFile:
        check_writable(self.path, self._name)
        try:
            text, first = self.path.read_bytes().decode() if self.path.exists() else "", json.dumps(header)
            whole = lines_of(text)
            if (json.loads(whole[0]) != header) if whole else not first.startswith(text):
                raise BadInput(
                    f"{self.path} is the log of another scan", field_name="checkpoint", remedy="Name another file."
                )
            for line in whole[1:]:
                self._count(_usable(json.loads(line)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(
                f"{self.path} cannot be used as the log of a scan", field_name="checkpoint", remedy="Name another file."
            ) from None
        if not whole:
            whole = [first]
            write_file(self.path, f"{first}{NEWLINE}".encode(), self._name)
        return GrowingFile(self.path, sum(len(line.encode()) + len(NEWLINE) for line in whole), self._name)

    def add(self, report: Report, *, stranger: bool = False) -> None:
        """Adds one user's report: all of it is in the file when this returns, nothing of it where this raises.

        A `stranger` is a user that only the bucket knows.
        """
        line = {
            "uid": report.uid,
            "stranger": stranger,
            "claimed": report.claimed,
            "found": report.claims.found,
            "checked": report.checked.as_dict(),
            "complete": report.complete,
            "failure": report.failures[0] if report.failures else None,
            "wrong": report.wrong,
            "implausible": report.suspicion.as_dict() if report.suspicion else None,
            "cost": dict(report.cost),
            "findings": [finding.as_dict() for finding in report.findings],
        } | ({"looked_into": report.looked_into.as_dict()} if report.looked_into else {})
        self._file.add(f"{json.dumps(plain(line))}{NEWLINE}".encode())
        self._count(plain(line))

    def findings(self) -> Iterator[dict[str, Any]]:
        """Every finding, user by user, read back from the file."""
        with self.path.open(encoding="utf-8", newline=NEWLINE) as file:
            next(file)
            for line in file:
                yield from json.loads(line)["findings"]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every finding, with `stranger` and `doubted` (the result cannot be true) of its customer."""
        with self.path.open(encoding="utf-8", newline=NEWLINE) as file:
            next(file)
            for text in file:
                line = json.loads(text)
                about = {"stranger": line["stranger"], "doubted": line["implausible"] is not None}
                yield from ({**finding, **about} for finding in line["findings"])

    def kinds(self) -> dict[str, int]:
        """Findings by kind, in the contract's order."""
        return {kind: self.summary[kind] for kind in KINDS if self.summary[kind]}

    def suspicion(self) -> Suspicion | None:
        """The doubt about the whole scan: many small users, each without any clip, look harmless one by one."""
        missing, orphans = self.summary["missing_object"], self.summary["orphan_object"]
        return suspect_whole(
            self.claimed,
            missing,
            self.checked["objects"],
            orphans,
            self._example("missing_object"),
            self._example("orphan_object"),
            found=self.found,
            doubted=str(self.implausible[0]["reason"]) if self.implausible else "",
        )

    def _example(self, kind: str) -> str:
        keys = (finding["key"] for finding in self.findings() if finding["kind"] == kind)
        return next(keys, "") if self.summary[kind] else ""

    def close(self) -> None:
        """Flushes the file to the disk and closes it; the file stays."""
        self._file.close()

    def _count(self, line: dict[str, Any]) -> None:
        self.users += 1
        if line["stranger"]:
            self.last_stranger = line["uid"]
        else:
            self.last_uid = line["uid"]
        self.claimed += line["claimed"]
        found = line.get("found")  # a line of an earlier version lacks the count: then the scan's total is unknown
        self.found = None if found is None or self.found is None else self.found + found
        self.checked.update(line["checked"])
        self.cost.update(line["cost"])
        if looked := line.get("looked_into"):
            known = self.looked_into or {}
            self.looked_into = {name: known.get(name, 0) + count for name, count in looked.items()}
        self.summary.update(finding["kind"] for finding in line["findings"])
        self.complete = self.complete and line["complete"]
        self.incomplete_users += not line["complete"]
        if self.failure is None and line.get("failure"):
            self.failure = Failure(**line["failure"])
        self.wrong = self.wrong or line["wrong"]
        if line["implausible"] and len(self.implausible) < 100:
            self.implausible.append({"uid": line["uid"], **line["implausible"]})


def _usable(line: dict[str, Any]) -> dict[str, Any]:
    """The line as `add` writes it; raises `KeyError`, `TypeError` or `ValueError` for any other line."""
    looked = line.get("looked_into") or {}
    counts = (
        *line["checked"].values(),
        *line["cost"].values(),
        line["claimed"],
        line.get("found", 0),
        *looked.values(),
    )
    suspicion, failure = line["implausible"], line.get("failure") or {}
    rows: list[dict[str, Any]] = line["findings"]
    fine = (
        isinstance(line["uid"], str)
        and all(isinstance(line[name], bool) for name in ("stranger", "complete", "wrong"))
        and all(isinstance(count, int) and 0 <= count < 1 << 63 for count in counts)
        and all(isinstance(text, str) for text in failure.values())
        and (suspicion is None or isinstance(suspicion["reason"], str))
        and all(row["kind"] in KINDS and row.keys() >= set(COLUMNS) for row in rows)
        and all(value is None or isinstance(value, str | int) for row in rows for value in _values(row))
    )
    if not fine:
        raise ValueError("not a line of a scan's log")
    return line


def _values(finding: dict[str, Any]) -> Iterator[Any]:
    """Every plain value of a finding, those of a disclosure too."""
    for name, value in finding.items():
        if name == "disclosure" and isinstance(value, dict):
            yield from (value[field] for field in ("shown_to", "owner", "since"))
            yield from value["links"]
        else:
            yield value
