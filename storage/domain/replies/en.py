"""The replies in English: the language in which they are written first."""

from __future__ import annotations

from typing import Final

from storage.domain.replies.speech import Plural, Speech

_TEXTS: Final[dict[str, str | Plural]] = {
    # A video, by verdict.
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
        "We are sorry: making the clips of your video stopped before it was finished. This is on our side. Our team "
        "is looking into it; clips that are already finished stay where they are."
    ),
    "highlights_missing": (
        "We are sorry: your video was analysed, but its results cannot be shown at the moment, which is why it still "
        "says that it is being processed. Waiting longer will not help; our team is looking into it."
    ),
    "highlights_invalid": (
        "We are sorry: the results of the analysis of your video cannot be read properly. This is on our side, and our "
        "team is looking into it."
    ),
    "highlights_invalid.nothing_found": (
        "The analysis of your video finished without finding a passage that would make a good clip. You can try again "
        "with another prompt, or with another video."
    ),
    "clips_missing": (
        "We are sorry: some clips of your video cannot be played or downloaded at the moment. This is on our side. Our "
        "team is looking into which of them can be restored."
    ),
    "clips_missing.named": "These are: {clips}.",
    "clips_missing.all_play": (
        "Your clips are in place and play. What we keep about some of them is not as it should be; that is on our "
        "side, and our team is putting it right. You do not need to do anything."
    ),
    "disclosure": (
        "Thank you for writing. Some of what is kept for your video is not stored as it should be, and may not be "
        "yours. Please do not open, download or share its clips for now. This is on our side, and our team is looking "
        "into it as a priority."
    ),
    "record_incomplete": (
        "We are sorry: the clips of your video were made, but the video does not show up among your videos. This is on "
        "our side. Our team is putting that right; you do not need to start it again."
    ),
    "failed_transient": (
        "We are sorry: your video could not be finished because of a technical problem on our side. The video itself "
        "does not seem to be the cause. Our team will look at it; trying once more may already help."
    ),
    "failed_permanent": (
        "We could not process your video because {reason}. Trying again will not change that. If you have another "
        "version of the video that is open to everyone, please submit that one."
    ),
    "failed_permanent.highlights": (
        "We are sorry: the clips of your video could not be made, because the results of its analysis are missing on "
        "our side. Trying again will not help by itself; our team is looking into it."
    ),
    "because.age-restricted": "it is restricted by age",
    "because.members only": "it is open to members or paying viewers only",
    "because.copyright": "it is blocked for copyright reasons",
    "because.private": "it is private",
    "because.region": "it is not available in the region that we fetch videos from",
    "because.removed": "it is no longer available at its address",
    "because.live": "it is a live stream or has not been published yet",
    "because.too long": "its length or size is outside what we can process",
    "because.unsupported": "we do not support its format or address",
    "because.unknown": "it cannot be fetched or used",
    "quota_blocked": (
        "Your video could not be processed because the allowance of your plan is used up. You can make room by "
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
    "healthy": (
        "Your video is finished and everything belonging to it is in place. If you still do not see it, please reload "
        "the page and tell us what it shows."
    ),
    "healthy.analysed": (
        "The analysis of your video is finished and its highlights are ready; no clips have been made from them yet. "
        "Please choose the highlights that you would like as clips."
    ),
    "healthy.some_failed": Plural(
        "Your video is finished. {count} of its clips could not be provided; the others are in place. Please tell us "
        "whether you still need it; our team will then look into it.",
        "Your video is finished. {count} of its clips could not be provided; the others are in place. Please tell us "
        "whether you still need them; our team will then look into it.",
    ),
    "healthy.all_failed": Plural(
        "Your video is finished. {count} of its clips could not be provided. Please tell us whether you still need it; "
        "our team will then look into it.",
        "Your video is finished. {count} of its clips could not be provided. Please tell us whether you still need "
        "them; our team will then look into it.",
    ),
    "purged": (
        "This video was deleted, so there is nothing left to play or download. Please tell us whether you expected "
        "that."
    ),
    "purged.video": "This video was deleted.",
    "purged.video.at": "This video was deleted on {at}.",
    "purged.account": "Your account was deleted.",
    "purged.account.at": "Your account was deleted on {at}.",
    "purged.returning": "It is being put back now. Please look again later.",
    "purged.for_good": "It was deleted for good: nothing of it is kept, and it cannot be brought back.",
    "purged.undo": "We can still bring it back. Please tell us whether you want that.",
    "purged.undo.until": "We can still bring it back until {until}. Please tell us whether you want that.",
    # A draft.
    "draft.ready": (
        "The analysis of your video is finished. Please open it among your drafts, and choose the scenes that you "
        "would like as clips."
    ),
    "draft.expired": "The analysis of your video has expired. Please have the video analysed again.",
    # An outage, the same for each of its customers: what happened at the step, whether it goes on, what to do.
    "outage.analysis": (
        "We are sorry: since {at}, a problem on our side has stopped the analysis of several videos, and yours is one "
        "of them."
    ),
    "outage.render": (
        "We are sorry: since {at}, a problem on our side has stopped the making of clips for several videos, and yours "
        "is one of them. Clips that are already finished stay where they are."
    ),
    "outage.finish": (
        "We are sorry: since {at}, a problem on our side has kept several videos from being marked as finished, and "
        "yours is one of them. It got further than it looks."
    ),
    "outage.delivery": (
        "We are sorry: since {at}, a problem on our side has kept the results of several videos from being shown, and "
        "yours is one of them."
    ),
    "outage.none": (
        "We are sorry: since {at}, a problem on our side has affected several videos, and yours is one of them."
    ),
    "outage.goes_on": "The problem is not solved yet.",
    "outage.over": "Newer videos get past this point again, but yours has not moved on yet.",
    "outage.end": (
        "Your video is not the cause, and you do not need to upload anything again for now. Our team is looking into "
        "it."
    ),
    # The usage of an account.
    "usage.plan": "Your account has the limits of the {plan} plan. As of {at}:",
    "usage.storage": "- Storage: {figure}",
    "usage.clips": "- Clips this month: {figure}",
    "usage.credits": "- Credits this month: {figure}",
    "figure.unknown": "we cannot read this figure at the moment (the limit is {limit}).",
    "figure.bare": "{used} of {limit} used.",
    "figure.left": "{used} of {limit} used ({percent} %), {rest} left.",
    "figure.over": "{used} of {limit} used ({percent} %), {rest} over the limit.",
    "usage.month": "Monthly figures start again on {day} (UTC).",
    "usage.wrong": (
        "The figure for storage is wrong on our side: your clips take up {size}. Please do not delete anything because "
        "of it; you can make new clips once it is corrected."
    ),
    "usage.full": "Your storage is used up. Deleting clips that you no longer need makes room for new ones.",
    "usage.near": "Your storage is nearly used up. Deleting clips that you no longer need makes room for new ones.",
    "usage.no_room": "A new clip needs more room than is left, so no clip can be made until some room is freed.",
    "usage.over.clips": "This month's clips are used up; deleting clips does not give them back.",
    "usage.over.credits": "This month's credits are used up; deleting clips does not give them back.",
    "usage.over.both": "This month's clips and credits are used up; deleting clips does not give them back.",
    # Clips by title.
    "untitled": "one without a title",
    "more": Plural("{names} and {count} other clip", "{names} and {count} other clips"),
}

ENGLISH: Final = Speech(
    name="English",
    texts=_TEXTS,
    quotes=("“", "”"),
    decimal=".",
    thousands=",",
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    day="{day} {month} {year}",
    moment="{date}, {time} UTC",
)
