"""What people must be told, and who was told what: each state of each thing once for each target.

An `Alert` is something that stands now. It is told to each target again only when its state changes: an outage that
begins and ends is two messages, however often the desk looks. A thing that no longer stands has ended, unless the
sources of its rule could not be read: not looked at is not over. No text here holds an address, a title or a link to
media; a page of the desk shows those to people who may see them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

Rule = Literal[
    "store_away",
    "disclosure",
    "outage",
    "failure_group",
    "integrity",
    "purge_waits",
    "purge_incomplete",
    "request_waits",
    "undo_ends",
    "did_not_hold",
    "rollup_late",
    "scan_late",
]
RULES: Final[tuple[Rule, ...]] = get_args(Rule)
COLLECTION: Final = "ops_alerts"
ENDED: Final = "ended"
KEPT_DAYS: Final = 30  # how long an alert that has ended stays on the page
MOST_LINES: Final = 20  # alerts that one message lists; it counts the others


@dataclass(frozen=True, slots=True)
class RuleText:
    """What a rule watches, in words for the page.

    An urgent alert does not wait for the end of the quiet hours. Without `tells_end` only the beginning is news. With
    `until_told` it is about something that happened: it stands until every target has taken it.
    """

    title: str
    meaning: str
    urgent: bool = False
    tells_end: bool = True
    until_told: bool = False


TEXTS: Final[Mapping[Rule, RuleText]] = MappingProxyType(
    {
        "store_away": RuleText("Store away", "Firestore or the bucket does not answer the desk, or refuses.", True),
        "disclosure": RuleText("Disclosure", "A document shows one customer the clip of another.", True),
        "outage": RuleText(
            "Outage", "Videos stopped together at one step; sent when it begins and when it ends.", True
        ),
        "failure_group": RuleText(
            "Failures", "An error is new, had been resolved, or comes too often.", tells_end=False
        ),
        "integrity": RuleText(
            "Integrity",
            "A scan found errors that the one before it did not have.",
            tells_end=False,
            until_told=True,
        ),
        "purge_waits": RuleText(
            "Purge waits", "A purge, a joint repair or a removal needs a second person's approval.", tells_end=False
        ),
        "request_waits": RuleText("Request waits", "Somebody asks the team for something.", tells_end=False),
        "purge_incomplete": RuleText(
            "Purge incomplete", "A purge or an undo stopped, or left something.", tells_end=False
        ),
        "undo_ends": RuleText(
            "Undo ends", "Within a day a purge, a joint repair or a removal can no longer be undone.", tells_end=False
        ),
        "did_not_hold": RuleText(
            "Did not hold", "What was repaired came back, or something of a purge is there again.", tells_end=False
        ),
        "rollup_late": RuleText(
            "Rollup late", "The figures of all customers are older than a day, or were never made."
        ),
        "scan_late": RuleText("Scan late", "No scan of all customers was kept for longer than a day."),
    }
)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that stands now. `key` names the thing within its rule, and `page` the address of its page here."""

    rule: Rule
    key: str
    state: str
    summary: str
    page: str = ""

    @property
    def alert_id(self) -> str:
        """The id of its document: it holds no id of a customer."""
        return alert_id(self.rule, self.key)


def alert_id(rule: str, key: str) -> str:
    return f"{rule}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"


