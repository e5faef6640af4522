"""The answer of `scans diff`: new and gone findings, gravest first, and where findings come up again and again."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

import pandas as pd

from storage.domain.integrity import KINDS, SEVERITIES
from storage.domain.scans.harm import HARMS, harm_of
from storage.domain.scans.kept import KeptScan, compare, identities

MOST_OFFENDERS: Final = 10  # of each kind of group
LEAST: Final = 2  # findings that make an offender
BY: Final = ("customer", "key_prefix", "style", "day")


def finding_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A kept finding as commands print it: the fields of `verify`, and what is kept beside them."""
    last, made = _time(row["last_seen"]), _time(row["video_created_at"])
    found = {name: row[name] for name in ("kind", "severity", "uid", "video_id", "clip_id", "key")}
    found |= {name: None if row[name] is None else json.loads(row[name]) for name in ("expected", "actual")}
    found |= {"detail": row["detail"] or "", "last_seen_at": last}
    if row["disclosure"]:
        links = json.loads(row["links"]) if row["links"] else []
        found["disclosure"] = {
            "shown_to": row["uid"],
            "owner": row["owner"],
            "since": _time(row["since"]),
            "links": links,
        }
    return found | {
        "harm": harm_of(row["kind"], row["severity"], disclosure=row["disclosure"]),
        "first_seen": _time(row["first_seen"]),
        "last_seen": last,
        "first_scan": row["first_scan"],
        "looked_at": row["looked_at"],
        "doubted": row["doubted"],
        "email": row["email"],
        "plan": row["plan"],
        "title": row["title"],
        "style": row["style"],
        "made_at": _time(row["made_at"]),
        "video_age_days": None if last is None or made is None else max(0, (last - made).days),
    }


def findings_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Kept findings as commands print them, the gravest first."""
    return sorted((finding_of(row) for row in frame.to_dict("records")), key=_order)


def diff(old: KeptScan, new: KeptScan) -> dict[str, Any]:
    """The document of `scans diff`.

    `gone_findings` has only what the newer scan looked at and did not find; `not_looked_at` counts the rest. A new
    finding with `looked_before` false lies where the older scan did not look. `new_errors` counts the new ones that are
    errors.
    """
    compared = compare(old, new)
    fresh = new.frame.iloc[list(compared.new)]
    new_findings = [
        finding_of(row) | {"looked_before": before}
        for row, before in zip(fresh.to_dict("records"), compared.looked_before, strict=True)
    ]
    return {
        "old": old.head.scan_id,
        "new": new.head.scan_id,
        "old_at": old.head.finished_at,
        "new_at": new.head.finished_at,
        "complete": new.head.complete,
        "doubt": new.head.doubt,
        "not_looked_at_because": list(new.head.not_looked_at),
        "new_findings": sorted(new_findings, key=_order),
        "gone_findings": findings_of(old.frame.iloc[list(compared.gone)]),
        "still": compared.still,
        "not_looked_at": compared.not_looked_at,
        "new_errors": sum(one["severity"] == "error" for one in new_findings),
        "repeat_offenders": repeat_offenders(new.frame, set(identities(fresh))),
    }


def repeat_offenders(frame: pd.DataFrame, fresh: Collection[tuple[str | None, ...]] = ()) -> list[dict[str, Any]]:
    """Customers, folders of keys, styles and days (on which the clips were made) with several findings.

    Notes do not count. `scans` is the number of scans that saw something there for the first time; first come those to
    which findings keep coming, then those with most.
    """
    rows = frame[frame["severity"] != "info"]
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    columns = (rows[name].tolist() for name in ("uid", "key", "style", "made_at"))
    for place, (uid, key, style, made) in enumerate(zip(*columns, strict=True)):
        at = _time(made)
        for by, value in zip(BY, (uid, _folder(key), style, at and at.date().isoformat()), strict=True):
            if value:
                groups[by, value].append(place)
    names = identities(rows)
    scans, first, last = (rows[name].tolist() for name in ("first_scan", "first_seen", "last_seen"))
    found: list[dict[str, Any]] = []
    for (by, value), places in groups.items():
        if len(places) < LEAST:
            continue
        found.append(
            {
                "by": by,
                "value": value,
                "findings": len(places),
                "new": sum(names[place] in fresh for place in places),
                "scans": len({scans[place] for place in places}),
                "first_seen": _time(min(first[place] for place in places)),
                "last_seen": _time(max(last[place] for place in places)),
            }
        )
    found.sort(key=lambda one: (BY.index(one["by"]), -one["scans"], -one["findings"], one["value"]))
    kept: dict[str, int] = defaultdict(int)
    chosen = []
    for one in found:
        kept[one["by"]] += 1
        if kept[one["by"]] <= MOST_OFFENDERS:
            chosen.append(one)
    return chosen


def _folder(key: str | None) -> str | None:
    folder, slash, _ = (key or "").rpartition("/")
    return f"{folder}{slash}" or None


def _time(value: Any) -> datetime | None:
    if value is None or pd.isna(value):
        return None
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value  # type: ignore[no-any-return]


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    ids = (row["uid"], row["video_id"] or "", row["clip_id"] or "", row["key"] or "")
    place = KINDS.index(row["kind"]) if row["kind"] in KINDS else len(KINDS)
    grave = SEVERITIES.index(row["severity"]) if row["severity"] in SEVERITIES else len(SEVERITIES)
    return (HARMS.index(row["harm"]) if row["harm"] == "disclosure" else 1, grave, place, *ids)
