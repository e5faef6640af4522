"""Advises the next safe steps for a verdict, and writes what the customer sees and the reply to the customer.

The steps form a ladder in a fixed order: check again; recount; rebuild the highlights, or put them back; set the
status, with the evidence that allows it; have the job run again; replace a clip from a file, or its thumbnail; and
last, purge. While the
stores cannot be believed, or while the video still moves, the ladder has no step that changes anything.

The reply is a value (`storage.domain.replies`) that has its words in each language. Where some clips cannot be played,
it names them by title and style.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from storage.domain.diagnosis import playing
from storage.domain.diagnosis.evidence import Evidence
from storage.domain.diagnosis.signals import (
    Known,
    Signals,
    Unknown,
    VideoFacts,
    clips_failed,
    clips_known,
    missing,
    purged,
    source_fetched,
    source_left_behind,
)
from storage.domain.diagnosis.verdict import Verdict, VerdictName
from storage.domain.highlights import HighlightsState
from storage.domain.integrity.grid import MENDED_BY_UPLOAD
from storage.domain.replies import OWN, SPEECHES, NamedClips, Reply, Text, reply
from storage.text import age, moment, number

_WHO = "--actor YOU@EXAMPLE.COM --reason 'WHY'"
_MOVING = frozenset({"waiting", "rendering"})


PROCESSING = "“Video is still being processed”"


@dataclass(frozen=True, slots=True)
class NextStep:
    """One step: a stable id, the words, the command (empty: done elsewhere), and the evidence that allows it."""

    id: str
    text: str
    command: str = ""
    because: str = ""
    changes: bool = False

    def as_dict(self) -> dict[str, str | bool]:
        """Plain values, for `--json`."""
        return asdict(self)


class Ladder:
    """The steps that fit one video. Each method yields the steps of one rung, or none where the rung does not fit."""

    def __init__(self, facts: VideoFacts, signals: Signals | None, evidence: tuple[Evidence, ...]) -> None:
        self.facts = facts
        self.signals = signals
        self.wrong = {item.check for item in evidence if item.ok is False}
        self.target = f"{shlex.quote(facts.uid)} {shlex.quote(facts.video_id)}"

    @property
    def _seen(self) -> str:
        """What looks into the clips told, as a further sentence."""
        seen = self.facts.objects.value.seen if isinstance(self.facts.objects, Known) else playing.Playing()
        if not seen.there:
            return ""
        return f" {playing.counted(seen)}" if seen.asked else " They were not looked into."

    @property
    def _told(self) -> frozenset[str | None]:
        """The clips whose only fault is the size in the document: the object was seen to be right."""
        findings = self.facts.report.findings if self.facts.report else ()
        right = {f.clip_id for f in findings if f.kind == "size_mismatch" and f.right == "object"}
        return frozenset(right - {f.clip_id for f in findings if f.severity == "error" and f.right != "object"})

    @property
    def _broken(self) -> frozenset[str | None]:
        """The clips with an error that only another file mends."""
        findings = self.facts.report.findings if self.facts.report else ()
        return frozenset(f.clip_id for f in findings if f.clip_id and f.severity == "error") - self._told

    @property
    def _only_told(self) -> bool:
        """Whether wrong sizes in documents are all that is wrong with the clips: nothing need be made again."""
        return bool(self._told) and not self._broken and bool(self.signals and self.signals.settled)

    def settings(self) -> Iterator[NextStep]:
        """The check of bucket, prefix and credentials, before anybody believes the evidence."""
        yield NextStep("check_settings", "Check bucket, key prefix and credentials first.", "python -m storage check")

    def report_disclosure(self) -> Iterator[NextStep]:
        """The report to the person who is responsible for data protection, before any repair."""
        text = "Tell the person responsible for data protection now: this video may show another customer's file."
        yield NextStep("report_disclosure", text)

    def end_disclosure(self) -> Iterator[NextStep]:
        """The end of the disclosure, in one change that can be undone."""
        text = "End it: this corrects keys or sets the clips to failed, and disables public links that lead to them."
        yield NextStep("end_disclosure", text, f"python -m storage end-disclosure {self.target}", changes=True)

    def again(self) -> Iterator[NextStep]:
        """Another look: the facts may have changed within the last minute."""
        text = "Check again: the worker may have gone on meanwhile."
        yield NextStep("check_again", text, f"python -m storage diagnose {self.target}")

    def wait(self) -> Iterator[NextStep]:
        """The time of the next look, for a video that moves or is young."""
        signals = self.signals
        if signals is not None and signals.touched_at is not None:
            until = signals.touched_at + signals.limit
            by = f"{moment(until)} ({age(signals.limit)})"
            text = f"Wait for the worker. If it has not touched the video by {by}, it has stalled."
            yield NextStep("wait", text, f"python -m storage diagnose {self.target}")

    def upload_check(self) -> Iterator[NextStep]:
        """The upload check, where it has findings."""
        if self.facts.report is not None and self.facts.report.wrong:
            text = "Look at the findings of the upload check one by one."
            yield NextStep("upload_check", text, f"python -m storage verify {self.target}")

    def recount(self) -> Iterator[NextStep]:
        """The recount, only where counters are wrong, or sizes in clip documents: the file told that it is whole."""
        told = len(self._told)
        if told:
            text = f"Correct the size in {number(told, 'clip document')} from the object, which is whole; then recount."
            because = "The file itself shows that the object is right and its document is wrong."
            command = f"python -m storage recount {shlex.quote(self.facts.uid)} --sizes --apply {_WHO}"
            yield NextStep("recount", text, command, because, changes=True)
        elif "counters" in self.wrong:
            text = "Recount: the video's counters do not agree with its clip documents."
            yield NextStep("recount", text, f"python -m storage recount {shlex.quote(self.facts.uid)}")

    def usage(self) -> Iterator[NextStep]:
        """The check whether the quota is really used up or a counter drifted."""
        uid = shlex.quote(self.facts.uid)
        yield NextStep("check_usage", "Compare the counters with the clips.", f"python -m storage usage {uid}")
        text = "If a counter is higher than the clips: recount."
        yield NextStep("recount", text, f"python -m storage recount {uid} --apply {_WHO}", changes=True)

    def rebuild(self) -> Iterator[NextStep]:
        """Rebuilds only the place that the product serves, from the other place, and not beside a worker.

        Where the product serves the document, a new file would only switch off the product's guard against a second
        rendering. An existing document may hold the customer's own edits, which an older file lacks.
        """
        found, other = self.facts.highlights, self.facts.highlights_beside
        if self.signals is None or self.signals.being_processed or found.usable or not other.usable:
            return
        source = self.facts.deployment.highlights_source
        if source == "object":
            text = "Rebuild highlights.json, which the product serves, from the document highlights/main."
            because = f"The document has {number(other.count, 'highlight')}; the file: {_state(found)}."
            command = f"python -m storage highlights {self.target} --rebuild-from document {_WHO}"
            yield NextStep("rebuild_highlights_object", text, command, because, changes=True)
        elif source == "document" and found.content != "empty":
            text = "Rebuild the document highlights/main, which the product serves, from highlights.json."
            because = f"highlights.json has {number(other.count, 'highlight')}; the document: {_state(found)}."
            command = f"python -m storage highlights {self.target} --rebuild-from object {_WHO}"
            yield NextStep("rebuild_highlights_document", text, command, because, changes=True)

    def put_highlights(self) -> Iterator[NextStep]:
        """Highlights from a file (a log, a backup), where neither place has them; not beside a worker."""
        if self.signals is None or self.signals.being_processed:
            return
        if self.signals.highlights != "valid" and not self.facts.highlights_beside.usable:
            command = f"python -m storage highlights {self.target} --put FILE {_WHO}"
            text = "If the worker's log or a backup still has the highlights, put them back from that file."
            yield NextStep("put_highlights", text, command, changes=True)

    def set_status(self) -> Iterator[NextStep]:
        """The status that the evidence allows: completed, analyzed, or failed so that the customer can start again."""
        signals = self.signals
        if signals is None:
            return
        command = f"python -m storage set-status {self.target} "
        if signals.highlights == "valid" and signals.all_there:
            because = f"Every expected clip ({signals.expected}) is there and intact, and the highlights exist."
            because += self._seen
            yield NextStep("set_completed", "Set the status to completed.", f"{command}completed {_WHO}", because, True)
        elif signals.highlights == "valid" and not clips_known(self.facts) and signals.expected is None:
            because = "The highlights exist, and no clip was asked for."
            yield NextStep("set_analyzed", "Set the status to analyzed.", f"{command}analyzed {_WHO}", because, True)
        elif signals.highlights == "valid" and signals.expected is None and signals.finished == clips_known(self.facts):
            because = f"Every documented clip ({signals.finished}) is intact; nothing says that more were expected."
            because += self._seen
            yield NextStep("set_completed", "Set the status to completed.", f"{command}completed {_WHO}", because, True)

    def set_failed(self) -> Iterator[NextStep]:
        """The status failed, so that the product lets the customer start again."""
        if self.signals is not None and self.signals.status != "failed":
            text = "If the job cannot be run again: set the status to failed, so that the customer can start again."
            because = "Nothing has touched the video for longer than the limit." if self.signals.stalled else ""
            command = f"python -m storage set-status {self.target} failed {_WHO}"
            yield NextStep("set_failed", text, command, because, changes=True)

    def run_again(self) -> Iterator[NextStep]:
        """A new run with the worker's own tools: the desk starts no job."""
        if self._only_told:
            return
        text = "Ask the worker's team to look at the log and to queue the job again."
        video = self.facts.video.value if isinstance(self.facts.video, Known) else None
        if video is not None and self.signals is not None and source_left_behind(video, self.signals):
            text += " First correct its source_video_status, which still says downloading: each later job waits for it."
        elif video is not None and self.facts.source_present is False and source_fetched(video):
            text += " Its source has expired; the job fetches it again by itself."
        yield NextStep("run_again", text)

    def replace_clip(self) -> Iterator[NextStep]:
        """The replacement of clips that cannot be delivered, from a file that a person still has."""
        if broken := len(self._broken):
            text = f"Replace {number(broken, 'clip')} from a file, where one exists."
            command = f"python -m storage upload {self.target} FILE --scene N --style STYLE {_WHO}"
            grid = self.facts.report.grid if self.facts.report is not None else None
            gaps = [cell for cell in grid.gaps if cell.state in MENDED_BY_UPLOAD] if grid is not None else []
            if grid is not None and gaps:
                command = grid.command(gaps[0], _WHO)
                text += f" The command is for scene {gaps[0].scene_id}, {gaps[0].style}; the grid has the others."
            yield NextStep("replace_clip", text, command, changes=True)

    def write_thumbnail(self) -> Iterator[NextStep]:
        """A new thumbnail for clips that have lost theirs, or whose picture is an empty file."""
        findings = self.facts.report.findings if self.facts.report else ()
        clips = sorted({f.clip_id for f in findings if f.of_thumbnail and f.clip_id})
        if clips:
            text = f"Write the thumbnail of {number(len(clips), 'clip')} again, from the clip itself."
            text += f" The command is for {clips[0]}." if len(clips) > 1 else ""
            command = f"python -m storage thumbnail {self.target} {shlex.quote(clips[0])} {_WHO}"
            yield NextStep("write_thumbnail", text, command, changes=True)

    def rebuild_record(self) -> Iterator[NextStep]:
        """The video's record from the draft behind the clips; nobody else ever writes the missing fields."""
        origin = self.facts.origin.value if isinstance(self.facts.origin, Known) else None
        scenes = len(origin.scenes) if origin is not None else 0
        usable = self.signals is not None and self.signals.highlights == "valid"
        if scenes or usable:
            because = f"The draft has {number(scenes, 'scene')}." if not usable else "The highlights are there."
            highlights = "" if usable else " and its highlights from the draft's scenes"
            command = f"python -m storage rebuild-record {self.target} {_WHO}"
            text = f"Rebuild the video's own document{highlights}."
            yield NextStep("rebuild_record", text, command, because, changes=True)

    def find(self) -> Iterator[NextStep]:
        """The search for the video under another user."""
        text = "Look for the video under another customer."
        yield NextStep("find", text, f"python -m storage find {shlex.quote(self.facts.video_id)}")

    def undo_purge(self) -> Iterator[NextStep]:
        """The undo of the purge, while there are copies."""
        removed = purged(self.facts)
        if removed is not None and removed.can_be_undone:
            text = f"If it should not have been deleted: undo the purge. {removed.until}"
            command = f"python -m storage purge undo {shlex.quote(removed.job_id)} {_WHO}"
            yield NextStep("undo_purge", text, command, "The quarantine still has the copies.", changes=True)

    def purge_status(self) -> Iterator[NextStep]:
        """The job: how far it is, and what it left."""
        removed = purged(self.facts)
        if removed is not None:
            command = f"python -m storage purge status {shlex.quote(removed.job_id)}"
            yield NextStep("purge_status", "Look at the purge: who, when, why, and what it left.", command)

    def tell(self) -> Iterator[NextStep]:
        """The reply alone, where no technical step helps."""
        yield NextStep("reply", "Send the customer the reply; nothing on our side can repair this.")

    def purge(self) -> Iterator[NextStep]:
        """The purge, last of all, and only as a plan that a person looks at first."""
        if self._only_told:
            return
        uid, video_id = shlex.quote(self.facts.uid), shlex.quote(self.facts.video_id)
        text = "Only as a last resort, and with the customer's agreement: plan a purge of this video."
        yield NextStep("purge", text, f"python -m storage purge plan {uid} --video {video_id}")


