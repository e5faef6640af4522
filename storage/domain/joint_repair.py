"""One repair of many videos as a value: what would change in each, as a person saw it, sealed by a fingerprint.

Each row has the field changes of one video (or, for a recount, of one customer) beside each other. When the plan is
carried out, the evidence of each row is read again at its turn, and the row is made only where the same changes come
out of it: a video that moved meanwhile is refused, and the others go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, get_args

from storage.domain.changes import ABSENT, FieldChange
from storage.domain.purge.plan import PlanTarget, fingerprint_of, moment_text
from storage.domain.purge.scope import Scope
from storage.domain.row_plan import MOST_ROWS, Outcome, PlanForm, check_valid, sealed_dict, target_in, times_in
from storage.errors import BadInput, Refused
from storage.ids import is_stored_id

JointAction = Literal["set-status:failed", "set-status:completed", "recount", "rebuild-highlights"]
JOINT_ACTIONS: Final[tuple[JointAction, ...]] = get_args(JointAction)

FORM: Final = PlanForm("clip-desk-repair/1", "repair plan", "repair plan", "repairs", "rplan-", "repair-")
MANY: Final = Scope("*")  # the scope of a job about several customers; no customer may have this id in a purge
WHEN_WRITTEN: Final = "(the time when it is written)"
_SET_BY: Final = "Set by support: "


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One field of one document as it was shown. `before` and `after` are JSON; `before` is empty for an absent field.

    A time that the repair itself writes is not known before, and neither is the reason that a person gives: two plans
    of the same repair are alike in all else.
    """

    path: str
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class JointRow:
    """One video of the plan, or one customer where `video_id` is empty. `refused` says why nothing would be done."""

    uid: str
    video_id: str = ""
    changes: tuple[ShownChange, ...] = ()
    content: str = ""  # a digest of what is written beside the fields
    refused: str = ""

    @property
    def subject(self) -> str:
        return f"{self.uid}/{self.video_id}" if self.video_id else self.uid


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of one row. `change_ids` take back what was written."""

    uid: str
    video_id: str
    outcome: Outcome
    why: str = ""
    change_ids: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The row as commands print it."""
        found = {"uid": self.uid, "video_id": self.video_id, "outcome": self.outcome, "why": self.why}
        return {**found, "change_ids": list(self.change_ids)}


@dataclass(frozen=True, slots=True)
class JointPlan:
    """The repair of many videos. `maker` is a normalised address, `seal` an HMAC over the fingerprint."""

    plan_id: str
    maker: str
    action: JointAction
    target: PlanTarget
    created_at: datetime
    expires_at: datetime
    rows: tuple[JointRow, ...]
    seal: str = field(default="", compare=False)

    @property
    def job_id(self) -> str:
        return FORM.job_id(self.plan_id)

    @property
    def willing(self) -> int:
        """The rows that would be made."""
        return sum(not row.refused for row in self.rows)

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self._body())

    def as_dict(self) -> dict[str, Any]:
        """The plan in its JSON form."""
        return sealed_dict(self, self._body())

    def _body(self) -> dict[str, Any]:
        return FORM.body(self, [_row(row) for row in self.rows])

    @classmethod
    def from_dict(cls, value: object) -> JointPlan:
        """A plan from parsed JSON; `BadInput` where it is none, `Stale` where it was altered."""
        with FORM.parsing(value) as found:
            if found["action"] not in JOINT_ACTIONS:
                raise FORM.refusal("its action is unknown")
            made, expires = times_in(found)
            return cls(
                plan_id=str(found["plan_id"]),
                maker=str(found["maker"]),
                action=found["action"],
                target=target_in(found),
                created_at=made,
                expires_at=expires,
                rows=tuple(_parsed(row) for row in found["rows"]),
                seal=str(found.get("seal") or ""),
            )


def shown(changes: Sequence[FieldChange]) -> tuple[ShownChange, ...]:
    """The changes as a person sees them before they are made."""
    return tuple(ShownChange(c.path, c.field, _before(c.before), _after(c.after)) for c in changes)


def _before(value: Any) -> str:
    return "" if value is ABSENT else json.dumps(value, ensure_ascii=False, sort_keys=True, default=_plain)


def _after(value: Any) -> str:
    if isinstance(value, datetime):
        return json.dumps(WHEN_WRITTEN)
    if isinstance(value, str) and value.startswith(_SET_BY):
        return json.dumps(f"{_SET_BY}(the reason)")
    return "" if value is ABSENT else json.dumps(value, ensure_ascii=False, sort_keys=True, default=_plain)


