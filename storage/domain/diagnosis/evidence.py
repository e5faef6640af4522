"""The evidence of a diagnosis: small named checks over the facts.

Each check gives its name, its observation, and `ok`, which is `None` where the fact is unknown. A check that does not
apply to the video gives nothing. The checks cover the stores, the document, the job, highlights in both places, clip
documents, counters and objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from storage.domain.diagnosis import playing
from storage.domain.diagnosis.signals import (
    Absent,
    Fact,
    Known,
    Signals,
    Unknown,
    VideoFacts,
    charged_in_vain,
    clips_known,
    lacking,
    missing,
    remnant,
    source_fetched,
    source_left_behind,
    uncreated,
)
from storage.domain.diagnosis.verdict import BREAKING
from storage.domain.documents import Progress, Video
from storage.domain.drafts import DraftOrigin
from storage.domain.highlights import HighlightsState, disagreement
from storage.domain.integrity import kinds
from storage.errors import Unreachable
from storage.text import age, moment, number, quoted

KNOWN_STATUSES = ("processing", "analyzed", "completed", "failed")
_SHOWN_SHARED = 3
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # the product is younger, so an earlier time is only a default value


@dataclass(frozen=True, slots=True)
class Evidence:
    """The result of one check. `observed` is one line that is safe to show; it never holds a link or a secret."""

    check: str
    observed: str
    ok: bool | None  # `None`: unknown


def _unread(fact: Fact[Any], store: str, words: str) -> str:
    """The words, or that the store was away: the store's own check quotes its error, once."""
    if isinstance(fact, Unknown) and fact.code == Unreachable.code:
        return f"Not looked at: {store} did not answer."
    return words


