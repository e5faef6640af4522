"""What a purge, an undo, another plan or one more video would do to a customer's usage, before it is done.

A supposition says what changes; `what_if` applies it to the documents as they were read and evaluates the usage again
by the same rules, so that before and after differ by nothing else.

- May upload (source: the product's API): storage is not used up (a limit of 0 blocks nothing there), and the credits
  that are left pay for the cheapest clip. Older deployments count clips a month instead.
- The worker asks for 50 MiB of room before each clip, so that of one more video it may make only the first clips; the
  credits of all of them are charged before.
- A purge and its undo set the counters to the sum over the clip documents, so they also end a drift.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from storage.domain.amounts import exact_sum, whole
from storage.domain.changes import FieldChange
from storage.domain.credits import ANALYSIS, CHEAPEST, price_of
from storage.domain.documents import Accounting, User
from storage.domain.purge.plan import PurgePlan
from storage.domain.usage import (
    CLIP_ROOM_BYTES,
    FALLBACK_PLAN,
    Plans,
    Quota,
    Truth,
    Usage,
    WorkerQuota,
    evaluate_usage,
    normalise,
)
from storage.errors import BadInput
from storage.text import number, percent_words, size_words


@dataclass(frozen=True, slots=True)
class Basis:
    """The documents that usage is evaluated from. `truth` is `None` where the clips could not be read."""

    user: User
    accounting: Accounting | None
    plans: Plans
    truth: Truth | None

    def usage(self, now: datetime) -> Usage:
        """The usage of these documents."""
        return evaluate_usage(self.user, self.plans, self.accounting, self.truth, now)


@dataclass(frozen=True, slots=True)
class Supposed:
    """What is supposed to happen; `words` say it (`without the video v1`).

    `size_bytes` and `clips` are what the clip documents gain. The counters gain the same, or become the documents' sum
    (`recounted`), or get the values of `fields`, by their names in the documents. `making` are the sizes of the clips
    that the worker is asked for, and `credits` what is charged for them. `gone`: the whole account goes.
    """

    words: str
    size_bytes: int = 0
    clips: int = 0
    recounted: bool = False
    fields: Mapping[str, int] | None = None
    making: tuple[int, ...] = ()
    credits: int = 0
    plan: str | None = None
    gone: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether the customer may upload, and whether the worker makes clips; `None` where that is not known."""

    may_upload: bool | None
    why_not: tuple[str, ...]
    worker_refuses: bool | None


