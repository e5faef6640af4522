"""Diagnoses drafts: the analysis of a draft leaves status, error and scenes only there, and no video while it runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.domain.diagnosis.advice import NextStep, permanent_reply
from storage.domain.diagnosis.confidence import Confidence, confidence
from storage.domain.diagnosis.evidence import Evidence
from storage.domain.diagnosis.failures import ReadFailure, read_failure
from storage.domain.diagnosis.signals import CLOCK_TOLERANCE
from storage.domain.diagnosis.verdict import VerdictName
from storage.domain.drafts import AnalysisDraft, Charge, DraftScene
from storage.domain.integrity import Severity
from storage.domain.processing import silence_limit
from storage.domain.replies import Reply, reply
from storage.text import age, moment, number, quoted

_SEES: dict[str, str] = {
    "pending": "A draft that waits to be analysed.",
    "downloading": "A draft whose source is being fetched.",
    "analyzing": "A draft that is being analysed.",
    "completed": "A draft to choose scenes from.",
    "failed": "A draft marked as failed, with its error.",
    "expired": "A draft that has expired.",
}


@dataclass(frozen=True, slots=True)
class DraftFacts:
    """The facts about a draft at `now`. `scenes` and `charges` are `None` where they were not read."""

    draft: AnalysisDraft
    now: datetime
    stale_after: timedelta
    scenes: Sequence[DraftScene] | None = None
    charges: Sequence[Charge] | None = None

    @property
    def video_ids(self) -> tuple[str, ...]:
        """The videos made from the draft, as far as charges name them."""
        return tuple(dict.fromkeys(charge.video_id for charge in self.charges or () if charge.video_id))


@dataclass(frozen=True, slots=True)
class DraftDiagnosis:
    """One verdict for one draft, in the words of a video's."""

    uid: str
    draft_id: str
    verdict: VerdictName
    severity: Severity
    summary: str
    since: datetime | None
    cause: str
    status: str
    customer_sees: str
    evidence: tuple[Evidence, ...]
    actions: tuple[NextStep, ...]
    answer: Reply
    video_ids: tuple[str, ...]
    looked_at: datetime
    confidence: Confidence

    @property
    def reply(self) -> str:
        """The reply to the customer in the language of the staff."""
        return self.answer.words()

    @property
    def age(self) -> timedelta | None:
        """The time for which the draft has been in this state; never negative."""
        return None if self.since is None else max(timedelta(0), self.looked_at - self.since)

    @property
    def needs_person(self) -> bool:
        """Whether a person must act."""
        return self.severity == "error" or self.verdict == "quota_blocked"

    def as_dict(self) -> dict[str, Any]:
        """The document of `diagnose --json`, as for a video, with the draft's id and the videos made from it."""
        span = self.age
        return {
            "uid": self.uid,
            "draft_id": self.draft_id,
            "video_id": None,
            "video_ids": list(self.video_ids),
            "verdict": self.verdict,
            "severity": self.severity,
            "summary": self.summary,
            "since": self.since,
            "cause": self.cause,
            "stage": "analysis",
            "status": self.status,
            **self.confidence.as_dict(),
            "customer_sees": self.customer_sees,
            "evidence": [{"check": e.check, "observed": e.observed, "ok": e.ok} for e in self.evidence],
            "actions": [step.as_dict() for step in self.actions],
            "reply": self.reply,
            "age_seconds": None if span is None else int(span.total_seconds()),
            "looked_at": self.looked_at,
        }


def diagnose_draft(facts: DraftFacts) -> DraftDiagnosis:
    """The diagnosis from facts gathered once; any facts give exactly one verdict."""
    draft = facts.draft
    failure = read_failure(draft.error_message)
    verdict, severity, summary, cause = _verdict(facts, failure)
    evidence = tuple(_evidence(facts, failure))
    return DraftDiagnosis(
        uid=draft.uid,
        draft_id=draft.draft_id,
        verdict=verdict,
        severity=severity,
        summary=summary,
        since=_touched(facts),
        cause=cause,
        status=draft.status,
        customer_sees=_SEES.get("expired" if _expired(facts) else draft.status, _SEES["pending"]),
        evidence=evidence,
        actions=tuple(_actions(facts, verdict)),
        answer=_answer(facts, verdict, cause),
        video_ids=facts.video_ids,
        looked_at=facts.now,
        confidence=confidence(verdict, evidence, cause=cause, own_time=draft.updated_at is not None),
    )


def _verdict(facts: DraftFacts, failure: ReadFailure) -> tuple[VerdictName, Severity, str, str]:
    draft = facts.draft
    if draft.status == "failed":
        if failure.kind == "quota":
            return "quota_blocked", "warning", "The customer's quota held the analysis back.", "quota"
        if failure.kind == "permanent":
            named = f" ({failure.cause})" if failure.cause else ""
            return (
                "failed_permanent",
                "warning",
                f"The analysis failed permanently{named}: no retry can help.",
                failure.cause,
            )
        known = failure.kind != "unrecognised"
        why = "for a reason that a retry may fix" if known else "for a reason that is not recognised"
        return "failed_transient", "error", f"The analysis failed {why}.", failure.kind
    if draft.working:
        return _standing(facts) if _stalled(facts) else ("waiting", "info", "The analysis waits or runs.", "")
    if _expired(facts):
        return "healthy", "info", "The draft has expired; the customer can have the source analysed again.", "expired"
    if _scenes(facts) == 0:
        if draft.scene_count:
            summary = f"The draft counts {number(draft.scene_count, 'scene')}, and not one is there."
            return "highlights_missing", "error", summary, ""
        return "highlights_invalid", "warning", "The analysis found no scene.", ""
    made = f"; {number(len(facts.video_ids), 'video')} made of it" if facts.video_ids else ""
    return "healthy", "info", f"Analysed, with scenes to choose from{made}.", ""