@dataclass(frozen=True, slots=True)
class KeptAlert:
    """An alert as the desk keeps it. `told` has, by target, the state that the target last took; `failed` the targets
    that did not take what they were last sent, and how often in turn: at the end they still learn of it."""

    alert: Alert
    first_at: datetime
    changed_at: datetime
    told: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    told_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.alert.state == ENDED

    def to_fields(self) -> dict[str, Any]:
        alert = self.alert
        return {
            "rule": alert.rule,
            "key": alert.key,
            "state": alert.state,
            "summary": alert.summary,
            "page": alert.page,
            "first_at": self.first_at,
            "changed_at": self.changed_at,
            "told": dict(self.told),
            "failed": dict(self.failed),
            "told_at": self.told_at,
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> KeptAlert | None:
        """`None` for a document that is no alert of this version."""
        if fields.get("rule") not in RULES or not isinstance(fields.get("key"), str):
            return None
        first, changed, told_at = (fields.get(name) for name in ("first_at", "changed_at", "told_at"))
        if not isinstance(first, datetime) or not isinstance(changed, datetime):
            return None
        told, failed = (fields.get(name) for name in ("told", "failed"))
        words = {name: str(fields.get(name) or "") for name in ("state", "summary", "page")}
        return cls(
            Alert(fields["rule"], fields["key"], **words),
            first,
            changed,
            {str(target): str(state) for target, state in told.items()} if isinstance(told, Mapping) else {},
            {str(target): int(tries) for target, tries in failed.items()} if isinstance(failed, Mapping) else {},
            told_at if isinstance(told_at, datetime) else None,
        )


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A time of each day, by UTC, in which only urgent alerts are sent. It may span midnight."""

    begin: time
    end: time

    def hold(self, now: datetime) -> bool:
        at = now.time()
        if self.begin <= self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert that is to be sent to one target."""

    kept: KeptAlert
    target: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a run does: `notices` to send, `suppressed` (told before, or held by quiet hours), and all alerts as they
    are to be kept before anything is sent; `over` are those that need not be kept any longer."""

    notices: tuple[Notice, ...]
    suppressed: int
    kept: tuple[KeptAlert, ...]
    over: tuple[KeptAlert, ...]


def decide(
    standing: Sequence[Alert],
    unread: Collection[Rule],
    kept: Iterable[KeptAlert],
    targets: Sequence[str],
    now: datetime,
    *,
    quiet: bool,
) -> Decision:
    """What to send to whom. `unread` are the rules whose sources could not be read: none of their alerts has ended."""
    before = {one.alert.alert_id: one for one in kept}
    present = {alert.alert_id: alert for alert in standing}
    merged = [_merged(before.get(name), alert, now) for name, alert in present.items()]
    for name, one in before.items():
        if name not in present:
            stays = one.ended or one.alert.rule in unread or _untold(one, targets)
            merged.append(one if stays else _ended(one, now))
    notices: list[Notice] = []
    suppressed = 0
    over: list[KeptAlert] = []
    for one in merged:
        due = [target for target in targets if one.told.get(target) != one.alert.state]
        if one.ended:
            # A target that was never told of the beginning learns of both in one message; a new target of neither.
            due = [target for target in due if target in one.told or target in one.failed or not one.told]
            due = due if TEXTS[one.alert.rule].tells_end else []
            if not due and now - one.changed_at > timedelta(days=KEPT_DAYS):
                over.append(one)
        if quiet and not TEXTS[one.alert.rule].urgent:
            due = []
        notices += [Notice(one, target) for target in due]
        suppressed += 0 if one.ended else len(targets) - len(due)
    gone = {one.alert.alert_id for one in over}
    return Decision(
        tuple(sorted(notices, key=lambda notice: (RULES.index(notice.kept.alert.rule), notice.kept.first_at))),
        suppressed,
        tuple(one for one in merged if one.alert.alert_id not in gone),
        tuple(over),
    )


def _untold(one: KeptAlert, targets: Sequence[str]) -> bool:
    """Whether somebody still has to learn of something that happened."""
    return TEXTS[one.alert.rule].until_told and any(one.told.get(target) != one.alert.state for target in targets)


def _merged(earlier: KeptAlert | None, alert: Alert, now: datetime) -> KeptAlert:
    if earlier is None:
        return KeptAlert(alert, now, now)
    if earlier.alert.state == alert.state:
        return replace(earlier, alert=alert)
    # What ended and stands again is new: every target is told, also those that were not told of the end.
    began = now if earlier.ended else earlier.first_at
    return replace(earlier, alert=alert, first_at=began, changed_at=now, failed={})


def _ended(one: KeptAlert, now: datetime) -> KeptAlert:
    return replace(one, alert=replace(one.alert, state=ENDED), changed_at=now)


def after(one: KeptAlert, target: str, now: datetime, *, ok: bool) -> KeptAlert:
    """The alert after it was sent to a target, which took it or did not."""
    failed = {name: tries for name, tries in one.failed.items() if name != target}
    if ok:
        return replace(one, told={**one.told, target: one.alert.state}, failed=failed, told_at=now)
    return replace(one, failed={**failed, target: one.failed.get(target, 0) + 1})


def message(notices: Sequence[Notice], desk_url: str) -> tuple[str, str]:
    """Title and plain text of one message for one target about several alerts."""
    urgent = any(TEXTS[notice.kept.alert.rule].urgent and not notice.kept.ended for notice in notices)
    first = notices[0].kept
    title = f"Clip Desk: {_heading(first)}" if len(notices) == 1 else f"Clip Desk: {len(notices)} alerts"
    lines = [_line(notice, desk_url) for notice in notices[:MOST_LINES]]
    if len(notices) > MOST_LINES:
        lines.append(f"… and {len(notices) - MOST_LINES} more: {desk_url}/alerts" if desk_url else "… and more.")
    return f"[urgent] {title}" if urgent else title, "\n".join(lines)


def _heading(one: KeptAlert) -> str:
    title = TEXTS[one.alert.rule].title
    return f"{title} over" if one.ended else title


def _line(notice: Notice, desk_url: str) -> str:
    one, alert = notice.kept, notice.kept.alert
    since = f"noticed {one.first_at:%Y-%m-%d %H:%M} UTC"
    if one.ended:
        since = f"from {one.first_at:%Y-%m-%d %H:%M} to {one.changed_at:%H:%M} UTC"
    again = " (sent again: the target did not confirm it before)" if one.failed.get(notice.target) else ""
    link = f" {desk_url}{alert.page}" if desk_url and alert.page else ""
    return f"{_heading(one)}: {alert.summary} ({since}){again}{link}"
