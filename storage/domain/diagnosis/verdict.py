"""Decides the verdict of a video: rules in order of precedence, and the first that applies decides. One always does.

A refusal or an outage comes first, because then nothing is known about the video. Facts that Firestore alone proves
(the document is not there) come before facts that need the bucket.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

from storage.domain.diagnosis.playing import NAMED, Playing, titled
from storage.domain.diagnosis.signals import (
    Known,
    Signals,
    Unknown,
    VideoFacts,
    charged_in_vain,
    clips_failed,
    clips_known,
    derive,
    disclosures,
    lacking,
    missing,
    purged,
    remnant,
    uncreated,
    unread,
)
from storage.domain.documents import Video
from storage.domain.integrity import Severity, kinds
from storage.text import age, number, quoted

VerdictName = Literal[
    "disclosure",
    "healthy",
    "waiting",
    "analysis_stalled",
    "status_stuck",
    "rendering",
    "render_stalled",
    "highlights_missing",
    "highlights_invalid",
    "clips_missing",
    "failed_transient",
    "failed_permanent",
    "quota_blocked",
    "access_denied",
    "not_found",
    "record_incomplete",
    "purged",
]
VERDICTS: tuple[VerdictName, ...] = get_args(VerdictName)

# The kinds of findings that keep a completed clip from the customer.
BREAKING = (
    "missing_object",
    "size_mismatch",
    "empty_object",
    "clip_without_key",
    "foreign_key",
    "not_media",
    "truncated_media",
)


NO_ANSWER = "no answer"  # the cause where the store that the verdict needs is away
_NO_STATUS = "The document has no status, which the product takes for processing."
_TOP_SCENES = "A job that has no progress, such as Top Scenes, touches the video only when it is done."


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict with its line for the engineer. `since` is the time from which it holds, where that is known.

    `cause` adds to the name: the store that refused or was away, or the kind of a permanent failure.
    """

    name: VerdictName
    severity: Severity
    summary: str
    since: datetime | None = None
    cause: str = ""


def decide(facts: VideoFacts) -> tuple[Verdict, Signals | None]:
    """The verdict, and the signals behind it (`None` where there is no document to derive them from)."""
    if isinstance(facts.video, Unknown):
        return _refused(facts.video), None
    if missing(facts) or not isinstance(facts.video, Known):
        return _not_found(facts), None
    video = facts.video.value
    signals = derive(facts, video)
    disclosed = _disclosed(facts, video, signals)
    if disclosed is not None:  # proven, even if other facts could not be read
        return disclosed, signals
    fault = unread(facts)
    if fault is not None:
        return _refused(fault), signals
    for rule in _RULES:
        verdict = rule(facts, video, signals)
        if verdict is not None:
            return verdict, signals
    return Verdict("healthy", "info", "All files are in place.", video.completed_at), signals


def _refused(fault: Unknown) -> Verdict:
    if fault.refused:
        summary, cause = f"A store refused to answer; nothing is known about the video. {fault.message}", "refused"
    else:
        summary, cause = f"The video could not be read now: {fault.message}", NO_ANSWER
    return Verdict("access_denied", "error", summary, cause=cause)


def _disclosed(facts: VideoFacts, video: Video, signals: Signals) -> Verdict | None:
    """The product may show another customer's file to this one: worse than any loss of this customer."""
    found = disclosures(facts)
    if not found:
        return None
    names = "1 document names" if found == 1 else f"{found} documents name"
    summary = f"{names} another customer's object, and it is there: the product may show it to this customer."
    return Verdict("disclosure", "error", summary, _settled_at(video, signals))


def _not_found(facts: VideoFacts) -> Verdict:
    left = clips_known(facts)
    below = f"; still below it: {number(left, 'clip document')}" if left else ""
    if removed := purged(facts):
        rest = f" There is no document of the video{below}." if left else ""
        return Verdict("purged", "warning", f"{removed.told(full=False)}{rest}", removed.at)
    return Verdict("not_found", "error", f"There is no document of this video{below}.")