def _standing(facts: DraftFacts) -> tuple[VerdictName, Severity, str, str]:
    at, limit = _touched(facts), silence_limit(facts.stale_after, "analysis")
    quiet = f"no touch for {age(facts.now - at)}" if at is not None else "no usable time in the document"
    status = quoted(facts.draft.status, 40) if facts.draft.status else "no status"
    return "analysis_stalled", "error", f"The analysis stopped at {status}: {quiet} (limit {age(limit)}).", ""


def _scenes(facts: DraftFacts) -> int | None:
    return facts.draft.scene_count if facts.scenes is None else len(facts.scenes)


def _touched(facts: DraftFacts) -> datetime | None:
    times = (facts.draft.updated_at, facts.draft.created_at)
    return next((at for at in times if at is not None and at <= facts.now + CLOCK_TOLERANCE), None)


def _stalled(facts: DraftFacts) -> bool:
    at = _touched(facts)
    return at is None or facts.now - at >= silence_limit(facts.stale_after, "analysis")


def _expired(facts: DraftFacts) -> bool:
    draft = facts.draft
    over = draft.expires_at is not None and draft.expires_at <= facts.now
    return draft.status == "expired" or (draft.status == "completed" and over)


def _evidence(facts: DraftFacts, failure: ReadFailure) -> Iterator[Evidence]:
    draft = facts.draft
    yield Evidence("firestore", "It answered.", True)
    known = draft.status in _SEES
    said = f"The status is {quoted(draft.status, 40)}." if draft.status else "The draft has no status."
    yield Evidence("status", said if known or not draft.status else f"{said} That is not a known one.", known)
    at = _touched(facts)
    if at is not None:
        late = draft.working and _stalled(facts)
        yield Evidence("last_touch", f"Last touched {age(facts.now - at)} ago, {moment(at)}.", not late)
    if draft.error_message:
        cause = f" ({failure.cause})" if failure.cause and failure.cause != failure.kind else ""
        fine = draft.status != "failed"
        observed = f"The worker left {quoted(draft.error_message)}: {failure.kind}{cause}."
        yield Evidence("error_message", observed, fine)
    if facts.scenes is not None:
        counted = "" if draft.scene_count is None else f", the draft counts {draft.scene_count}"
        fits = draft.status != "completed" or draft.scene_count in {None, len(facts.scenes)}
        yield Evidence("scenes", f"{number(len(facts.scenes), 'usable scene')}{counted}.", fits)
    if draft.expires_at is not None:
        over = "expired" if draft.expires_at <= facts.now else "expires"
        yield Evidence("expiry", f"The draft {over} {moment(draft.expires_at)}.", True)
    if facts.charges is not None:
        spent = sum(charge.credits or 0 for charge in facts.charges)
        named = f" Videos made of it: {', '.join(facts.video_ids)}." if facts.video_ids else ""
        yield Evidence("charged", f"{number(spent, 'credit')} charged for it.{named}", True)


def _actions(facts: DraftFacts, verdict: VerdictName) -> Iterator[NextStep]:
    draft = facts.draft
    target = f"{shlex.quote(draft.uid)} {shlex.quote(draft.draft_id)}"
    look = f"python -m storage diagnose {target}"
    if verdict == "waiting":
        at = _touched(facts) or facts.now
        until = at + silence_limit(facts.stale_after, "analysis")
        text = f"Wait for the worker. If it has not touched the draft by {moment(until)}, it has stalled."
        yield NextStep("wait", text, look)
    if verdict in {"analysis_stalled", "failed_transient", "highlights_missing"}:
        yield NextStep("check_again", "Check again: the worker may have gone on meanwhile.", look)
        text = "Ask the worker's team to look at the log, or the customer to analyse the source again."
        yield NextStep("run_again", text)
    if verdict in {"failed_permanent", "quota_blocked", "highlights_invalid"}:
        yield NextStep("reply", "Send the customer the reply; nothing on our side can repair this.")
    for video_id in facts.video_ids:
        command = f"python -m storage diagnose {shlex.quote(draft.uid)} {shlex.quote(video_id)}"
        yield NextStep("diagnose_video", "Look at the video that was made of it.", command)


def _answer(facts: DraftFacts, verdict: VerdictName, cause: str) -> Reply:
    if verdict == "healthy":
        return reply("draft.expired" if _expired(facts) else "draft.ready")
    if verdict == "failed_permanent":
        return permanent_reply(cause)
    return reply("highlights_invalid.nothing_found" if verdict == "highlights_invalid" else verdict)