def highlights(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """The place that the product serves, both places, and whether they agree. A fault needs a place that is served."""
    wanted = signals.settled or signals.rendering_begun
    stored, document = facts.highlights_object, facts.highlights_document
    deployment, source = facts.deployment, facts.deployment.highlights_source
    said = f"The product serves highlights from {deployment.highlights_place}: {quoted(deployment.highlights_why, 300)}"
    yield Evidence("highlights_source", said, True if deployment.complete else None)
    by_file = wanted and not (source == "mixed" and document.usable)
    by_document = wanted and not (source == "mixed" and stored.usable)
    fine = _content_ok(stored, by_file) if source != "document" else True
    beside = document.content != "empty" or source == "mixed"
    yield Evidence("highlights_object", _content("highlights.json", stored), fine)
    fine = _content_ok(document, by_document and beside) if source != "object" else True
    yield Evidence("highlights_document", _content("The document highlights/main", document), fine)
    if difference := disagreement(facts.highlights, facts.highlights_beside):
        observed = f"The two places differ; customers get {_served(facts)}: {difference}."
        yield Evidence("highlights_agree", observed, source != "mixed")


def _served(facts: VideoFacts) -> str:
    return "highlights.json" if facts.highlights.source == "object" else "the document"


def _content(name: str, state: HighlightsState) -> str:
    if state.presence == "absent":
        return f"{name}: not there."
    if state.presence == "unknown" and state.code == Unreachable.code:
        return f"{name}: not looked at: {'the bucket' if state.source == 'object' else 'Firestore'} did not answer."
    if state.presence == "unknown":
        return f"{name}: could not be read ({quoted(state.reason)})."
    if state.content == "valid":
        odd = f" Times that make no sense: {quoted('; '.join(state.odd_times))}." if state.odd_times else ""
        return f"{name}: {number(state.count, 'highlight')}.{odd}"
    return f"{name}: there, but {quoted(state.reason)}."


def _content_ok(state: HighlightsState, wanted: bool) -> bool | None:
    if state.presence == "unknown":
        return None
    if state.presence == "absent" or state.content == "empty":
        return not wanted
    return state.content == "valid"


def clip_documents(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """The number of clip documents by state, beside the expected number."""
    if not isinstance(facts.clips, Known):
        yield Evidence("clip_documents", _unread(facts.clips, "Firestore", "They could not be read."), None)
        return
    tally = facts.clips.value
    others = [("processing", tally.processing), ("failed", tally.failed), ("of another status", tally.other)]
    parts = [f"{tally.completed} completed", *(f"{count} {what}" for what, count in others if count)]
    expected = f", {signals.expected} expected" if signals.expected is not None else ""
    short = signals.expected is not None and tally.completed < signals.expected and signals.status != "analyzed"
    fine = not short and not (tally.failed or (tally.processing and signals.settled))
    yield Evidence("clip_documents", f"{', '.join(parts)}{expected}.", fine)


def counters(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """The video's own counters beside its clip documents; they may lag while a worker is busy."""
    if not isinstance(facts.clips, Known):
        return
    tally, wrong = facts.clips.value, []
    if video.clips_count is not None and video.clips_count != tally.total:
        wrong.append(f"clips_count says {video.clips_count}, there are {tally.total}")
    sized = tally.sized == tally.total
    if sized and video.total_size_bytes is not None and video.total_size_bytes != tally.size_bytes:
        wrong.append(f"total_size_bytes says {video.total_size_bytes:,}, they add up to {tally.size_bytes:,}")
    observed = "; ".join(wrong) if wrong else "The video's counters agree with its clip documents"
    yield Evidence("counters", f"{observed}.", not wrong or not signals.settled)


def clip_objects(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """The objects that the completed clips claim."""
    if isinstance(facts.objects, Unknown):
        yield Evidence("clip_objects", _unread(facts.objects, "the bucket", "They could not be checked."), None)
        return
    if isinstance(facts.objects, Absent):
        return
    tally = facts.objects.value
    broken = {kind: tally.broken[kind] for kind in BREAKING if tally.broken.get(kind)}
    if tally.seen.there:
        yield Evidence("clip_contents", *playing.observed(tally.seen))
    said = "".join(f"; {one}" for one in kinds.counted(broken))
    yield Evidence("clip_objects", f"{tally.intact} of {number(tally.named, 'clip')} intact{said}.", not broken)


def upload_check(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """The other findings of the upload check: each kind once, with its number."""
    if facts.report is None:
        return
    counted: dict[str, list[str]] = {}
    for finding in facts.report.findings:
        counted.setdefault(finding.kind, []).append(finding.severity)
    shown_elsewhere = {*BREAKING, "missing_highlights", "invalid_highlights", "unreadable"}
    for kind, severities in counted.items():
        if kind not in shown_elsewhere:
            observed = f"{number(len(severities), 'finding')} of this kind in the upload check."
            yield Evidence(kind, observed, set(severities) == {"info"})
    flying = facts.report.in_flight
    if flying.clips or flying.objects or flying.uploads:
        parts = (number(flying.clips, "clip"), number(flying.objects, "object"), number(flying.uploads, "upload"))
        limit = f" ({flying.limit_words})" if flying.limit_words else ""
        yield Evidence("in_flight", f"Perhaps still being written{limit}: {', '.join(parts)}.", True)


def gather(facts: VideoFacts, signals: Signals | None) -> tuple[Evidence, ...]:
    """The evidence of every check that applies, in the order in which a person would look."""
    found = [evidence for check in _ALWAYS for evidence in check(facts)]
    if signals is not None and isinstance(facts.video, Known):
        found += [e for detail in _WITH_DOCUMENT for e in detail(facts, facts.video.value, signals)]
    return tuple(found)


def _purge(facts: VideoFacts) -> Iterator[Evidence]:
    """The purge that took the video; asked for only where the video is not there."""
    if isinstance(facts.removed, Known):
        yield Evidence("purge", facts.removed.value.told(full=True), False)
    elif isinstance(facts.removed, Absent):
        yield Evidence("purge", "No purge took this video.", True)
    elif facts.removed.code != "unknown":
        yield Evidence("purge", f"Whether a purge took it is not known: {quoted(facts.removed.message)}", None)


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
        why = facts.highlights_object.reason
        observed = f"highlights.json could not be read: {quoted(why)}" if not missing(facts) else why
    elif report is not None and not report.complete:
        observed = f"Not everything could be read: {quoted(report.failures[0].message)}"
    else:
        looked = f" {number(report.checked.objects, 'object')} looked at." if report else ""
        yield Evidence("bucket", f"It answered.{looked}", True)
        return
    yield Evidence("bucket", observed, None)


def _document(facts: VideoFacts) -> Iterator[Evidence]:
    if isinstance(facts.video, Unknown):
        yield Evidence("video_document", _unread(facts.video, "Firestore", "It could not be read."), None)
    elif missing(facts):
        below = facts.clips.value.total if isinstance(facts.clips, Known) else 0
        left = f" Below it: {number(below, 'clip document')}." if below else ""
        yield Evidence("video_document", f"There is none.{left}", False)
    elif isinstance(facts.video, Known) and remnant(facts.video.value):
        observed = "Only processing_progress and updated_at: what a job wrote after the video had been deleted."
        yield Evidence("video_document", observed, False)
    else:
        yield Evidence("video_document", "It is there.", True)


def _user(facts: VideoFacts) -> Iterator[Evidence]:
    user = facts.user
    if isinstance(user, Absent) or (isinstance(user, Known) and not user.value.exists):
        yield Evidence("user_document", "There is none: the video lies below a customer that does not exist.", False)
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
    if progress.started_at is not None and progress.started_at < EARLIEST:
        parts.append("its start says 1970, which the worker writes when it meets an error before any progress")
    halted = not signals.settled and signals.job_incomplete and signals.stalled
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


def _record(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """The fields of the video's document that the product needs to show the video, and the origin of the video."""
    if lost := lacking(video) if uncreated(video) else ():
        observed = f"It lacks {', '.join(lost)}. Without created_at it is in no list of the customer."
        yield Evidence("record", observed, False)
    if isinstance(facts.origin, Known):
        if uncreated(video) or facts.origin.value.draft_id:
            yield _origin(facts.origin.value)
        if charge := charged_in_vain(facts, video):
            asked = f" for {number(charge.clips, 'clip')}" if charge.clips else ""
            at = f" {moment(charge.charged_at)}" if charge.charged_at else ""
            observed = f"{number(charge.credits or 0, 'credit')} charged{asked}{at}, and no clip was made since."
            yield Evidence("charged", observed, False)
    elif isinstance(facts.origin, Unknown) and facts.origin.code != "unknown":
        yield Evidence("draft", f"The video's origin could not be read: {quoted(facts.origin.message)}", None)


def _origin(origin: DraftOrigin) -> Evidence:
    if not origin.draft_id:
        return Evidence("draft", "No credit transaction says that it was made from a draft.", None)
    asked = f", asked for {moment(origin.charged_at)}" if origin.charged_at else ""
    made = f"Made of the draft {quoted(origin.draft_id, 80)}{asked}, {number(origin.credits, 'credit')} charged"
    if origin.draft is None:
        return Evidence("draft", f"{made}. That draft no longer exists.", False)
    return Evidence("draft", f"{made}. The draft has {number(len(origin.scenes), 'scene')}.", bool(origin.scenes))


def _error(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    if not signals.error_text and signals.status != "failed":
        return
    cause = signals.failure_cause
    kind = f"{signals.failure} ({cause})" if cause and cause != signals.failure else signals.failure
    if signals.error_old:
        observed = f"An earlier job left {quoted(signals.error_text)}: old and harmless, as nothing clears it."
        yield Evidence("error_message", observed, True)
        return
    who = "This desk" if signals.error_text.startswith("Set by support: ") else "The worker"
    yield Evidence("error_message", f"{who} left {quoted(signals.error_text)}: {kind}.", False)


def _shares(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """The number of public links that work now, and their clips. The links themselves are no evidence to hand on."""
    links = facts.report.links if facts.report is not None else None
    findings = facts.report.findings if facts.report is not None else ()
    left_over = {finding.key for finding in findings if finding.kind == "dangling_share"}  # lead to no clip
    live = [link.clip_id for link in links or () if link.works(facts.now) and link.path not in left_over]
    if live:
        shared = sorted(set(live))
        shown = ", ".join(quoted(clip_id, 60) for clip_id in shared[:_SHOWN_SHARED])
        more = f" and {len(shared) - _SHOWN_SHARED} more" if len(shared) > _SHOWN_SHARED else ""
        beside = "; a new share leaves the older link live" if len(shared) < len(live) else ""
        which = f"{number(len(live), 'public link')} of {number(len(shared), 'clip')}"
        yield Evidence("share_links", f"Live: {which} ({shown}{more}){beside}.", True)


def _quota(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    if isinstance(facts.quota, Known):
        state = facts.quota.value
        said = f"used up: {', '.join(state.exceeded)}" if state.exceeded else "nothing is used up"
        if state.worker_refuses:
            said = f"used up: {', '.join(state.exceeded) or 'the room that the worker needs'}. {state.worker_refuses}"
        well = not state.exceeded and not state.worker_refuses
        yield Evidence("quota", f"Plan {quoted(state.plan, 40)}: {said.removesuffix('.')}.", well)
    elif isinstance(facts.quota, Unknown) and facts.quota.code != "unknown":
        said = f"It could not be read: {quoted(facts.quota.message)}"
        yield Evidence("quota", _unread(facts.user, "Firestore", said), None)  # the user is what that check quotes


def _source(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """The cached source. The worker fetches it when rendering starts, and again where it is gone: absence is no fault.

    A status that stays `downloading` is a fault: every later job waits for a download that no worker makes any more.
    """
    status, expires = (video.source_video_status or "").strip().lower(), video.source_video_expires_at
    if not status and facts.source_present is None:
        return
    parts = [f"the document says {quoted(status, 40)}"] if status else []
    if expires is not None:
        parts.append(f"it {'expired' if expires <= facts.now else 'expires'} {moment(expires)}")
    if facts.source_present:
        parts.append("it is in the bucket")
    elif source_fetched(video):
        parts.append("it was fetched, and is a cache: a job that needs it fetches it again")
        if facts.source_present is False:
            parts.insert(len(parts) - 1, "it is not in the bucket")
    elif facts.source_present is False and status != "downloading":
        if signals.rendering_begun or clips_known(facts):  # made of something, though the document never said so
            parts.append("not in the bucket: a job that needs it fetches it again")
        else:
            parts.append("not in the bucket, and not fetched yet: that happens when rendering starts")
    left = source_left_behind(video, signals)
    if left:
        parts.append("nothing has moved for long, so the worker that wrote this is gone; every later job waits for it")
    yield Evidence("source_video", f"Source video: {'; '.join(parts)}.", not left)


_ALWAYS: tuple[Callable[[VideoFacts], Iterator[Evidence]], ...] = (
    _plausible,
    _key_prefix,
    _firestore,
    _bucket,
    _document,
    _user,
    _purge,
)
_WITH_DOCUMENT: tuple[Callable[[VideoFacts, Video, Signals], Iterator[Evidence]], ...] = (
    _status,
    _touch,
    _clocks,
    _job,
    _error,
    _record,
    highlights,
    clip_documents,
    counters,
    clip_objects,
    upload_check,
    _shares,
    _quota,
    _source,
)
