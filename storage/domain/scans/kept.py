"""What is kept of a scan: a table of findings (Parquet below `_ops/scans/`), and a summary (`ops_scans/{scan_id}`).

The table holds what is known at the end of the scan: the findings that it made (`looked_at`), and those of the scan
before that it did not look at, with the time when they were last seen. The summary names no customer.

Columns: those of a finding; `expected` and `actual` are JSON, since they may be numbers or words; `owner`, `since` and
`links` (JSON) of a disclosure; `stranger`: of a customer that only the bucket knows; `doubted`: the result about this
customer cannot be true; `email`, `plan`, `title`, `style` (the worker's), `made_at` (when the clip, else the video, was
made) and `video_created_at`, all as far as the documents say; `first_seen`, `last_seen` and `first_scan`, the scan that
saw it first; `looked_at`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from storage.domain.integrity import KINDS, SEVERITIES
from storage.domain.layout import OPS_PREFIX
from storage.domain.scans.coverage import Coverage, looked_at
from storage.domain.scans.harm import HARMS, harm_of
from storage.errors import Unusable

COLLECTION: Final = "ops_scans"
NEWEST: Final = "ops_scan_order/newest"  # the document that each whole scan writes as it becomes the newest
FOLDER: Final = f"{OPS_PREFIX}scans/"
VERSION: Final = 1
MAX_PARTS: Final = 1_000
IMPLAUSIBLE: Final = "So much is missing or left over that a wrong bucket, prefix or credential is more likely."
TEXTS: Final = (
    "kind", "severity", "uid", "video_id", "clip_id", "key", "expected", "actual", "detail", "owner", "links", "email",
    "plan", "title", "style", "first_scan",
)  # fmt: skip
FLAGS: Final = ("disclosure", "stranger", "doubted", "looked_at")
TIMES: Final = ("since", "made_at", "video_created_at", "first_seen", "last_seen")
COLUMNS: Final = (*TEXTS, *FLAGS, *TIMES)
TAKEN_OVER: Final = ("email", "plan", "title", "style", "made_at", "video_created_at")
# Fields that summaries of earlier versions do not have.
_LATER: Final = ("cluster_scan", "claimed", "found", "run", "at")
IDENTITY: Final = ("kind", "uid", "video_id", "clip_id", "key")


def scan_path(scan_id: str) -> str:
    """The document of a scan's summary."""
    return f"{COLLECTION}/{scan_id}"


def table_key(scan_id: str) -> str:
    """The object with a scan's findings."""
    return f"{FOLDER}{scan_id}/findings.parquet"


@dataclass(frozen=True, slots=True)
class ScanOutcome:
    """What a scan did, whatever engine ran it; its findings come beside it.

    `not_looked_at` says in words, without a customer's name, what it left out. `asked_by` is the person on a page.
    `cluster_scan` names the scan on a cluster that keeps this as one of its ranges, with what its clips `claimed` and
    what was `found`, by which the whole is doubted. `run` names the run of whose shards this is one.
    """

    started_at: datetime
    finished_at: datetime
    coverage: Coverage
    complete: bool
    checked: Mapping[str, int]
    looked_into: Mapping[str, int] | None = None
    not_looked_at: tuple[str, ...] = ()
    doubt: str = ""
    asked_by: str = ""
    cluster_scan: str = ""
    claimed: int = 0
    found: int = 0
    run: str = ""