def _failed(facts: VideoFacts, video: Video, signals: Signals) -> Verdict | None:
    if signals.status != "failed":
        return None
    since = video.failed_at if "failed_at" not in signals.ahead else None
    since = since or signals.touched_at
    if signals.failure == "permanent":
        return _permanent(signals, since)
    exceeded = facts.quota.value.exceeded if isinstance(facts.quota, Known) else ()
    if signals.failure == "quota" or (exceeded and not signals.error_text.strip()):
        return _quota(exceeded, since)
    if signals.failure == "transient":
        return Verdict("failed_transient", "error", "Failed for a reason that a retry may fix.", since, "transient")
    text = "Failed for a reason that is not recognised; one retry is safe, then a person must read the worker's log."
    return Verdict("failed_transient", "error", text, since, "unrecognised")


def _remnant(facts: VideoFacts, video: Video, signals: Signals) -> Verdict | None:
    """The video was deleted while a job ran: the job's last write made a document again, which nobody sees."""
    if not remnant(video):
        return None
    left = clips_known(facts)
    below = f", and {number(left, 'clip document')} below it" if left else ""
    summary = f"Deleted while a job ran: the job's progress is all that its document holds{below}."
    if removed := purged(facts):
        return Verdict("purged", "warning", f"{removed.told(full=False)} {summary}", removed.at)
    return Verdict("not_found", "warning", summary, signals.touched_at, "deleted")


def _incomplete(facts: VideoFacts, video: Video, signals: Signals) -> Verdict | None:
    """There are clips, but the document has no `created_at`: nobody created it, as after the rendering of a draft."""
    if not uncreated(video) or not clips_known(facts) or (signals.being_processed and not signals.stalled):
        return None
    charged = ""
    if isinstance(facts.origin, Known) and facts.origin.value.charges:
        charged = f" and {number(facts.origin.value.credits, 'credit')} charged"
    made = f"{number(clips_known(facts), 'clip')} made{charged}"
    missed = ", ".join(lacking(video))
    summary = f"{made}, but the video's own document lacks {missed}: it is in no list of the customer."
    return Verdict("record_incomplete", "error", summary, signals.touched_at)


def _permanent(signals: Signals, since: datetime | None) -> Verdict:
    cause = signals.failure_cause
    if cause != "highlights":
        named = f" ({cause})" if cause else ""
        return Verdict("failed_permanent", "warning", f"Failed permanently{named}: no retry can help.", since, cause)
    if signals.highlights == "valid":
        summary = "Failed because the highlights document was missing. There are highlights now, so a retry may help."
        return Verdict("failed_transient", "error", summary, since, cause)
    summary = "Failed because the highlights document is missing: no retry can help before the highlights are back."
    return Verdict("failed_permanent", "error", summary, since, cause)


def _quota(exceeded: tuple[str, ...], since: datetime | None) -> Verdict:
    used_up = f" Used up now: {', '.join(exceeded)}." if exceeded else ""
    return Verdict("quota_blocked", "warning", f"The customer's quota holds the video back.{used_up}", since, "quota")


def _blocked(facts: VideoFacts, video: Video, signals: Signals) -> Verdict | None:
    """The video did not fail but is held back: the document says so, or a quota is full and the job never began.

    A job never began where the highlights are there and no clip was begun. A full quota alone blocks nothing: a video
    whose analysis or rendering stopped is judged by its age, or an outage would look like the customers' own fault.
    """
    if signals.settled or not signals.stalled:
        return None
    exceeded = facts.quota.value.exceeded if isinstance(facts.quota, Known) else ()
    never_began = not signals.rendering_begun and signals.highlights == "valid"
    told = signals.failure == "quota" and not signals.error_old
    if told or (exceeded and never_began and (signals.error_old or not signals.error_text.strip())):
        return _quota(exceeded, signals.touched_at)
    return None


def _unfinished(facts: VideoFacts, video: Video, signals: Signals) -> Verdict | None:
    """The status is `processing`, missing, or unknown to this project: the worker has not reported its end."""
    if signals.settled:
        return None
    if signals.highlights == "invalid" and not signals.rendering_begun:
        return _invalid(facts, video, signals)
    if not signals.stalled:
        return _moving(signals)
    found = _standing(facts, video, signals)
    return found if signals.status else replace(found, summary=f"{found.summary} {_NO_STATUS}")