@dataclass(frozen=True, slots=True)
class Made:
    """How many clips of one more video the worker would make of those asked for, and why it would stop."""

    asked: int
    made: int
    size_bytes: int
    credits: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Usage now and then. `made` is `None` where no video is supposed."""

    supposed: tuple[str, ...]
    before: Usage
    after: Usage
    made: Made | None
    notes: tuple[str, ...]

    @property
    def all_notes(self) -> tuple[str, ...]:
        """What the worker would make, then what to know about the figures."""
        made = self.made
        if made is None:
            return self.notes
        charged = f"and {made.credits:,} credits are charged{f': {made.why}' if made.why else ''}."
        return (f"Of {number(made.asked, 'clip')} the worker makes {made.made:,}, {charged}", *self.notes)

    @property
    def summary(self) -> str:
        """The storage then, and each verdict that changes, in a line."""
        first, then = admission(self.before), admission(self.after)
        said = [f"storage {_share(self.before.storage)} → {_share(self.after.storage)}"]
        if first.may_upload != then.may_upload:
            said.append(f"may upload: {_yes(first.may_upload)} → {_yes(then.may_upload)}")
        if first.worker_refuses != then.worker_refuses:
            said.append(f"worker refuses: {_yes(first.worker_refuses)} → {_yes(then.worker_refuses)}")
        return "; ".join(said)

    def as_dict(self) -> dict[str, Any]:
        """The answer of `usage --json`."""
        made = self.made
        return {
            "supposed": list(self.supposed),
            "before": _part(self.before),
            "after": _part(self.after),
            "made": made and {name: getattr(made, name) for name in ("asked", "made", "size_bytes", "credits", "why")},
            "notes": list(self.notes),
        }


def rows(found: WhatIf) -> list[tuple[str, str, str]]:
    """Each figure and verdict, now and then, for a reader; a monthly quota only where there is one."""
    before, after = found.before, found.after
    shown = [
        ("Plan", before.plan.plan_id, after.plan.plan_id),
        ("Storage", _share(before.storage), _share(after.storage)),
        ("Clip documents", _size(before.actual_bytes), _size(after.actual_bytes)),
    ]
    for name, first, then in (
        ("Clips this month", before.clips, after.clips),
        ("Credits this month", before.credits, after.credits),
    ):
        if first is not None or then is not None:
            shown.append((name, _count(first), _count(then)))
    shown.append(("May upload", _may(admission(before)), _may(admission(after))))
    shown.append(("Worker", _worker(before.worker), _worker(after.worker)))
    return shown


def _share(quota: Quota) -> str:
    percent = "" if quota.percent is None else f" ({percent_words(quota.percent)})"
    return f"{_size(quota.used)} of {size_words(quota.limit)}{percent}"


def _size(size_bytes: int | None) -> str:
    return "unknown" if size_bytes is None else size_words(size_bytes)


def _count(quota: Quota | None) -> str:
    if quota is None:
        return "-"
    return f"{'unknown' if quota.used is None else f'{quota.used:,}'} of {quota.limit:,}"


def _yes(answer: bool | None) -> str:
    return "unknown" if answer is None else ("yes" if answer else "no")


def _may(found: Admission) -> str:
    return f"no: {'; '.join(found.why_not)}" if found.why_not else _yes(found.may_upload)


def _worker(worker: WorkerQuota | None) -> str:
    if worker is None:
        return "unknown"
    does = "refuses" if worker.refuses else "makes clips"
    return f"{does}, {size_words(worker.room_bytes)} left of {size_words(worker.limit_bytes)}"


def admission_words(usage: Usage) -> str:
    """Both answers in a sentence."""
    found = admission(usage)
    worker = {True: "refuses", False: "makes clips", None: "is not known"}[found.worker_refuses]
    return f"May upload: {_may(found)}. The worker {worker}."


def basis_of(user: User, accounting: Accounting | None, plans: Plans, usage: Usage) -> Basis:
    """The basis where only sums of the clips were read."""
    counts = (one.truth for one in usage.counters if one.truth is not None and one.name.endswith("clips_count"))
    count, size = next(counts, None), usage.actual_bytes
    known = count is not None and size is not None
    truth = Truth(count or 0, size, usage.unsized_clips or 0, None, complete=True) if known else None
    return Basis(user, accounting, plans, truth)


def what_if(account: Basis, supposed: Sequence[Supposed], now: datetime) -> WhatIf:
    """Usage after all of these, one after the other."""
    before = account.usage(now)
    made, notes = None, list[str]()
    for one in supposed:
        notes += _notes(account, one, now)
        account, asked = _applied(account, one, now)
        made = asked or made
    return WhatIf(tuple(one.words for one in supposed), before, account.usage(now), made, tuple(dict.fromkeys(notes)))


def _notes(account: Basis, one: Supposed, now: datetime) -> Iterator[str]:
    yield from one.notes
    tier = account.user.plan_tier
    if one.plan is not None and tier is not None:
        yield f"The worker still uses the document's plan_tier ({tier[:40]}), which another plan does not change."
    usage = account.usage(now)
    drift = next((counter.drift for counter in usage.counters if counter.name == usage.enforced_by), None)
    if one.recounted and drift:
        wrong = f"{size_words(abs(drift))} too {'high' if drift > 0 else 'low'}"
        yield f"The counter is {wrong} now; this sets it to the sum of the clip documents."


def admission(usage: Usage) -> Admission:
    """The two answers for these figures."""
    why, unknown = [], False
    storage = usage.storage
    if storage.used is None:
        unknown = True
    elif storage.limit > 0 and storage.used >= storage.limit:
        why.append(f"the storage of {size_words(storage.limit)} is used up")
    for quota, least, words in (
        (usage.credits, CHEAPEST, f"fewer than {CHEAPEST} credits are left, which the cheapest clip costs"),
        (usage.clips, 1, "this month's clips are used up"),
    ):
        if quota is not None and quota.used is None:
            unknown = True
        elif quota is not None and quota.limit - (quota.used or 0) < least:
            why.append(words)
    may = False if why else (None if unknown else True)
    return Admission(may, tuple(why), usage.worker.refuses if usage.worker else None)


def admission_document(usage: Usage) -> dict[str, Any]:
    """The answer as JSON has it."""
    found = admission(usage)
    return {"may_upload": found.may_upload, "why_not": list(found.why_not), "worker_refuses": found.worker_refuses}


def on_plan(written: str, plans: Plans) -> Supposed:
    """Another plan in the user's document. `BadInput` for a plan that there is neither a default nor a document of."""
    name = written.strip()
    found = plans.of(name)
    if not found.known:
        known = ", ".join(sorted({*plans.defaults, *plans.documents}))
        raise BadInput(f"There is no plan {name[:40]!r}", field_name="if_plan", remedy=f"One of: {known}.")
    return Supposed(f"on the plan {normalise(name)}", plan=name)