def _plain(value: Any) -> str:
    return moment_text(value) if isinstance(value, datetime) else str(value)


def check_pairs(pairs: Sequence[tuple[str, str]], action: JointAction) -> tuple[tuple[str, str], ...]:
    """The videos of a plan, each once; for a recount the customers. `BadInput` for none, for too many, and
    for a customer where a video is needed."""
    chosen = dict.fromkeys((uid, "" if action == "recount" else video_id) for uid, video_id in pairs)
    if not chosen:
        raise BadInput("No video was named", field_name="videos", remedy="Give ROWS, --outage ID or --videos FILE.")
    whole = [uid for uid, video_id in chosen if not video_id]
    if whole and action != "recount":
        raise BadInput(
            f"The row {whole[0][:80]!r} names no video, which {action} needs",
            field_name="videos",
            remedy="Give it as UID/VIDEO_ID.",
        )
    if len(chosen) > MOST_ROWS:
        raise BadInput(
            f"{len(chosen):,} rows are more than one repair takes: {MOST_ROWS}",
            field_name="videos",
            remedy="Split them into several plans.",
        )
    return tuple(chosen)


def parse_videos(text: str) -> tuple[tuple[str, str], ...]:
    """The videos of a file: lines of `UID/VIDEO_ID` (or `UID`), or JSON: a list of `{"uid", "video_id"}`, or what
    `diagnose --stuck --json` prints. `BadInput` names the line that is none."""
    stripped = text.strip()
    if stripped.startswith(("[", "{")):
        return tuple(_entry(one, number) for number, one in enumerate(_entries(stripped), start=1))
    pairs = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        uid, _, video_id = line.strip().partition("/")
        pairs.append(_checked(uid, video_id, f"--videos: line {number}"))
    return tuple(pairs)


def parse_rows(rows: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The videos that a command line names, each `UID/VIDEO_ID` (or `UID`). `BadInput` names the one that is none."""
    parted = ((row, *row.partition("/")[::2]) for row in rows)
    return tuple(_checked(uid, video_id, f"ROWS: {row[:80]!r}") for row, uid, video_id in parted)


def _entries(text: str) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadInput("--videos is not JSON", field_name="videos", remedy="Give lines of UID/VIDEO_ID.") from None
    found = value.get("videos") if isinstance(value, dict) else value
    if not isinstance(found, list):
        raise BadInput("--videos has no list of videos", field_name="videos", remedy="Give lines of UID/VIDEO_ID.")
    return found


def _entry(one: Any, number: int) -> tuple[str, str]:
    if not isinstance(one, Mapping) or not isinstance(one.get("uid"), str):
        raise BadInput(
            f"--videos: entry {number} has no uid", field_name="videos", remedy='Each is {"uid": …, "video_id": …}.'
        )
    return _checked(one["uid"], str(one.get("video_id") or ""), f"--videos: entry {number}")


def _checked(uid: str, video_id: str, where: str) -> tuple[str, str]:
    if not is_stored_id(uid) or (video_id and not is_stored_id(video_id)):
        raise BadInput(f"{where} is not a UID/VIDEO_ID", field_name="videos", remedy="Take ids as find prints them.")
    return uid, video_id


def check_plan(plan: JointPlan, target: PlanTarget, now: datetime) -> None:
    """Raises unless the plan is for this bucket and project and is still valid, and names only its own customers."""
    check_valid(plan, target, now)
    strays = [
        change.path
        for row in plan.rows
        for change in row.changes
        if not change.path.startswith(f"users/{row.uid}/")
        and change.path not in {f"users/{row.uid}", f"storage_accounting/{row.uid}"}
    ]
    if strays:
        raise Refused("The plan names documents of others.", reasons=strays, remedy="Make the plan again.")


def _row(row: JointRow) -> dict[str, Any]:
    changes = [{"path": c.path, "field": c.field, "before": c.before, "after": c.after} for c in row.changes]
    found = {"uid": row.uid, "video_id": row.video_id, "changes": changes}
    return {**found, "content": row.content, "refused": row.refused}


def _parsed(value: Mapping[str, Any]) -> JointRow:
    uid, video_id = str(value["uid"]), str(value["video_id"])
    if not is_stored_id(uid) or (video_id and not is_stored_id(video_id)):
        raise FORM.refusal("a row names no usable ids")
    changes = tuple(
        ShownChange(str(c["path"]), str(c["field"]), str(c["before"]), str(c["after"])) for c in value["changes"]
    )
    return JointRow(uid, video_id, changes, str(value["content"]), str(value["refused"]))
