"""Small named checks over the facts: what was looked at, what was found, and whether that is well.

`ok` is `None` where it could not be known. A check that does not apply to the video gives nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from storage.domain.diagnosis import checks_content
from storage.domain.diagnosis.evidence import Evidence
from storage.domain.diagnosis.facts import Absent, Known, Unknown, VideoFacts
from storage.domain.diagnosis.failures import permanent_cause
from storage.domain.diagnosis.signals import RENDER_SLACK, RENDER_TOUCH, Signals, missing
from storage.domain.documents import Progress, Video
from storage.text import age, moment, number, quoted

KNOWN_STATUSES = ("processing", "analyzed", "completed", "failed")


def gather(facts: VideoFacts, signals: Signals | None) -> tuple[Evidence, ...]:
    """The evidence of every check that applies, in the order in which a person would look."""
    found = [evidence for check in _ALWAYS for evidence in check(facts)]
    if signals is not None and isinstance(facts.video, Known):
        found += [e for detail in _WITH_DOCUMENT for e in detail(facts, facts.video.value, signals)]
    return tuple(found)


def _plausible(facts: VideoFacts) -> Iterator[Evidence]:
    if facts.report is not None and facts.report.suspicion is not None:
        observed = f"{facts.report.suspicion.reason} Check the settings before anything is changed."
        yield Evidence("settings", observed, False)


def _key_prefix(facts: VideoFacts) -> Iterator[Evidence]:
    if facts.report is not None and facts.report.prefix_doubt:
        yield Evidence("key_prefix", facts.report.prefix_doubt, None)


def _firestore(facts: VideoFacts) -> Iterator[Evidence]:
    faults = [fact for fact in (facts.video, facts.clips, facts.user) if isinstance(fact, Unknown)]
    document = facts.highlights_document
    asked = [fault for fault in faults if fault.code != "unknown"]
    if asked:
        yield Evidence("firestore", f"It did not give an answer: {quoted(asked[0].message)}", None)
    elif document.presence == "unknown" and document.code:
        yield Evidence("firestore", f"It did not give an answer: {quoted(document.reason)}", None)
    else:
        yield Evidence("firestore", "It answered.", True)


def _bucket(facts: VideoFacts) -> Iterator[Evidence]:
    report = facts.report
    if isinstance(facts.objects, Unknown):
        observed = f"It did not give an answer: {quoted(facts.objects.message)}"
    elif facts.highlights_object.presence == "unknown":
        observed = f"highlights.json could not be read: {quoted(facts.highlights_object.reason)}"
    elif report is not None and not report.complete:
        observed = f"Not everything could be read: {quoted(report.failures[0].message)}"
    else:
        looked = f" {number(report.checked.objects, 'object')} looked at." if report else ""
        yield Evidence("bucket", f"It answered.{looked}", True)
        return
    yield Evidence("bucket", observed, None)


def _document(facts: VideoFacts) -> Iterator[Evidence]:
    if isinstance(facts.video, Unknown):
        yield Evidence("video_document", "It could not be read.", None)
    elif missing(facts):
        below = facts.clips.value.total if isinstance(facts.clips, Known) else 0
        left = f" {number(below, 'clip document')} lie below it." if below else ""
        yield Evidence("video_document", f"There is none.{left}", False)
    else:
        yield Evidence("video_document", "It is there.", True)


def _user(facts: VideoFacts) -> Iterator[Evidence]:
    user = facts.user
    if isinstance(user, Absent) or (isinstance(user, Known) and not user.value.exists):
        yield Evidence("user_document", "There is none: the video lies below a user that does not exist.", False)
    elif isinstance(user, Known):
        yield Evidence("user_document", "It is there.", True)


def _status(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    known = signals.status in KNOWN_STATUSES
    observed = f"The status is {quoted(signals.status, 40)}." if signals.status else "The document has no status."
    yield Evidence("status", observed if known or not signals.status else f"{observed} That is not a known one.", known)


def _touch(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    if signals.touched_at is None or signals.age is None:
        yield Evidence("last_touch", "The document has no usable time.", False)
        return
    observed = f"Last touched {age(signals.age)} ago, {moment(signals.touched_at)}."
    waiting = not signals.settled and signals.status != "failed"
    if video.updated_at is None:
        observed += " It has no updated_at; another of its times was taken."
    yield Evidence("last_touch", observed, not (waiting and signals.stalled))


def _clocks(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    if signals.ahead:
        named = ", ".join(signals.ahead)
        yield Evidence("clocks", f"In the future, so a clock is wrong: {named}. Not used for any age.", False)


def _job(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    progress = video.processing_progress
    if progress is None:
        return
    parts = [f"{_counts(progress)}"] if _counts(progress) else ["it holds no usable numbers"]
    if progress.failed_clips:
        parts.append(f"{number(progress.failed_clips, 'clip')} failed")
    if progress.updated_at and progress.updated_at <= facts.now + timedelta(minutes=5):
        parts.append(f"written {age(facts.now - progress.updated_at)} ago")
    late = signals.age is not None and signals.age > RENDER_TOUCH + RENDER_SLACK
    halted = not signals.settled and signals.job_incomplete and late
    yield Evidence("progress", f"The job's progress: {', '.join(parts)}.", not halted and not progress.failed_clips)


def _counts(progress: Progress) -> str:
    pairs = (
        ("clips", progress.completed_clips, progress.total_clips),
        ("scenes", progress.completed_scenes, progress.total_scenes),
    )
    said = [
        f"{'?' if done is None else done} of {'?' if total is None else total} {noun}"
        for noun, done, total in pairs
        if done is not None or total is not None
    ]
    return ", ".join(said)


def _error(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    if not signals.error_text and signals.status != "failed":
        return
    cause = permanent_cause(signals.error_text) if signals.failure == "permanent" else ""
    kind = f"{signals.failure} ({cause})" if cause else signals.failure
    yield Evidence("error_message", f"The worker left {quoted(signals.error_text)}: {kind}.", False)


def _quota(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    if isinstance(facts.quota, Known):
        state = facts.quota.value
        said = f"used up: {', '.join(state.exceeded)}" if state.exceeded else "nothing is used up"
        yield Evidence("quota", f"Plan {quoted(state.plan, 40)}: {said}.", not state.exceeded)
    elif isinstance(facts.quota, Unknown) and facts.quota.code != "unknown":
        yield Evidence("quota", f"It could not be read: {quoted(facts.quota.message)}", None)


def _source(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """The cached source: expired is normal once all is done, and in the way while something is still to be rendered."""
    status, expires = (video.source_video_status or "").strip().lower(), video.source_video_expires_at
    if not status and facts.source_present is None:
        return
    gone = status in {"expired", "failed"} or facts.source_present is False
    expired = expires is not None and expires <= facts.now
    parts = [f"the document says {quoted(status, 40)}"] if status else []
    if expires is not None:
        parts.append(f"it {'expired' if expired else 'expires'} {moment(expires)}")
    if facts.source_present is not None:
        parts.append("it is in the bucket" if facts.source_present else "it is not in the bucket")
    needed = not signals.settled and not signals.all_there
    yield Evidence("source_video", f"Source video: {'; '.join(parts)}.", not (needed and (gone or expired)))


_ALWAYS: tuple[Callable[[VideoFacts], Iterator[Evidence]], ...] = (
    _plausible,
    _key_prefix,
    _firestore,
    _bucket,
    _document,
    _user,
)
_WITH_DOCUMENT: tuple[Callable[[VideoFacts, Video, Signals], Iterator[Evidence]], ...] = (
    _status,
    _touch,
    _clocks,
    _job,
    _error,
    checks_content.highlights,
    checks_content.clip_documents,
    checks_content.counters,
    checks_content.clip_objects,
    checks_content.upload_check,
    _quota,
    _source,
)