def without(clips: pd.DataFrame, video_id: str, clip_id: str = "") -> Supposed:
    """A purge of a video, or of one of its clips; `clips` are all of the user's. `BadInput` where there is none."""
    frame = clips[clips["exists"].to_numpy(dtype=bool, na_value=False) & (clips["video_id"] == video_id)]
    if clip_id:
        frame = frame[frame["clip_id"] == clip_id]
    words = f"without the clip {clip_id}" if clip_id else f"without the video {video_id}"
    if clip_id and not len(frame):
        raise BadInput(
            f"The video has no clip {clip_id[:80]!r}",
            field_name="if_without",
            remedy="find names the clips of a video.",
        )
    return Supposed(words, -exact_sum(frame["file_size_bytes"]), -len(frame), recounted=True, notes=(_NOT_GIVEN_BACK,))


def without_account() -> Supposed:
    """A purge of the whole user."""
    return Supposed(
        "without the whole account",
        gone=True,
        notes=("The next sign-in of this customer creates a new account: free, with nothing used.",),
    )


def purged(words: str, size_bytes: int, clips: int) -> Supposed:
    """A purge of clips with these sizes in their documents."""
    return Supposed(words, -size_bytes, -clips, recounted=True, notes=(_NOT_GIVEN_BACK,))


def restored(job_id: str, size_bytes: int, clips: int) -> Supposed:
    """The undo of a purge that took clips of this size; their documents may say another one."""
    return Supposed(
        f"after the undo of the purge {job_id}",
        size_bytes,
        clips,
        recounted=True,
        notes=("What the undo brings back counts by the size of its objects; its documents may say another.",),
    )


def with_changes(words: str, changes: Iterable[FieldChange], uid: str, clips: int = 0) -> Supposed:
    """A recount or its undo, or the undo of an upload; `clips` is what it adds to the documents.

    A recount names the counters themselves; where none is named they move with the documents, as those of an upload.
    """
    fields, gained = dict[str, int](), 0
    for change in changes:
        if change.path in {f"users/{uid}", f"storage_accounting/{uid}"} and (value := whole(change.after)) is not None:
            fields[change.field] = value
        elif change.field == "file_size_bytes":
            gained += (whole(change.after) or 0) - (whole(change.before) or 0)
    return Supposed(words, gained, clips, fields=fields or None)


def as_planned(plan: PurgePlan, usage: Usage) -> Supposed:
    """A purge as its plan has it: the counters that it sets are those of the clips that stay."""
    uid = plan.scope.uid
    if plan.scope.kind == "user":
        return without_account()
    own = {f"users/{uid}", f"storage_accounting/{uid}"}
    found = {one.field: one.after for one in plan.counters if one.path in own and isinstance(one.after, int)}
    size = found.get("total_storage_bytes", found.get("styled_clips_bytes"))
    clips = sum(one.path.split("/")[-2] == "clips" for one in plan.documents)
    gained = 0 if size is None or usage.actual_bytes is None else int(size) - usage.actual_bytes
    return Supposed(
        "after this purge",
        gained,
        -clips,
        fields={name: int(value) for name, value in found.items()},
        notes=(_NOT_GIVEN_BACK,),
    )


