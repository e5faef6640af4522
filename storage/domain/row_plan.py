"""A sealed plan of rows, each made or refused alone: what joint repairs and plans for orphans have in common.

A plan is JSON with a format, its fingerprint (over everything but itself and the seal) and a seal. It lies below
`_ops/`, and the ids of plan and job follow from each other, so a person who applies a plan twice meets the first job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol

from storage.domain.layout import OPS_PREFIX
from storage.domain.purge.plan import PlanTarget, fingerprint_of, moment, moment_text
from storage.errors import BadInput, Refused, Stale

Outcome = Literal["done", "refused", "failed"]

LIFE: Final = timedelta(minutes=30)
MOST_ROWS: Final = 500
_OUTSIDE: Final = frozenset({"fingerprint", "seal"})  # what the fingerprint does not cover


class RowPlan(Protocol):
    """What all plans of rows have. `maker` is a normalised address, `seal` an HMAC over the fingerprint."""

    @property
    def plan_id(self) -> str: ...
    @property
    def maker(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def target(self) -> PlanTarget: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def seal(self) -> str: ...
    @property
    def job_id(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    def as_dict(self) -> dict[str, Any]:
        """The plan in its JSON form."""
        ...


@dataclass(frozen=True, slots=True)
class PlanForm:
    """The written form of one kind of plan. `noun` names it to people, `command` is the verb that makes one."""

    format: str
    noun: str
    command: str
    folder: str
    plan_prefix: str
    job_prefix: str

    def new_id(self, at: datetime, token: str) -> str:
        return f"{self.plan_prefix}{at:%Y%m%d-%H%M%S}-{token}"

    def job_id(self, plan_id: str) -> str:
        """The job of the plan with this id."""
        return f"{self.job_prefix}{plan_id.removeprefix(self.plan_prefix)}"

    def key(self, plan_id: str) -> str:
        """The key below `_ops/` under which any process of the desk finds a plan."""
        return f"{self.place}{plan_id}.json"

    @property
    def place(self) -> str:
        return f"{OPS_PREFIX}{self.folder}/"

    def refusal(self, why: str) -> BadInput:
        return BadInput(
            f"This is not a {self.noun}: {why}", field_name="FILE", remedy=f"Give the file that {self.command} wrote."
        )

    def body(self, plan: RowPlan, rows: list[dict[str, Any]], scope: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """All that the fingerprint covers. `scope` are the fields that name the customer, where a plan is for one."""
        return {
            "format": self.format,
            "plan_id": plan.plan_id,
            "maker": plan.maker,
            "action": plan.action,
            **(scope or {}),
            "bucket": plan.target.bucket,
            "project": plan.target.project,
            "key_prefix": plan.target.key_prefix,
            "created_at": moment_text(plan.created_at),
            "expires_at": moment_text(plan.expires_at),
            "rows": rows,
        }

    @contextmanager
    def parsing(self, value: object) -> Iterator[Mapping[str, Any]]:
        """The JSON of a plan, to take its parts from; `BadInput` where it is none, `Stale` where it was altered."""
        if not isinstance(value, Mapping) or value.get("format") != self.format:
            raise self.refusal(f"it is not a {self.noun} of this version")
        try:
            found = fingerprint_of({name: part for name, part in value.items() if name not in _OUTSIDE})
        except (ValueError, RecursionError):
            raise self.refusal("it holds something that no plan holds") from None
        if found != value.get("fingerprint"):
            raise Stale(
                "The plan was altered since it was made: its fingerprint does not fit its content.",
                reasons=("the fingerprint does not fit the content",),
                remedy="Make the plan again, and apply the file as it was written.",
            )
        try:
            yield value
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, BadInput):
                raise
            raise self.refusal("a part of it is missing or of the wrong type") from None


def sealed_dict(plan: RowPlan, body: dict[str, Any]) -> dict[str, Any]:
    """The plan in its JSON form."""
    return {"plan_id": plan.plan_id, "fingerprint": fingerprint_of(body), "seal": plan.seal, **body}


def target_in(value: Mapping[str, Any]) -> PlanTarget:
    return PlanTarget(str(value["bucket"]), str(value["project"]), str(value["key_prefix"]))


def times_in(value: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """When the plan was made, and when it expires."""
    return moment(value["created_at"]), moment(value["expires_at"])


def check_valid(plan: RowPlan, target: PlanTarget, now: datetime) -> None:
    """Raises unless the plan is for this bucket and project and is still valid."""
    if plan.target != target:
        raise Refused(
            f"The plan was made for bucket {plan.target.bucket!r} of project {plan.target.project!r}, not for this.",
            remedy="Apply it where it was made, or make it again here.",
        )
    if now >= plan.expires_at or plan.expires_at - plan.created_at > LIFE:
        raise Stale("The plan has expired.", reasons=("the plan has expired",), remedy="Make the plan again.")
