"""Builds the whole answer for one video: the verdict with its evidence, timeline, next steps and reply.

`bundle` gives the diagnosis and its facts for the hand-over, without secrets, links or addresses. `worst_first` sorts
the videos that need a person.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from storage.domain.deployment import ASSUMED, Deployment
from storage.domain.diagnosis import advice, verdict
from storage.domain.diagnosis import evidence as checks
from storage.domain.diagnosis.advice import NextStep
from storage.domain.diagnosis.confidence import Confidence, confidence
from storage.domain.diagnosis.evidence import Evidence
from storage.domain.diagnosis.signals import Fact, Known, Signals, Unknown, VideoFacts
from storage.domain.diagnosis.timeline import Entry, timeline
from storage.domain.diagnosis.verdict import Verdict, VerdictName
from storage.domain.documents import Video
from storage.domain.drafts import DraftOrigin
from storage.domain.highlights import HighlightsState
from storage.domain.integrity import SEVERITIES, Severity, Suspicion, kinds
from storage.domain.replies import Reply
from storage.text import number, redacted, without_links

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
    "record_incomplete": "finish",
}


FORMAT = "clip-desk-case/1"
MAX_TEXT_CHARS = 2_000
_EXACT = frozenset({"uid", "video_id", "clip_id", "key", "target", "command", "place"})  # must stay exact
_VIDEO_FIELDS = (
    "status",
    "created_at",
    "updated_at",
    "completed_at",
    "failed_at",
    "update_time",
    "error_message",
    "highlights_count",
    "highlights_json_key",
    "clips_count",
    "total_size_bytes",
    "expected_clips",
    "completed_clips",
    "source_video_status",
    "source_video_expires_at",
    "source_video_error",
    "processing_progress",
    "oddities",
)
# Worst first: a disclosure between customers; a customer who waits in vain before one who has something; a possible
# loss before data that only look wrong.
_RANK: tuple[VerdictName, ...] = (
    "disclosure",
    "access_denied",
    "clips_missing",
    "highlights_missing",
    "highlights_invalid",
    "record_incomplete",
    "analysis_stalled",
    "render_stalled",
    "status_stuck",
    "failed_transient",
    "not_found",
    "purged",
    "quota_blocked",
    "failed_permanent",
    "waiting",
    "rendering",
    "healthy",
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer about one video. `stage` is the step at which it is or stopped; `age` is the time since then.

    `suspicion` is set where the bucket's answer cannot be believed; then `actions` has no step that changes anything.
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
    actions: tuple[NextStep, ...]
    answer: Reply
    timeline: tuple[Entry, ...]
    suspicion: Suspicion | None
    looked_at: datetime
    confidence: Confidence
    deployment: Deployment = ASSUMED

    @property
    def reply(self) -> str:
        """The reply to the customer in the language of the staff."""
        return self.answer.words()

    @property
    def age(self) -> timedelta | None:
        """The time for which the video has been in this state; never negative."""
        return None if self.since is None else max(timedelta(0), self.looked_at - self.since)

    @property
    def needs_person(self) -> bool:
        """Whether a person must act: not for a video that moves or is well, or that only the customer can change."""
        return self.severity == "error" or self.verdict in {"highlights_invalid", "quota_blocked"}

    def as_dict(self) -> dict[str, Any]:
        """The document of `diagnose --json`: the fields of the contract, and additional ones."""
        return {
            "uid": self.uid,
            "video_id": self.video_id,
            "verdict": self.verdict,
            "severity": self.severity,
            "summary": self.summary,
            "since": self.since,
            "cause": self.cause,
            "stage": self.stage,
            **self.confidence.as_dict(),
            "customer_sees": self.customer_sees,
            "evidence": [{"check": e.check, "observed": e.observed, "ok": e.ok} for e in self.evidence],
            "actions": [step.as_dict() for step in self.actions],
            "reply": self.reply,
            "timeline": [entry.as_dict() for entry in self.timeline],
            "implausible": self.suspicion.as_dict() if self.suspicion else None,
            "deployment": self.deployment.as_dict(),
            "looked_at": self.looked_at,
        }


def diagnose(facts: VideoFacts) -> Diagnosis:
    """The diagnosis from facts gathered once. Any facts give exactly one verdict, and nothing raises."""
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
        customer_sees=advice.customer_sees(facts, signals, decided),
        evidence=evidence,
        actions=advice.steps(facts, signals, decided, evidence),
        answer=advice.answer(facts, signals, decided),
        timeline=timeline(facts),
        suspicion=facts.report.suspicion if facts.report else None,
        looked_at=facts.now,
        confidence=confidence(
            decided.name,
            evidence,
            cause=decided.cause,
            served=facts.deployment.highlights_source,
            believed=facts.report is None or facts.report.suspicion is None,
            own_time=not isinstance(facts.video, Known) or facts.video.value.updated_at is not None,
        ),
        deployment=facts.deployment,
    )


def status_objections(facts: VideoFacts, status: str) -> tuple[str, ...]:
    """The objections of the evidence to setting the status to `analyzed`, `completed` or `failed`; empty: none.

    A store without an answer is an objection too: an unknown fact allows nothing.
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