_Rung = Callable[[Ladder], Iterator[NextStep]]
_STALLED: tuple[_Rung, ...] = (Ladder.again, Ladder.run_again, Ladder.set_failed, Ladder.purge)
_RUNGS: dict[VerdictName, tuple[_Rung, ...]] = {
    "disclosure": (
        Ladder.report_disclosure,
        Ladder.end_disclosure,
        Ladder.again,
        Ladder.upload_check,
        Ladder.replace_clip,
        Ladder.run_again,
    ),
    "healthy": (Ladder.upload_check, Ladder.recount, Ladder.write_thumbnail),
    "waiting": (Ladder.wait,),
    "rendering": (Ladder.wait,),
    "analysis_stalled": _STALLED,
    "status_stuck": (Ladder.again, Ladder.recount, Ladder.set_status, Ladder.run_again, Ladder.purge),
    "render_stalled": (Ladder.again, Ladder.recount, *_STALLED[1:]),
    "highlights_missing": (Ladder.again, Ladder.recount, Ladder.rebuild, Ladder.put_highlights, *_STALLED[1:]),
    "highlights_invalid": (Ladder.again, Ladder.recount, Ladder.rebuild, Ladder.put_highlights, *_STALLED[1:]),
    "clips_missing": (
        Ladder.again,
        Ladder.recount,
        Ladder.run_again,
        Ladder.replace_clip,
        Ladder.write_thumbnail,
        Ladder.purge,
    ),
    "failed_transient": (Ladder.again, Ladder.rebuild, Ladder.set_status, Ladder.run_again, Ladder.purge),
    "failed_permanent": (Ladder.tell, Ladder.purge),
    "quota_blocked": (Ladder.usage, Ladder.tell, Ladder.run_again),
    "access_denied": (Ladder.settings, Ladder.again),
    "not_found": (Ladder.find, Ladder.purge),
    "purged": (Ladder.undo_purge, Ladder.purge_status),
    "record_incomplete": (
        Ladder.again,
        Ladder.rebuild_record,
        Ladder.put_highlights,
        Ladder.replace_clip,
        Ladder.set_failed,
        Ladder.purge,
    ),
}
# Verdicts with a cause that needs other steps than the name of the verdict.
_BY_CAUSE: dict[tuple[VerdictName, str], tuple[_Rung, ...]] = {
    ("failed_permanent", "highlights"): (Ladder.again, Ladder.put_highlights, Ladder.run_again, Ladder.purge),
    ("not_found", "deleted"): (Ladder.again, Ladder.purge),
}


