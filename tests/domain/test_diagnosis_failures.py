"""Error messages are told apart by documented patterns; what nobody knows stays unrecognised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.domain.diagnosis.failures import TEXTS, classify, read_failure


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("ERROR: Sign in to confirm your age. This video may be inappropriate for some users.", "age-restricted"),
        ("Video is age-restricted", "age-restricted"),
        ("ERROR: [youtube] abc: Private video. Sign in if you've been granted access to this video", "private"),
        ("This video is private", "private"),
        ("Video unavailable. This video has been removed by the uploader", "removed"),
        ("Video unavailable", "removed"),
        ("This video is no longer available because the YouTube account associated has been terminated", "removed"),
        ("This video is no longer available due to a copyright claim by X", "copyright"),
        ("Video unavailable. The uploader has not made this video available in your country", "region"),
        ("Join this channel to get access to members-only content like this video", "members only"),
        ("Premieres in 3 hours", "live"),
        ("Unsupported URL: x", "unsupported"),
        ("Transcripts are disabled for this video", "unsupported"),
        ("Video duration exceeds the maximum of 3 hours", "too long"),
    ],
)
def test_what_no_retry_mends_is_permanent_and_says_why(message: str, cause: str) -> None:
    assert (read_failure(message).kind, read_failure(message).cause) == ("permanent", cause)


@pytest.mark.parametrize(
    "message",
    [
        "Connection timed out after 30s",
        "HTTP Error 503: Service Unavailable",
        "upstream returned 502",
        "deadline exceeded",
        "Render time limit exceeded",
        "memory limit exceeded, killed by SIGKILL",
        "worker died",
        "The model is overloaded. Please try again later.",
        "429 RESOURCE_EXHAUSTED: Quota exceeded for quota metric 'Generate Content API requests per minute'",
        "Sign in to confirm you're not a bot",
        "This video is temporarily unavailable",
        "HTTP Error 403: Forbidden",
        "no space left on device",
    ],
)
def test_what_a_retry_may_mend_is_transient(message: str) -> None:
    assert classify(message) == "transient"


@pytest.mark.parametrize(
    "message",
    [
        "Quota exceeded",
        "quota_exceeded: clips",
        "Storage limit reached (1 GiB)",
        "Monthly clip limit exceeded",
        "Insufficient credits: need 12, have 3",
        "You have run out of credits",
        "Please upgrade your plan",
    ],
)
def test_the_customers_own_allowance_is_quota(message: str) -> None:
    assert classify(message) == "quota"


@pytest.mark.parametrize("message", [None, "", "  ", "E_42", "Processing failed", "<b>nope</b>", "ошибка"])
def test_what_nobody_knows_stays_unrecognised(message: str | None) -> None:
    assert (read_failure(message).kind, read_failure(message).cause) == ("unrecognised", "")


@given(st.text(max_size=500))
def test_any_text_is_classified_without_raising(text: str) -> None:
    assert classify(text) in {"permanent", "transient", "quota", "unrecognised"}


def test_a_very_long_message_is_judged_by_its_beginning() -> None:
    assert classify("Private video " + "a" * 1_000_000) == "permanent"
    assert classify("a" * 1_000_000 + "Private video") == "unrecognised"


@pytest.mark.parametrize(
    ("message", "kind", "cause"),
    [
        ("Video cannot be processed: Download failed: ERROR: Please verify your age", "permanent", "age-restricted"),
        ("Video cannot be processed: Download failed: Video is age restricted", "permanent", "age-restricted"),
        ("Video cannot be processed: Download failed: Private video", "permanent", "private"),
        ("Video cannot be processed: Download failed: video not available", "permanent", "removed"),
        ("Video cannot be processed: Download failed: Video unavailable", "permanent", "removed"),
        ("Video cannot be processed: Download failed: This video was deleted", "permanent", "removed"),
        ("Video cannot be processed: Download failed: blocked in your country", "permanent", "region"),
        ("Video cannot be processed: not available in your country, try again", "permanent", "region"),
        ("Video cannot be processed: live stream", "permanent", "live"),
        ("Video cannot be processed: Premiere will begin in 3 hours", "permanent", "live"),
        ("Video cannot be processed: HTTP error 503", "permanent", ""),
        ("Video cannot be processed: E_42", "permanent", ""),
        (
            "Video cannot be processed: Quota exceeded: Storage quota exceeded (plan: free, limit_bytes: 1073741824)",
            "quota",
            "quota",
        ),
        ("Job failed after 3 retries: Job failed: Highlights not found in Firestore", "permanent", "highlights"),
        ("Highlights not found in Firestore", "permanent", "highlights"),
        ("Job failed after 3 retries: Download failed: Connection reset by peer", "transient", "transient"),
        ("Job failed after 3 retries: 429 Too Many Requests", "transient", "provider"),
        ("Job failed after 3 retries: Media error: exit code 1", "transient", "transient"),
        ("Job failed after 3 retries: ERROR: Unsupported URL: x", "permanent", "unsupported"),
        ("Job failed after 12 retries: Members-only content", "permanent", "members only"),
        ("Storage error: certificate verification failed: connection closed", "transient", "transient"),
    ],
)
def test_the_workers_own_judgement_and_what_stands_behind_it_are_both_read(message: str, kind: str, cause: str) -> None:
    found = read_failure(message)
    assert (found.kind, found.cause) == (kind, cause)


def test_every_wording_says_where_it_comes_from_and_each_cause_is_named_once() -> None:
    assert all(text.source for text in TEXTS)
    assert len({text.cause for text in TEXTS}) == len(TEXTS)
