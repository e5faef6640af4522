"""What the customer sees now, and a reply to send: plain words, no ids, keys, codes or names of systems.

A reply promises nothing that is not known: no time, no success of a retry. The video's title is left out on purpose: it
is a stranger's text, and the customer knows which video was asked about.
"""

from __future__ import annotations

from storage.domain.diagnosis.facts import Known, Unknown, VideoFacts
from storage.domain.diagnosis.signals import Signals, missing
from storage.domain.diagnosis.verdict import BREAKING, Verdict

PROCESSING = "“Video is still being processed”"

_PERMANENT_REASONS = {
    "age-restricted": "it is restricted by age",
    "members only": "it is open to members or paying viewers only",
    "copyright": "it is blocked for copyright reasons",
    "private": "it is private",
    "region": "it is not available in the region that we fetch videos from",
    "removed": "it is no longer available at its address",
    "live": "it is a live stream or has not been published yet",
    "too long": "its length or size is outside what we can work with",
    "unsupported": "its format or address is not one that we can work with",
}

_REPLIES = {
    "waiting": (
        "Thank you for your patience. Your video is being analysed right now; there is nothing you need to do. "
        "If it has not moved on when you look again later, please tell us."
    ),
    "rendering": (
        "Your video has been analysed and its clips are being made right now. There is nothing you need to do; new "
        "clips show up one after another."
    ),
    "analysis_stalled": (
        "We are sorry: the analysis of your video stopped before it was finished, and waiting longer will not help. "
        "This is on our side. Our team is looking into it, and you do not need to upload anything again for now."
    ),
    "status_stuck": (
        "We are sorry for the confusion: your video got further than it looks. It is still marked as being processed "
        "by mistake. Our team is putting that right; you do not need to do anything."
    ),
    "render_stalled": (
        "We are sorry: making the clips of your video stopped part of the way. This is on our side. Our team is "
        "looking into it; clips that are already finished stay where they are."
    ),
    "highlights_missing": (
        "We are sorry: your video was analysed, but its results cannot be shown at the moment, which is why it still "
        "says that it is being processed. Waiting longer will not help; our team is looking into it."
    ),
    "highlights_invalid": (
        "We are sorry: the results of the analysis of your video cannot be read properly. This is on our side, and our "
        "team is looking into it."
    ),
    "clips_missing": (
        "We are sorry: some clips of your video cannot be played or downloaded at the moment. This is on our side. Our "
        "team is looking into which of them can be restored."
    ),
    "disclosure": (
        "Thank you for writing. Some of what is kept for your video is not stored as it should be, and may not be "
        "yours. Please do not open, download or share its clips for now. This is on our side, and our team is looking "
        "into it with priority."
    ),
    "failed_transient": (
        "We are sorry: your video could not be finished because of a technical problem on our side. The video itself "
        "does not seem to be the cause. Our team will look at it; trying once more may already help."
    ),
    "quota_blocked": (
        "Your video could not be worked on because the allowance of your plan is used up. You can make room by "
        "deleting clips that you no longer need, wait for your next monthly allowance, or change your plan; then "
        "please start the video again."
    ),
    "access_denied": (
        "Thank you for writing. We cannot look at the state of your video at this moment because of a technical "
        "problem on our side. We do not know yet how your video is doing, and will look again."
    ),
    "not_found": (
        "We cannot find this video in your account. It may have been deleted, or belong to another account. Could you "
        "send us the address of the page on which you see it, and the account that you are signed in with?"
    ),
}
_HEALTHY = (
    "Your video is finished and everything belonging to it is in place. If you still do not see it, please reload the "
    "page and tell us what it shows."
)
_HEALTHY_ANALYSED = (
    "The analysis of your video is finished and its highlights are ready; no clips have been made from them yet. "
    "Please choose the highlights that you would like as clips."
)


def reply(facts: VideoFacts, signals: Signals | None, verdict: Verdict) -> str:
    """The reply for support to send. Every verdict has one."""
    if suspected(facts):
        return _REPLIES["access_denied"]
    if verdict.name == "healthy":
        return _HEALTHY_ANALYSED if signals is not None and signals.status == "analyzed" else _HEALTHY
    if verdict.name == "failed_permanent":
        reason = _PERMANENT_REASONS.get(verdict.cause, "it cannot be fetched or used")
        return (
            f"We could not work on your video because {reason}. Trying again will not change that. If you have another "
            "version of the video that is open to everyone, please submit that one."
        )
    if verdict.name == "highlights_invalid" and verdict.severity == "warning" and not _has_highlights(signals):
        return (
            "The analysis of your video finished without finding a passage that would make a good clip. You can try "
            "again with another prompt, or with another video."
        )
    return _REPLIES[verdict.name]


def customer_sees(facts: VideoFacts, signals: Signals | None, verdict: Verdict) -> str:
    """What the product shows the customer now, as far as the facts tell.

    Source: the product answers "still being processed" wherever the highlights are missing, whatever the status says.
    """
    if verdict.name == "access_denied" or isinstance(facts.video, Unknown):
        return "Not known: a store did not give an answer."
    if suspected(facts):
        return "Not known: what the bucket answers cannot be believed."
    if missing(facts) or signals is None:
        return "No such video: it is in no list, and a link to it leads nowhere."
    if verdict.name == "disclosure":
        return "Perhaps another customer's file among its own: it is named in this video's documents, and it is there."
    if signals.status == "failed":
        return "The video marked as failed" + (f"; its page says {PROCESSING}." if not _shown(signals) else ".")
    if signals.highlights == "invalid" or facts.highlights_object.content == "invalid":
        return "An error instead of the highlights, because their file cannot be read."
    if not _shown(signals):
        return f"{PROCESSING}, whatever the status says."
    head = f"The highlights; {_clips(facts)}"
    if facts.highlights_object.presence == "absent":
        head += f" Where the product reads the file only: {PROCESSING}."
    if not signals.settled:
        head += " The video is still marked as being processed."
    return head


def suspected(facts: VideoFacts) -> bool:
    """Whether the bucket's answer cannot be believed: then nothing is told to a customer that rests on it."""
    return facts.report is not None and facts.report.suspicion is not None and not facts.report.suspicion.repairs


def _shown(signals: Signals) -> bool:
    return signals.highlights == "valid"


def _has_highlights(signals: Signals | None) -> bool:
    return signals is not None and signals.highlights == "valid"


def _clips(facts: VideoFacts) -> str:
    if not isinstance(facts.objects, Known) or not facts.objects.value.named:
        return "no clips."
    tally = facts.objects.value
    broken = sum(tally.broken.get(kind, 0) for kind in BREAKING)
    if broken:
        return f"{tally.intact} of {tally.named} clips play, the others do not."
    return f"{tally.intact} clips that play." if tally.intact != 1 else "1 clip that plays."