def one_more(clips: pd.DataFrame, text: str) -> Supposed:
    """One more video whose clips play so long in all (`10m`), or have so many bytes (`500MiB`).

    Their mean length, size and price are those of the clips that this customer has. `BadInput` where there is none, or
    for a text that is neither a length nor a size.
    """
    seconds, size_bytes = _length_or_size(text)
    there = clips[clips["exists"].to_numpy(dtype=bool, na_value=False)]
    sized = there[there["file_size_bytes"].fillna(0) > 0]
    timed = sized[sized["duration_seconds"].fillna(0) > 0]
    if not len(sized) or (seconds is not None and not len(timed)):
        raise BadInput(
            "This customer has no clip with a size and a length to go by",
            field_name=_OF_VIDEO,
            remedy="Give a size, such as 500MiB."
            if len(sized)
            else "There is nothing to estimate one more video from.",
        )
    mean = max(1, exact_sum(sized["file_size_bytes"]) // len(sized))
    if seconds is not None:
        played = float(timed["duration_seconds"].sum())
        asked = max(1, round(seconds * len(timed) / played))
        total = round(seconds * exact_sum(timed["file_size_bytes"]) / played)
    else:
        asked, total = max(1, round(size_bytes / mean)), size_bytes
    if asked > MOST_CLIPS:
        raise BadInput(f"That is {asked:,} clips", field_name=_OF_VIDEO, remedy="Give a shorter or a smaller video.")
    each, rest = divmod(total, asked)
    prices = [price_of(None if pd.isna(style) else str(style)) for style in sized["style"]]
    credits = ANALYSIS + -(-sum(prices) * asked // len(prices))
    return Supposed(
        f"with one more video whose clips {'play' if seconds is not None else 'have'} {text.strip()} in all",
        making=tuple(each + (position < rest) for position in range(asked)),
        credits=credits,
        notes=(
            f"By this customer's own clips, one more such video has {number(asked, 'clip')} of {size_words(mean)} on "
            f"average, and takes {credits:,} credits: {ANALYSIS} for the analysis, the rest for the clips.",
        ),
    )


_OF_VIDEO = "--if-video-of"
MOST_CLIPS = 10_000
_LENGTH = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(s|min|m|h)", re.IGNORECASE)
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)\s*(B|[KMGT]i?B)?", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3_600}


def _length_or_size(text: str) -> tuple[float | None, int]:
    """Seconds and 0, or `None` and bytes."""
    value: tuple[float | None, float] = (None, 0)
    if found := _LENGTH.fullmatch(text.strip()):
        value = (float(found[1]) * _SECONDS[found[2].lower()], 0)
    elif found := _SIZE.fullmatch(text.strip()):
        unit = (found[2] or "B").lower()
        base = 1024 if "i" in unit else 1000
        value = (None, float(found[1]) * base ** "bkmgt".index(unit[0]))
    if not 1 <= (value[1] if value[0] is None else value[0]) <= 1e15:
        raise BadInput(
            f"{text[:40]!r} is neither a length nor a size",
            field_name=_OF_VIDEO,
            remedy="Give how long its clips play in all, such as 10m, or their size, such as 500MiB.",
        )
    return value[0], int(value[1])


_NOT_GIVEN_BACK = "Credits and clips of this month are not given back by a purge."


def _applied(account: Basis, one: Supposed, now: datetime) -> tuple[Basis, Made | None]:
    if one.gone:
        nothing = Truth(0, 0, 0, None, complete=True)
        fresh = replace(
            account.user,
            plan=FALLBACK_PLAN,
            plan_tier=None,
            total_storage_bytes=0,
            total_clips_count=0,
            credits_used_this_month=account.user.credits_used_this_month and 0,
            clips_used_this_month=account.user.clips_used_this_month and 0,
        )
        return Basis(fresh, None, account.plans, nothing), None
    if one.plan is not None:
        account = replace(account, user=replace(account.user, plan=one.plan))
    if one.making or one.credits:
        return _rendered(account, one, now)
    return _counted(account, one.size_bytes, one.clips, recounted=one.recounted, fields=one.fields), None


def _rendered(account: Basis, one: Supposed, now: datetime) -> tuple[Basis, Made]:
    """The account after the clips that the worker makes, one after the other, until it finds no room for the next."""
    usage = account.usage(now)
    asked = len(one.making)
    refused = admission(usage)
    left = None if usage.credits is None or usage.credits.used is None else usage.credits.limit - usage.credits.used
    if refused.may_upload is False:
        return account, Made(asked, 0, 0, 0, f"refused: {'; '.join(refused.why_not)}")
    if left is not None and one.credits > left:
        charged = _charged(account, usage, now, ANALYSIS)
        return charged, Made(asked, 0, 0, ANALYSIS, f"refused: its clips cost {one.credits - ANALYSIS:,} credits")
    room = usage.worker.room_bytes if usage.worker else None
    made, size = 0, 0
    for clip in one.making:
        if room is not None and room - size < CLIP_ROOM_BYTES:
            break
        made, size = made + 1, size + clip
    why = "" if made == asked else f"the worker stops after {number(made, 'clip')}, without room for the next"
    after = _charged(_counted(account, size, made), usage, now, one.credits, made)
    return after, Made(asked, made, size, one.credits, why)


def _charged(account: Basis, usage: Usage, now: datetime, credits: int, clips: int = 0) -> Basis:
    """The account after a charge in this month; a counter of an earlier month begins at 0."""
    used: dict[str, int] = {}
    for name, quota, more in (
        ("credits_used_this_month", usage.credits, credits),
        ("clips_used_this_month", usage.clips, clips),
    ):
        if quota is not None and quota.used is not None:
            used[name] = quota.used + more
    month = now.astimezone(UTC).strftime("%Y-%m")
    return replace(account, user=replace(account.user, usage_reset_month=month, **used))  # type: ignore[arg-type]


def _counted(
    account: Basis,
    size_bytes: int,
    clips: int,
    *,
    recounted: bool = False,
    fields: Mapping[str, int] | None = None,
) -> Basis:
    """The account after its clip documents gained so much, and its counters with them."""
    truth = account.truth
    known = truth is not None and truth.size_bytes is not None
    if truth is not None:
        total = None if truth.size_bytes is None else max(0, truth.size_bytes + size_bytes)
        truth = replace(truth, count=max(0, truth.count + clips), size_bytes=total, by_video=None)
    user, books = account.user, account.accounting

    def after(value: int | None, name: str, more: int, of_documents: int | None) -> int | None:
        if fields is not None:
            return fields.get(name, value)
        if value is None or (recounted and not known):
            return None
        return of_documents if recounted else value + more

    total, count = (truth.size_bytes, truth.count) if truth is not None else (None, None)
    user = replace(
        user,
        total_storage_bytes=after(user.total_storage_bytes, "total_storage_bytes", size_bytes, total),
        total_clips_count=after(user.total_clips_count, "total_clips_count", clips, count),
    )
    if books is not None:
        books = replace(
            books,
            styled_clips_bytes=after(books.styled_clips_bytes, "styled_clips_bytes", size_bytes, total),
            styled_clips_count=after(books.styled_clips_count, "styled_clips_count", clips, count),
        )
    return replace(account, user=user, accounting=books, truth=truth)


def _part(usage: Usage) -> dict[str, Any]:
    storage = usage.storage
    return {
        "plan": usage.plan.plan_id,
        "storage": {
            "used_bytes": storage.used,
            "actual_bytes": usage.actual_bytes,
            "limit_bytes": storage.limit,
            "percent": storage.percent,
            "state": storage.state,
        },
        "clips": _quota(usage.clips),
        "credits": _quota(usage.credits),
        "worker": None if usage.worker is None else asdict(usage.worker),
        **admission_document(usage),
    }


def _quota(quota: Quota | None) -> dict[str, Any] | None:
    if quota is None:
        return None
    return {name: getattr(quota, name) for name in ("used", "limit", "percent", "state")}