@dataclass(frozen=True, slots=True)
class ScanHead:
    """The summary of a kept scan.

    `part` is `(I, N)` of a shard that waits for its join, else `None`. `complete`: it looked at everything that it was
    to look at, for every customer. `summary` counts its own findings by kind; `open` counts all that are known at its
    end by harm, those too that it did not look at (`carried`). `before` is the scan that it was compared with as it was
    kept: so many findings are `new` since, `gone`, and `still` there. `doubt`: the result cannot be true. `sha256` and
    `rows` are those of the table. `cluster_scan`, `claimed` and `found` are set in a range of a scan on a cluster.
    `run` is the run of whose shards it is a part, or all parts. `at` is the place of a whole scan among the others:
    when it ended, but always behind the one that was the newest as it was kept. A part has none.
    """

    scan_id: str
    started_at: datetime
    finished_at: datetime
    kept_at: datetime
    complete: bool
    part: tuple[int, int] | None
    strangers: bool
    contents: float | None
    checked: Mapping[str, int]
    looked_into: Mapping[str, int] | None
    summary: Mapping[str, int]
    severities: Mapping[str, int]
    open: Mapping[str, int]
    carried: int
    rows: int
    before: str | None
    new: int
    new_errors: int
    gone: int
    still: int
    not_looked_at: tuple[str, ...] = ()
    doubt: str = ""
    asked_by: str = ""
    joined_from: tuple[str, ...] = ()
    sha256: str = ""
    cluster_scan: str = ""
    claimed: int = 0
    found: int = 0
    run: str = ""
    at: datetime | None = None

    @property
    def findings(self) -> int:
        """The number of findings that are known at its end."""
        return sum(self.open.values())

    @property
    def disclosures(self) -> int:
        """The number of findings by which a customer may see another's file."""
        return self.open.get("disclosure", 0)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as `scans --json` prints them."""
        return {**asdict(self), "part": list(self.part) if self.part else None}


@dataclass(frozen=True, slots=True)
class ScanUnderWay:
    """A scan on a cluster of which `ranges` are kept, `of` so many, and that is not joined yet: going on, or killed."""

    scan_id: str
    started_at: datetime
    kept_at: datetime
    ranges: int
    of: int


@dataclass(frozen=True, slots=True, eq=False)
class KeptScan:
    """A kept scan with its table of findings; `etag` is that of the table's object, where it was read from one."""

    head: ScanHead
    coverage: Coverage
    frame: pd.DataFrame
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two states of knowledge as counts; `new` and `gone` are the positions of rows in the newer and the older one."""

    new: Sequence[int] = field(default_factory=tuple)
    looked_before: Sequence[bool] = field(default_factory=tuple)
    gone: Sequence[int] = field(default_factory=tuple)
    still: int = 0
    not_looked_at: int = 0


def head_fields(head: ScanHead) -> dict[str, Any]:
    """The document. Only a whole scan, not a part of one, has `at`: so a query by it finds no part."""
    fields = head.as_dict()
    fields |= {"not_looked_at": list(head.not_looked_at), "joined_from": list(head.joined_from), "version": VERSION}
    if head.part:
        del fields["at"]
    else:
        fields["at"] = head.at or head.finished_at
    return fields


def head_from(fields: Mapping[str, Any]) -> ScanHead:
    """The summary that `head_fields` wrote. Raises `Unusable` for anything else."""
    try:
        if fields["version"] != VERSION:
            raise ValueError("it was written by another version of the desk")
        kept = {name: fields[name] for name in ScanHead.__dataclass_fields__ if name not in _LATER or name in fields}
        for name in ("started_at", "finished_at", "kept_at", *(["at"] if "at" in kept else [])):
            if not isinstance(kept[name], datetime):
                raise TypeError(f"{name} is not a time")
        for name in ("carried", "rows", "new", "new_errors", "gone", "still"):
            if isinstance(kept[name], bool) or not isinstance(kept[name], int):
                raise TypeError(f"{name} is not a number")
        for name in ("checked", "summary", "severities", "open"):
            kept[name] = {str(one): int(count) for one, count in kept[name].items()}
        part = kept["part"]
        kept["part"] = None if part is None else (int(part[0]), int(part[1]))
        kept |= {name: tuple(map(str, kept[name])) for name in ("not_looked_at", "joined_from")}
        return ScanHead(**kept)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise Unusable(
            f"The summary of a kept scan cannot be read: {str(error)[:200]}.",
            remedy="Scan again: python -m storage verify --all --keep. A purge needs that summary removed: delete its "
            f"document in {COLLECTION}, and what lies below {FOLDER} under the same id.",
            target=scan_path(str(fields.get("scan_id") or "")),
        ) from None


def frame_of(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Findings as a frame with all columns and their types; what a row does not have is unknown, a flag is false."""
    frame = pd.DataFrame.from_records(list(rows), columns=list(COLUMNS))
    return typed(frame)


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns with their types, in order. A text is a `str` or `None`."""
    columns: dict[str, Any] = {}
    for name in TEXTS:
        values = [one.encode(errors="replace").decode() if isinstance(one, str) else None for one in frame[name]]
        columns[name] = pd.Series(values, dtype="object")
    for name in FLAGS:
        columns[name] = pd.Series([one is True or one is np.True_ for one in frame[name].tolist()], dtype=bool)
    for name in TIMES:
        columns[name] = pd.to_datetime(pd.Series(frame[name].tolist(), dtype="object"), utc=True).astype(
            "datetime64[us, UTC]"
        )
    return pd.DataFrame(columns, columns=list(COLUMNS))


def identities(frame: pd.DataFrame) -> list[tuple[str | None, ...]]:
    """The identity of each finding across scans: its kind and what it is about, not what was measured."""
    return list(zip(*(frame[name].tolist() for name in IDENTITY), strict=True))


def known_after(
    found: pd.DataFrame, coverage: Coverage, before: KeptScan | None, scan_id: str, began: datetime | None = None
) -> pd.DataFrame:
    """What is known after a scan: its findings, each once, and those of the scan before that it did not look at.

    A finding that was there before keeps the time and the scan of its first sight. One that the scan before saw after
    this one `began` stays too: this one may have looked there earlier.
    """
    found = typed(found[~pd.Series(identities(found), dtype="object").duplicated().to_numpy(dtype=bool)])
    found["looked_at"] = True
    found["first_seen"] = found["first_seen"].fillna(found["last_seen"])
    found["first_scan"] = scan_id
    if before is None or not len(before.frame):
        return found
    old = before.frame
    places = {identity: place for place, identity in enumerate(identities(old))}
    at = [places.get(identity, -1) for identity in identities(found)]
    for name in ("first_seen", "first_scan", *TAKEN_OVER):
        mine, theirs = found[name].tolist(), old[name].tolist()
        first = name.startswith("first_")
        found[name] = [
            theirs[place] if place >= 0 and (first or pd.isna(own)) else own
            for own, place in zip(mine, at, strict=True)
        ]
    proven = looked_at(old, coverage, found) & ~_seen_since(old, began)
    carried = old[~(proven | old.index.isin([place for place in at if place >= 0]))]
    if not len(carried):
        return typed(found)
    return typed(pd.concat([found, carried.assign(looked_at=False)], ignore_index=True))


def compare(old: KeptScan, new: KeptScan) -> Comparison:
    """What is new in the newer scan, what of the older one it proved gone, what is still there.

    `looked_before` is false for a new finding where the older scan did not look: it may be older than that scan. What
    the older scan saw after the newer one began is not proven gone.
    """
    seen = np.flatnonzero(new.frame["looked_at"].to_numpy(dtype=bool))
    known_old = set(identities(old.frame))
    known_new = identities(new.frame)
    fresh = [int(place) for place in seen if known_new[place] not in known_old]
    before = looked_at(new.frame.iloc[fresh], old.coverage, old.frame)
    there = {known_new[place] for place in seen}
    proven = looked_at(old.frame, new.coverage, new.frame) & ~_seen_since(old.frame, new.head.started_at)
    absent = [place for place, identity in enumerate(identities(old.frame)) if identity not in there]
    gone = [place for place in absent if proven[place]]
    return Comparison(fresh, [bool(one) for one in before], gone, len(old.frame) - len(absent), len(absent) - len(gone))


def _seen_since(rows: pd.DataFrame, began: datetime | None) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which of these findings were seen after a scan began that ran at the same time."""
    if began is None or not len(rows):
        return np.zeros(len(rows), dtype=bool)
    return np.asarray(rows["last_seen"] > began, dtype=bool)