def _moving(signals: Signals) -> Verdict:
    quiet = age(signals.age) if signals.age is not None else ""
    if signals.rendering_begun or signals.expected is not None:
        summary = f"Clips are being made{_progress(signals)}; last touched {quiet} ago."
        if signals.step == "top_scenes":
            summary += f" {_TOP_SCENES}"
        return Verdict("rendering", "info", summary, signals.touched_at)
    what = "no highlights yet" if signals.highlights != "valid" else f"the highlights are there. {_TOP_SCENES}"
    return Verdict("waiting", "info", f"New, {what}: last touched {quiet} ago.", signals.touched_at)


def _standing(facts: VideoFacts, video: Video, signals: Signals) -> Verdict:
    quiet = f"no touch for {age(signals.age)}" if signals.age is not None else "no usable time in the document"
    limit = age(signals.limit)
    since = signals.touched_at
    if signals.all_there:
        summary = (
            f"Every expected clip ({signals.expected}) is there, but the status stayed {_named(signals)}; {quiet}."
        )
        return Verdict("status_stuck", "error", summary, since)
    part_way = signals.expected is not None or signals.job_incomplete or signals.in_progress > 0
    if signals.rendering_begun and part_way:
        summary = f"Rendering stopped part way{_progress(signals)}; {quiet} (limit {limit})."
        return Verdict("render_stalled", "error", summary, since)
    if signals.highlights == "valid":
        if part_way:
            summary = f"Rendering was asked for and never began{_progress(signals)}; {quiet} (limit {limit})."
            return Verdict("render_stalled", "error", summary, since)
        summary = f"The highlights are there, but the status stayed {_named(signals)}; {quiet} (limit {limit})."
        return Verdict("status_stuck", "error", summary, since)
    if signals.highlights == "invalid":
        return _invalid(facts, video, signals)
    there = f", though there are {number(clips_known(facts), 'clip')}" if clips_known(facts) else ""
    summary = f"The analysis never finished: no highlights{there}, {quiet} (limit {limit})."
    return Verdict("analysis_stalled", "error", summary, since)


def _highlights(facts: VideoFacts, video: Video, signals: Signals) -> Verdict | None:
    """The status is settled, but there are no usable highlights: the product tells the customer to wait."""
    if signals.highlights == "absent":
        source = facts.deployment.highlights_source
        where = "in either place" if source == "mixed" else f"where the product serves them from ({_where(facts)})"
        summary = f"The status says {signals.status}, and there are no highlights {where}.{_beside(facts)}"
        return Verdict("highlights_missing", "error", summary, _settled_at(video, signals))
    if signals.highlights in {"invalid", "empty"}:
        return _invalid(facts, video, signals)
    # It is unknown which generation of the product answers this customer; the older one would fail on the file.
    if facts.deployment.highlights_source == "mixed" and facts.highlights_object.content == "invalid":
        return _invalid(facts, video, signals)
    return None


def _where(facts: VideoFacts) -> str:
    return facts.deployment.highlights_place


def _beside(facts: VideoFacts) -> str:
    other = facts.highlights_beside
    return f" The other place has {number(other.count, 'highlight')}." if other.usable else ""


def _invalid(facts: VideoFacts, video: Video, signals: Signals) -> Verdict:
    mixed = signals.highlights == "valid"  # one of the two places is sound, the other is not
    bad = facts.highlights_object if mixed else facts.highlights
    where = "highlights.json" if bad.source == "object" else "The document highlights/main"
    mendable = " The other source has them." if mixed else _beside(facts)
    nothing_found = bad.content == "empty" and (not clips_known(facts) or bool(signals.page_opens))
    severity: Severity = "warning" if nothing_found or mixed else "error"
    since = _settled_at(video, signals)
    return Verdict("highlights_invalid", severity, f"{where} cannot be used: {bad.reason}.{mendable}", since)


