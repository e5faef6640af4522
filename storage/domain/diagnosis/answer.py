"""The whole answer for one video: the verdict with its evidence, timeline, next steps and reply."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from storage.domain.diagnosis import advice, checks, replies, verdict
from storage.domain.diagnosis.advice import Step
from storage.domain.diagnosis.evidence import Evidence
from storage.domain.diagnosis.facts import Known, VideoFacts
from storage.domain.diagnosis.signals import Signals
from storage.domain.diagnosis.timeline import Entry, timeline
from storage.domain.diagnosis.verdict import Verdict, VerdictName
from storage.domain.integrity import Severity, Suspicion

Stage = Literal["analysis", "render", "finish", "delivery", "none"]

_STAGES: dict[VerdictName, Stage] = {
    "waiting": "analysis",
    "analysis_stalled": "analysis",
    "rendering": "render",
    "render_stalled": "render",
    "status_stuck": "finish",
    "highlights_missing": "delivery",
    "highlights_invalid": "delivery",
    "clips_missing": "delivery",
    "disclosure": "delivery",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with one video, or that nothing is. `stage` is where it stands or stopped; `age` is since when.

    `suspicion` is set where the bucket's answer cannot be believed; then nothing that changes anything is advised.
    """

    uid: str
    video_id: str
    verdict: VerdictName
    severity: Severity
    summary: str
    since: datetime | None
    cause: str
    stage: Stage
    status: str
    customer_sees: str
    evidence: tuple[Evidence, ...]
    actions: tuple[Step, ...]
    reply: str
    timeline: tuple[Entry, ...]
    suspicion: Suspicion | None
    looked_at: datetime

    @property
    def age(self) -> timedelta | None:
        """For how long it has stood so; never negative."""
        return None if self.since is None else max(timedelta(0), self.looked_at - self.since)

    @property
    def needs_person(self) -> bool:
        """Whether somebody must act: not for what moves, is well, or only the customer can change."""
        return self.severity == "error" or self.verdict in {"highlights_invalid", "quota_blocked"}

    def as_dict(self) -> dict[str, Any]:
        """The document of `diagnose --json`: what the contract fixes, and what is added."""
        return {
            "uid": self.uid,
            "video_id": self.video_id,
            "verdict": self.verdict,
            "severity": self.severity,
            "summary": self.summary,
            "since": self.since,
            "cause": self.cause,
            "stage": self.stage,
            "customer_sees": self.customer_sees,
            "evidence": [{"check": e.check, "observed": e.observed, "ok": e.ok} for e in self.evidence],
            "actions": [step.as_dict() for step in self.actions],
            "reply": self.reply,
            "timeline": [entry.as_dict() for entry in self.timeline],
            "implausible": self.suspicion.as_dict() if self.suspicion else None,
            "looked_at": self.looked_at,
        }


def diagnose(facts: VideoFacts) -> Diagnosis:
    """The diagnosis from facts gathered once. Total: any facts give exactly one verdict, and nothing raises."""
    decided, signals = verdict.decide(facts)
    evidence = checks.gather(facts, signals)
    return Diagnosis(
        uid=facts.uid,
        video_id=facts.video_id,
        verdict=decided.name,
        severity=decided.severity,
        summary=decided.summary,
        since=decided.since,
        cause=decided.cause,
        stage=_stage(decided, signals),
        status=signals.status if signals else "",
        customer_sees=replies.customer_sees(facts, signals, decided),
        evidence=evidence,
        actions=advice.steps(facts, signals, decided, evidence),
        reply=replies.reply(facts, signals, decided),
        timeline=timeline(facts),
        suspicion=facts.report.suspicion if facts.report else None,
        looked_at=facts.now,
    )


def status_objections(facts: VideoFacts, status: str) -> tuple[str, ...]:
    """What in the evidence speaks against setting the status to `analyzed`, `completed` or `failed`; empty: nothing.

    A store that gave no answer is an objection too: unknown allows nothing.
    """
    decided, signals = verdict.decide(facts)
    if signals is None or decided.name == "access_denied":
        return (decided.summary,)
    objections = [decided.summary] if decided.name == "disclosure" and status != "failed" else []
    suspicion = facts.report.suspicion if facts.report is not None else None
    if suspicion is not None and not suspicion.repairs:
        objections.append(suspicion.reason)
    if not signals.settled and signals.status != "failed" and not signals.stalled:
        objections.append("The video was touched a moment ago: it may still be worked on.")
    if status == "failed":
        if decided.name == "healthy":
            objections.append("Everything that should be there is, and the customer sees it: nothing failed.")
        return tuple(objections)
    if signals.highlights != "valid":
        objections.append("There are no usable highlights.")
    if status == "completed":
        objections.extend(_incomplete(facts, signals))
    return tuple(objections)


def _incomplete(facts: VideoFacts, signals: Signals) -> list[str]:
    found = []
    if isinstance(facts.objects, Known):
        tally = facts.objects.value
        found += [
            f"{tally.broken[kind]} {kind.replace('_', ' ')}" for kind in verdict.BREAKING if tally.broken.get(kind)
        ]
        if not tally.intact:
            found.append("There is no intact clip.")
    if signals.in_progress:
        found.append(f"{signals.in_progress} clips are still in progress.")
    if signals.expected is not None and not signals.all_there:
        found.append(f"{signals.finished} of {signals.expected} expected clips are there.")
    return found


def _stage(decided: Verdict, signals: Signals | None) -> Stage:
    if decided.name in _STAGES:
        return _STAGES[decided.name]
    if signals is None or decided.name in {"healthy", "access_denied", "not_found"}:
        return "none"
    return "render" if signals.rendering_begun or signals.highlights == "valid" else "analysis"