def head_of(
    scan_id: str,
    outcome: ScanOutcome,
    frame: pd.DataFrame,
    compared: Comparison,
    *,
    kept_at: datetime,
    before: str | None,
    part: tuple[int, int] | None = None,
    joined_from: tuple[str, ...] = (),
    newest: datetime | None = None,
) -> ScanHead:
    """The summary of a scan with this table; `newest` is the place of the scan that was the newest so far."""
    own = frame[frame["looked_at"]]
    kinds, severities = own["kind"].value_counts(), own["severity"].value_counts()
    errors = frame.iloc[list(compared.new)]["severity"] == "error"
    return ScanHead(
        scan_id=scan_id,
        started_at=outcome.started_at,
        finished_at=outcome.finished_at,
        kept_at=kept_at,
        complete=outcome.complete,
        part=part,
        strangers=outcome.coverage.strangers,
        contents=outcome.coverage.contents,
        checked=dict(outcome.checked),
        looked_into=None if outcome.looked_into is None else dict(outcome.looked_into),
        summary={kind: int(kinds[kind]) for kind in KINDS if kind in kinds},
        severities={name: int(severities[name]) for name in SEVERITIES if name in severities},
        open=open_by_harm(frame),
        carried=len(frame) - len(own),
        rows=len(frame),
        before=before,
        new=len(compared.new),
        new_errors=int(errors.sum()),
        gone=len(compared.gone),
        still=compared.still,
        not_looked_at=outcome.not_looked_at,
        doubt=outcome.doubt,
        asked_by=outcome.asked_by,
        joined_from=joined_from,
        cluster_scan=outcome.cluster_scan,
        claimed=outcome.claimed,
        found=outcome.found,
        run=outcome.run,
        at=None if part else _behind(newest, outcome.finished_at),
    )


def _behind(newest: datetime | None, finished_at: datetime) -> datetime:
    """The place of a scan that ended then: two that end at once, or clocks that disagree, do not change the order in
    which scans took over what the one before knew."""
    return finished_at if newest is None else max(finished_at, newest + timedelta(microseconds=1))


def open_by_harm(frame: pd.DataFrame) -> dict[str, int]:
    """The numbers of findings by harm, the gravest first."""
    harms = pd.Series(harms_of(frame), dtype="object").value_counts()
    return {harm: int(harms[harm]) for harm in HARMS if harm in harms}


def harms_of(frame: pd.DataFrame) -> list[str]:
    """The harm of each finding."""
    columns = (frame[name].tolist() for name in ("kind", "severity", "disclosure"))
    return [harm_of(kind, severity, disclosure=flag) for kind, severity, flag in zip(*columns, strict=True)]


def plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row in JSON's types; `frame_of` takes it back."""
    values: dict[str, Any] = {name: None if pd.isna(value) else value for name, value in row.items()}
    return values | {name: values[name].isoformat() for name in TIMES if values[name] is not None}


def expired(heads: Iterable[ScanHead], now: datetime, days: int) -> list[ScanHead]:
    """The scans to be removed: past their time, but never the newest whole one, which the next is compared with."""
    found = list(heads)
    whole = (head for head in found if head.part is None)
    newest = max(whole, key=lambda head: head.at or head.finished_at, default=None)
    limit = now - timedelta(days=days)
    return [head for head in found if head.kept_at < limit and head is not newest]