def steps(
    facts: VideoFacts, signals: Signals | None, verdict: Verdict, evidence: tuple[Evidence, ...]
) -> tuple[NextStep, ...]:
    """The steps, the next safe one first; empty only where nothing needs doing. The module names the exclusions."""
    ladder = Ladder(facts, signals, evidence)
    suspicion = facts.report.suspicion if facts.report is not None else None
    if suspicion is not None and not suspicion.repairs:
        return tuple(step for rung in (Ladder.settings, Ladder.again) for step in rung(ladder))
    rungs = _BY_CAUSE.get((verdict.name, verdict.cause)) or _RUNGS[verdict.name]
    found = [step for rung in rungs for step in rung(ladder)]
    if verdict.name in _MOVING or (isinstance(facts.video, Known) and verdict.name == "access_denied"):
        found = [step for step in found if not step.changes]
    if suspicion is not None or (missing(facts) and not clips_known(facts)):
        found = [step for step in found if step.id != "purge"]
    return tuple(found)


def answer(facts: VideoFacts, signals: Signals | None, verdict: Verdict) -> Reply:
    """The reply for support to send. Every verdict has one."""
    if suspected(facts):
        return reply("access_denied")
    if verdict.name == "healthy":
        if signals is not None and signals.status == "analyzed":
            return reply("healthy.analysed")
        failed = clips_failed(facts)
        if not failed:
            return reply("healthy")
        return reply("healthy.some_failed" if clips_known(facts) > failed else "healthy.all_failed", count=failed)
    if verdict.name == "failed_permanent":
        return permanent_reply(verdict.cause)
    if verdict.name == "highlights_invalid" and verdict.severity == "warning" and not _has_highlights(signals):
        return reply("highlights_invalid.nothing_found")
    if verdict.name == "purged":
        return _purged(facts)
    return _clips_missing(facts) if verdict.name == "clips_missing" else reply(verdict.name)