def _clips(facts: VideoFacts, video: Video, signals: Signals) -> Verdict | None:
    broken = facts.objects.value.broken if isinstance(facts.objects, Known) else {}
    counts = {kind: broken[kind] for kind in BREAKING if broken.get(kind)}
    since = _settled_at(video, signals)
    if counts:
        named = facts.objects.value.named if isinstance(facts.objects, Known) else 0
        playing = facts.objects.value.seen if isinstance(facts.objects, Known) else Playing()
        total = sum(counts.values())
        can = "play although they are not as documented" if playing.harmless else "cannot be played"
        what = ", ".join(kinds.counted(counts))
        summary = f"{total:,} of {number(named, 'clip')} {can}: {what}.{_titles(playing)}{_foreign(facts)}"
        return Verdict("clips_missing", "error", summary, since)
    if signals.status == "completed" and not clips_known(facts) and (video.clips_count or 0) > 0:
        summary = f"The document counts {number(video.clips_count or 0, 'clip')}, and there is no clip document."
        return Verdict("clips_missing", "error", summary, since)
    return None


def _titles(playing: Playing) -> str:
    """The clips that cannot be played, by title and style."""
    lost = playing.unplayable
    more = f" and {len(lost) - NAMED:,} more" if len(lost) > NAMED else ""
    return f" {', '.join(titled(clip) for clip in lost[:NAMED])}{more}." if lost else ""


def _in_vain(facts: VideoFacts, video: Video, signals: Signals) -> Verdict | None:
    """The video is completed and charged without a new clip, and the worker has no room; no document says so."""
    state = facts.quota.value if isinstance(facts.quota, Known) else None
    charge = charged_in_vain(facts, video)
    if charge is None or state is None or not (state.worker_refuses or "storage" in state.exceeded):
        return None
    asked = f" for {number(charge.clips, 'clip')}" if charge.clips else ""
    summary = f"{number(charge.credits or 0, 'credit')} charged{asked}, and no clip was made: refused for the quota."
    return Verdict("quota_blocked", "warning", f"Completed without a new clip. {summary}", video.completed_at, "quota")


def _foreign(facts: VideoFacts) -> str:
    """The objects at keys that are not this customer's, as far as looked at."""
    details = (
        {finding.detail for finding in facts.report.findings if finding.kind == "foreign_key"} if facts.report else ()
    )
    return "".join(f" {detail}" for detail in sorted(details))


def _blemished(facts: VideoFacts, video: Video, signals: Signals) -> Verdict | None:
    """The video is healthy for the customer, but something should be corrected."""
    blemishes = []
    report = facts.report
    noted = {f.kind for f in report.findings if f.severity != "info"} if report else set()
    playing = facts.objects.value.seen if isinstance(facts.objects, Known) else Playing()
    if playing.unanswered:
        noted.discard("unreadable")
        of = number(playing.unanswered, "clip")
        blemishes.append(f"whether {of} plays could not be checked ({quoted(playing.why, 120)})")
    if noted:
        blemishes.append(kinds.named(noted))
    if signals.status == "completed" and not clips_known(facts):
        blemishes.append("no clips, although the status says completed")
    if not blemishes:
        return None
    has = "The customer has everything"
    if failed := clips_failed(facts):
        has += f" but {number(failed, 'clip')} that failed"
    elif playing.unanswered:
        has = "All files are in place"
    summary = f"{has}; to correct: {'; '.join(blemishes)}."
    return Verdict("healthy", "warning", summary, _settled_at(video, signals))


_RULES: tuple[Callable[[VideoFacts, Video, Signals], Verdict | None], ...] = (
    _remnant,
    _incomplete,
    _failed,
    _blocked,
    _unfinished,
    _highlights,
    _clips,
    _in_vain,
    _blemished,
)


def _settled_at(video: Video, signals: Signals) -> datetime | None:
    """The time when the status was set, if the document tells it."""
    return video.completed_at if video.completed_at and "completed_at" not in signals.ahead else signals.touched_at


def _named(signals: Signals) -> str:
    return quoted(signals.status, 40) if signals.status else "empty"


def _progress(signals: Signals) -> str:
    done = signals.finished if signals.finished is not None else signals.documented
    if signals.expected is not None and done is not None:
        return f" ({done} of {number(signals.expected, 'clip')})"
    return f" ({number(done, 'clip')} so far)" if done else ""
