"""Tells a result that cannot be true of the customer's data from one that can: a wrong bucket, prefix or credential.

The thresholds are this project's own. Ten completed clips and not one object under the prefix, or four in five of at
least twenty clips missing at once, do not come about by lost uploads; a setting that points elsewhere gives exactly
that picture, and so does a listing by a credential that sees another bucket. Seen from the other side: where more than
half of everything in the bucket, and a hundred objects at least, is named by no document, another project was read.
"""

from __future__ import annotations

from storage.domain.integrity.findings import Suspicion

EMPTY_PREFIX_CLIPS = 10
MOST_MISSING_CLIPS = 20
MOST_MISSING_PERCENT = 80
MOST_ORPHANS = 100
MOST_ORPHANS_PERCENT = 50


def suspect(expected: int, missing: int, objects: int, prefixes: tuple[str, ...], example_key: str) -> Suspicion | None:
    """A suspicion, or `None` where the result is plausible.

    `expected` counts the clips whose document claims an object, `missing` those of them that are proven absent,
    `objects` everything that was found at all. `example_key` is one of the missing ones, for a check by hand.
    """
    if missing >= EMPTY_PREFIX_CLIPS and objects == 0:
        reason = f"The documents name {expected:,} clips, and the bucket has nothing at all under {_named(prefixes)}."
    elif expected >= MOST_MISSING_CLIPS and missing * 100 >= expected * MOST_MISSING_PERCENT:
        reason = f"{missing:,} of {expected:,} clips are missing at once."
    else:
        return None
    return Suspicion(
        reason=f"{reason} A wrong bucket, key prefix or credential is likelier than a loss of this size.",
        expected=expected,
        missing=missing,
        how_to_check=how_to_check(example_key),
    )


def suspect_whole(
    expected: int, missing: int, objects: int, orphans: int, example_key: str, example_orphan: str
) -> Suspicion | None:
    """A suspicion over a scan of many users, who may each look harmless; `orphans` counts objects of no document."""
    found = suspect(expected, missing, objects, (), example_key)
    if found is not None or orphans < MOST_ORPHANS or orphans * 100 <= objects * MOST_ORPHANS_PERCENT:
        return found
    return Suspicion(
        reason=f"{orphans:,} of {objects:,} objects are named by no document. A wrong Firestore project is "
        "likelier than so much left over.",
        expected=expected,
        missing=orphans,
        how_to_check=(
            "Compare FIREBASE_PROJECT_ID (and FIRESTORE_EMULATOR_HOST, if it is set) with the project of the worker.",
            f"Look in that project for a document that names one of them, for example {example_orphan!r}.",
            "Purge nothing as left over before that is settled; check again once the settings are right.",
        ),
    )


def how_to_check(example_key: str) -> tuple[str, ...]:
    """What to look at, in order, before any finding of such a scan is believed."""
    return (
        "Run `python -m storage check`: it lists the bucket and tries each permission.",
        "Compare R2_BUCKET_NAME and R2_ENDPOINT_URL (or R2_ACCOUNT_ID) with those of the worker.",
        f"Compare R2_KEY_PREFIX with the keys that the documents name, for example {example_key!r}.",
        "Look the example up in the bucket with another credential; check again once the settings are right.",
    )


def _named(prefixes: tuple[str, ...]) -> str:
    return " or ".join(repr(prefix) for prefix in prefixes) or "the listed prefixes"