def _purged(facts: VideoFacts) -> Reply:
    """The reply where the video was deleted: whether it can come back, and for how long."""
    removed = purged(facts)
    if removed is None:
        return reply("purged")
    what = "purged.account" if removed.kind == "user" else "purged.video"
    head = Text(f"{what}.at", {"at": removed.at}) if removed.phase == "removed" else Text(what)
    if removed.phase == "being put back":
        return Reply((head, Text("purged.returning")))
    if not removed.can_be_undone:
        return Reply((head, Text("purged.for_good")))
    until = removed.undo_until
    return Reply((head, Text("purged.undo.until", {"until": until}) if until else Text("purged.undo")))


def permanent_reply(cause: str) -> Reply:
    """The reason why no retry helps, in words for a customer."""
    if cause == "highlights":
        return reply("failed_permanent.highlights")
    because = f"because.{cause}"
    return reply("failed_permanent", reason=Text(because if because in SPEECHES[OWN].texts else "because.unknown"))


def customer_sees(facts: VideoFacts, signals: Signals | None, verdict: Verdict) -> str:
    """The state that the product shows the customer now, as far as the facts tell.

    Source: the product answers "still being processed" wherever it finds no highlights, whatever the status says; see
    `storage.domain.highlights.page_opens`.
    """
    if verdict.name == "access_denied" or isinstance(facts.video, Unknown):
        return "Not known: a store did not give an answer."
    if suspected(facts):
        return "Not known: the bucket's answers cannot be believed."
    if missing(facts) or signals is None or verdict.name in {"not_found", "purged"}:
        return "No such video: it is in no list, and a link to it leads nowhere."
    if verdict.name == "disclosure":
        return "Perhaps another customer's file: a document of this video names it, and the file exists."
    if verdict.name == "record_incomplete":
        page = "opens" if signals.page_opens else f"says {PROCESSING} for ever"
        return f"No list shows the video. For a person who knows its address, its own page {page}."
    if signals.page_opens is None:
        return "Not known: the highlights could not be read."
    if signals.status == "failed":
        return "The video marked as failed" + (f"; its page says {PROCESSING}." if not signals.page_opens else ".")
    served = facts.deployment.highlights_source
    if signals.highlights == "invalid" or (served == "mixed" and facts.highlights_object.content == "invalid"):
        what = "document" if facts.highlights.source == "document" and signals.highlights == "invalid" else "file"
        return f"An error instead of the highlights, because their {what} cannot be read."
    if not signals.page_opens:
        return f"{PROCESSING}{f', although the status says {signals.status}' if signals.settled else ''}."
    head = f"The highlights; {_clips(facts)}" if signals.highlights == "valid" else f"No highlights; {_clips(facts)}"
    if not signals.settled:
        head += " The video is still marked as being processed."
    return head


def suspected(facts: VideoFacts) -> bool:
    """Whether the bucket's answer cannot be believed: then no reply to a customer relies on it."""
    return facts.report is not None and facts.report.suspicion is not None and not facts.report.suspicion.repairs


def _state(state: HighlightsState) -> str:
    return state.reason or state.presence


def _has_highlights(signals: Signals | None) -> bool:
    return signals is not None and signals.highlights == "valid"


def _clips(facts: VideoFacts) -> str:
    if not isinstance(facts.objects, Known) or not facts.objects.value.named:
        return "no clips."
    return playing.words(facts.objects.value.seen, facts.objects.value.named)


def _clips_missing(facts: VideoFacts) -> Reply:
    """Names the clips that the customer cannot get, by title and style; does not alarm where all of them play."""
    known = facts.objects.value.seen if isinstance(facts.objects, Known) else playing.Playing()
    if known.harmless:
        return reply("clips_missing.all_play")
    lost = known.unplayable
    if not lost:
        return reply("clips_missing")
    named = tuple((clip.title, clip.style) for clip in lost[: playing.NAMED])
    clips = NamedClips(named, more=len(lost) - len(named))
    return Reply((Text("clips_missing"), Text("clips_missing.named", {"clips": clips})))