def undeliverable(facts: VideoFacts) -> list[str]:
    """The kinds of findings, with numbers, that keep completed clips from the customer."""
    broken = facts.objects.value.broken if isinstance(facts.objects, Known) else {}
    return kinds.counted({kind: broken[kind] for kind in verdict.BREAKING if broken.get(kind)})


def _incomplete(facts: VideoFacts, signals: Signals) -> list[str]:
    found = undeliverable(facts)
    if isinstance(facts.objects, Known):
        tally = facts.objects.value
        if not tally.intact:
            found.append("There is no intact clip.")
    if signals.in_progress:
        found.append(f"Still in progress: {number(signals.in_progress, 'clip')}.")
    if signals.expected is not None and not signals.all_there:
        found.append(f"Found: {signals.finished} of {number(signals.expected, 'expected clip')}.")
    return found


def _stage(decided: Verdict, signals: Signals | None) -> Stage:
    if decided.name in _STAGES:
        return _STAGES[decided.name]
    if signals is None or decided.name in {"healthy", "access_denied", "not_found", "purged"}:
        return "none"
    return "render" if signals.rendering_begun or signals.highlights == "valid" else "analysis"


def bundle(diagnosis: Diagnosis, facts: VideoFacts) -> dict[str, Any]:
    """The hand-over as plain values, without the video's address and title, the owner's e-mail address and all texts of
    the highlights; links, tokens and addresses inside messages are removed."""
    video = facts.video.value if isinstance(facts.video, Known) else None
    content = {
        "format": FORMAT,
        "made_at": facts.now,
        "diagnosis": diagnosis.as_dict(),
        "stale_after_minutes": facts.stale_after.total_seconds() / 60,
        "video": _video(facts.video, video),
        "clips": _fact(facts.clips),
        "objects": _fact(facts.objects),
        "quota": _fact(facts.quota),
        "draft": _origin(facts.origin),
        "highlights": [_highlights(state) for state in (facts.highlights_object, facts.highlights_document)],
        "source_present": facts.source_present,
        "upload_check": facts.report.as_dict() if facts.report else None,
    }
    result: dict[str, Any] = _plain("", content)
    return result


def as_json(diagnosis: Diagnosis, facts: VideoFacts) -> str:
    """The bundle as text, for a download. It is ASCII, so direction marks cannot mislead a terminal or editor."""
    return json.dumps(bundle(diagnosis, facts), indent=2, ensure_ascii=True)


def _video(fact: Fact[Video], video: Video | None) -> object:
    if video is None:
        return _fact(fact)
    return {"presence": "present" if video.exists else "phantom", **{n: getattr(video, n) for n in _VIDEO_FIELDS}}


def _fact(fact: Fact[Any]) -> object:
    if isinstance(fact, Known):
        return {"presence": "present", "value": fact.value}
    if isinstance(fact, Unknown):
        return {"presence": "unknown", "code": fact.code, "message": fact.message}
    return {"presence": "absent"}


def _origin(fact: Fact[DraftOrigin]) -> object:
    if not isinstance(fact, Known):
        return _fact(fact)
    origin = fact.value
    names = {"draft_id": origin.draft_id, "credits": origin.credits, "charged_at": origin.charged_at}
    return {"presence": "present", "value": {**names, "scenes": len(origin.scenes), "there": origin.draft is not None}}


def _highlights(state: HighlightsState) -> object:
    names = ("source", "presence", "content", "count", "reason", "place", "written_at", "size_bytes", "code")
    return {name: getattr(state, name) for name in names}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return without_links(value) if name in _EXACT else redacted(value[:MAX_TEXT_CHARS])
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(name, asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(str(key), item) for key, item in value.items()}
    return [_plain(name, item) for item in value]


@dataclass(frozen=True, slots=True)
class StuckVideo:
    """One video that needs a person, with its owner. `email`, `plan` and `title` are `None` where they are unknown."""

    diagnosis: Diagnosis
    email: str | None = None
    plan: str | None = None
    title: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The diagnosis as `diagnose --json` prints it, with the owner, the plan and the age in seconds."""
        age = self.diagnosis.age
        more = {"plan": self.plan, "age_seconds": None if age is None else int(age.total_seconds())}
        return {**self.diagnosis.as_dict(), **more}


def worst_first(videos: Iterable[StuckVideo]) -> tuple[StuckVideo, ...]:
    """The videos by severity, then by the verdict's harm to the customer, then by age, in any order of the input."""
    return tuple(sorted(videos, key=_order))


def _order(video: StuckVideo) -> tuple[int, int, timedelta, str, str]:
    found = video.diagnosis
    rank = _RANK.index(found.verdict)
    return (SEVERITIES.index(found.severity), rank, -(found.age or timedelta(0)), found.uid, found.video_id)
