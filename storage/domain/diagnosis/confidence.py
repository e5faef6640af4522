"""Says how sure a verdict is: the facts that carry it, what lowers the confidence, and what would change the verdict.

A verdict is carried by a few pieces of its evidence, named by their check. The confidence is `high`; it falls by one
step for each of them that is unknown (refused, no answer, nobody looked), and for what makes one of them weaker than it
looks: a clock that is wrong, a time that stands for a missing one, a message that nobody recognises. It is `low` where
the stores cannot be believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from storage.domain.deployment import Served
from storage.domain.diagnosis.evidence import Evidence
from storage.domain.diagnosis.verdict import VerdictName

Level = Literal["high", "medium", "low"]
LEVELS: tuple[Level, ...] = get_args(Level)

_HIGHLIGHTS = "highlights"  # stands for the places from which the product serves them
_PLACES: Mapping[Served, tuple[str, ...]] = {
    "object": ("highlights_source", "highlights_object"),
    "document": ("highlights_source", "highlights_document"),
    "mixed": ("highlights_source", "highlights_object", "highlights_document"),
}
# The checks that carry each verdict. One that does not apply to a video has no evidence, and is left out.
CARRIED_BY: Mapping[VerdictName, tuple[str, ...]] = {
    "disclosure": ("video_document", "clip_documents", "clip_objects"),
    "healthy": ("status", _HIGHLIGHTS, "scenes", "clip_documents", "clip_objects", "clip_contents"),
    "waiting": ("status", "last_touch", _HIGHLIGHTS),
    "analysis_stalled": ("status", "last_touch", _HIGHLIGHTS),
    "status_stuck": ("status", "last_touch", _HIGHLIGHTS, "clip_documents", "clip_objects"),
    "rendering": ("status", "last_touch", "progress", "clip_documents"),
    "render_stalled": ("status", "last_touch", "progress", "clip_documents"),
    "highlights_missing": ("status", _HIGHLIGHTS, "scenes"),
    "highlights_invalid": ("status", _HIGHLIGHTS, "scenes"),
    "clips_missing": ("clip_documents", "clip_objects"),
    "failed_transient": ("status", "error_message"),
    "failed_permanent": ("status", "error_message"),
    "quota_blocked": ("status", "error_message", "quota", "charged"),
    "access_denied": ("firestore", "bucket"),
    "not_found": ("firestore", "video_document"),
    "purged": ("firestore", "video_document", "purge"),
    "record_incomplete": ("record", "clip_documents", "draft"),
}
WOULD_CHANGE: Mapping[VerdictName, str] = {
    "disclosure": "The other customer's object is gone, or the key in the document is corrected.",
    "healthy": "A clip that does not play, an object that is gone, or anything else that the customer misses.",
    "waiting": "The highlights are written, or nothing touches the video for longer than an analysis may take.",
    "analysis_stalled": "Any touch by the worker, or highlights where the product serves them from.",
    "status_stuck": "Any touch by the worker, or an object of a finished clip that is not there.",
    "rendering": "The job ends, or nothing touches the video for longer than a rendering may take.",
    "render_stalled": "Any touch by the worker, or the rest of the expected clips.",
    "highlights_missing": "Highlights in the place that the product serves, or a product that serves another place.",
    "highlights_invalid": "A usable list in the place that the product serves, or a product that serves another place.",
    "clips_missing": "The objects appear where the documents say, or the documents name others.",
    "failed_transient": "A new run that ends, or another reason in the worker's log than in the document.",
    "failed_permanent": "The customer changes the source video, or another reason in the worker's log.",
    "quota_blocked": "Room within the quota (another plan, deleted clips, the next month) and a new run.",
    "access_denied": "An answer of the store.",
    "not_found": "Another spelling of the id, or the video under another customer.",
    "purged": "The purge is undone, or the product makes the video again.",
    "record_incomplete": "Somebody writes the missing fields, or the worker still works on the video.",
}
_BY_AGE = frozenset({"waiting", "analysis_stalled", "status_stuck", "rendering", "render_stalled"})
_BY_BUCKET = frozenset({"clip_objects", "clip_contents", "highlights_object"})


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure a verdict is. `carried_by` names checks of the evidence; `lowered_by` says why it is not `high`."""

    level: Level
    carried_by: tuple[str, ...]
    lowered_by: tuple[str, ...]
    would_change: str

    def as_dict(self) -> dict[str, Any]:
        """The fields of `diagnose --json`."""
        return {
            "confidence": self.level,
            "carried_by": list(self.carried_by),
            "lowered_by": list(self.lowered_by),
            "would_change": self.would_change,
        }


def confidence(
    verdict: VerdictName,
    evidence: Iterable[Evidence],
    *,
    cause: str = "",
    served: Served = "document",
    believed: bool = True,
    own_time: bool = True,
) -> Confidence:
    """The confidence in a verdict over its evidence.

    `believed`: false where the stores' answers are implausible as a whole. `own_time`: false where the document has no
    `updated_at`, so that another of its times stands for the last touch.
    """
    found = {item.check: item for item in evidence}
    wanted = (name for check in CARRIED_BY[verdict] for name in (_PLACES[served] if check == _HIGHLIGHTS else (check,)))
    carrying = tuple(dict.fromkeys(name for name in wanted if name in found))
    reasons = tuple(_reasons(verdict, cause, found, carrying, own_time=own_time))
    level = LEVELS[min(len(reasons), len(LEVELS) - 1)]
    if not believed:
        reasons, level = ("The stores' answers are not plausible as a whole.", *reasons), "low"
    if verdict == "access_denied":
        level = "low"
    return Confidence(level, carrying, reasons, _would_change(verdict, reasons))


def _reasons(
    verdict: VerdictName, cause: str, found: Mapping[str, Evidence], carrying: tuple[str, ...], *, own_time: bool
) -> Iterator[str]:
    for name in carrying:
        if found[name].ok is None:
            without_error, quote, _ = found[name].observed.partition(": “")  # the evidence quotes it once
            yield f"Not known: {name.replace('_', ' ')}. {without_error}{'.' if quote else ''}"
    if _BY_BUCKET & set(carrying) and "key_prefix" in found:
        yield f"The key prefix is in doubt. {found['key_prefix'].observed}"
    if verdict in _BY_AGE:
        if "clocks" in found:
            yield f"The age may be wrong. {found['clocks'].observed}"
        if not own_time:
            yield "The document has no updated_at: another of its times stands for the last touch."
    if verdict == "failed_transient" and cause == "unrecognised":
        yield "The desk does not know this error message: whether a retry helps is a guess."
    if verdict == "failed_permanent" and not cause:
        yield "The worker calls it permanent, and its message names no cause that is known."
    if verdict == "quota_blocked" and "quota" in found and found["quota"].ok:
        yield "The quota is not used up now."


def _would_change(verdict: VerdictName, reasons: tuple[str, ...]) -> str:
    if not reasons or verdict == "access_denied":
        return WOULD_CHANGE[verdict]
    return f"{WOULD_CHANGE[verdict]} Or an answer to what is not known here."
