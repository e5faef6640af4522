"""The table of all customers: a row for each, written by the rollup as Parquet below `_ops/rollups/`.

Columns: `uid`, `email`, `plan`, `joined`; of each quota (`storage`, `clips`, `credits`) `_used`, `_limit`, `_percent`
and `_state`, NA where the quota does not apply; `worst_percent` and `state`, the gravest; `actual_bytes` and `clips`,
the sum and the number of the clip documents; `size_bytes`, the greater of that sum and the counter; `worst_bytes`, the
largest drift of a counter of bytes, and `drifts`, each drifting counter as JSON. NA is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from storage.domain.amounts import INT64
from storage.domain.documents import User
from storage.domain.layout import OPS_PREFIX
from storage.domain.rollup import EMAIL_CHARS, QUOTAS
from storage.domain.usage import Truth, Usage

FOLDER: Final = f"{OPS_PREFIX}rollups/"
TEXTS: Final = ("uid", "email", "plan", "state", "drifts", *(f"{name}_state" for name in QUOTAS))
WHOLES: Final = (
    "actual_bytes",
    "size_bytes",
    "clips",
    "worst_bytes",
    *(f"{name}_{part}" for name in QUOTAS for part in ("used", "limit")),
)
NUMBERS: Final = ("worst_percent", *(f"{name}_percent" for name in QUOTAS))
FLAGS: Final = ("worker_refuses",)
TIMES: Final = ("joined",)
COLUMNS: Final = (*TEXTS, *WHOLES, *NUMBERS, *FLAGS, *TIMES)


def table_suffix(index: int, count: int) -> str:
    """The end of the names of a shard's tables."""
    return f"-shard-{index:03d}-of-{count:03d}.parquet"


def customer_row(user: User, found: Usage, truth: Truth | None) -> Mapping[str, Any]:
    """One customer. A number beyond 64 bits is unknown here; the customer's own page has it."""
    quotas = dict(zip(QUOTAS, (found.storage, found.clips, found.credits), strict=True))
    row: dict[str, Any] = {}
    for name, quota in quotas.items():
        row |= {
            f"{name}_used": _fits(quota.used) if quota else None,
            f"{name}_limit": _fits(quota.limit) if quota else None,
            f"{name}_percent": quota.percent if quota else None,
            f"{name}_state": quota.state if quota else None,
        }
    percents = [quota.percent for quota in quotas.values() if quota and quota.percent is not None]
    drifts = {counter.name: counter.drift for counter in found.drifting}
    sizes = [size for size in (found.actual_bytes, found.storage.used) if size is not None]
    worst = [abs(drift or 0) for name, drift in drifts.items() if name.endswith("_bytes")]
    return row | {
        "uid": user.uid,
        "email": user.email[:EMAIL_CHARS] if user.email else None,
        "plan": found.plan.plan_id,
        "joined": user.created_at,
        "state": found.worst_state,
        "worst_percent": max(percents, default=None),
        "actual_bytes": _fits(found.actual_bytes),
        "size_bytes": _fits(max(sizes, default=None)),
        "clips": truth.count if truth is not None else None,
        "worst_bytes": _fits(max(worst, default=0)) if drifts else None,
        "drifts": json.dumps(drifts) if drifts else None,
        "worker_refuses": found.worker is not None and found.worker.refuses,
    }


def _fits(number: int | None) -> int | None:
    return number if number is not None and number in INT64 else None
