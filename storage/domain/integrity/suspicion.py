"""Tells a result that cannot be true of the customer's data from one that can: a wrong bucket, prefix or credential.

Where none of a scope's claimed objects is found, however few they are, objects of other customers are the control: are
they missing too, or is there none to look for, then the bucket is doubted and not the customer's data. Beside that
stand thresholds, which are this project's own: ten completed clips and not one object under the prefix, or four in five
of at least twenty clips missing at once, do not come about by lost uploads. Seen from the other side: where more than
half of everything in the bucket, and a hundred objects at least, is named by no document, another project was read.
"""

from __future__ import annotations

from storage.domain.integrity.controls import Claims, Controls
from storage.domain.integrity.findings import Suspicion

EMPTY_PREFIX_CLIPS = 10
MOST_MISSING_CLIPS = 20
MOST_MISSING_PERCENT = 80
MOST_ORPHANS = 100
MOST_ORPHANS_PERCENT = 50
_LIKELIER = "A wrong bucket, key prefix or credential is likelier than a loss of this size."
_RARE = "Nobody loses so much by a lost upload: look before anything is changed."


def controls_wanted(claims: Claims, objects: int) -> bool:
    """Whether the result can only be judged with controls beside it."""
    return claims.none_found or bool(_brake(claims, objects, ()))


def suspect(claims: Claims, objects: int, prefixes: tuple[str, ...], controls: Controls | None) -> Suspicion | None:
    """A suspicion, or `None` where the result is plausible. `controls` are `None` where they were not looked for.

    `objects` counts everything that was found at all.
    """
    there = controls is not None and controls.there > 0
    beside = f" {_sentence(controls.words)}" if controls is not None else ""
    brake, alone = _brake(claims, objects, prefixes), False
    if brake:
        reason = f"{brake}{beside} {_RARE if there else _LIKELIER}"
    elif controls is not None and not there and not claims.found and _counts_against(claims, controls):
        reason = f"{_none_found(claims)}{beside} {_which(controls)}"
        alone = not controls.looked_for and not controls.why
    else:
        return None
    missing_example = claims.example or (controls.example if controls is not None else "")
    return Suspicion(reason, claims.expected, claims.missing, how_to_check(missing_example), repairs=alone)


def _brake(claims: Claims, objects: int, prefixes: tuple[str, ...]) -> str:
    expected, missing = claims.expected, claims.missing
    if missing >= EMPTY_PREFIX_CLIPS and objects == 0:
        return f"The documents name {expected:,} clips, and the bucket has nothing at all under {_named(prefixes)}."
    if expected >= MOST_MISSING_CLIPS and missing * 100 >= expected * MOST_MISSING_PERCENT:
        return f"{missing:,} of {expected:,} clips are missing at once."
    return ""


def _counts_against(claims: Claims, controls: Controls) -> bool:
    """Without any claim only controls that are proven missing raise a doubt: there may be no other customer yet."""
    return bool(claims.missing) or (controls.missing > 0 and not controls.unknown)


def _none_found(claims: Claims) -> str:
    if not claims.missing:
        return "Nothing of it is in the bucket."
    if claims.expected == 1:
        return "The one object that is claimed is not there."
    return f"None of the objects of {claims.expected:,} completed clips is there."


def _which(controls: Controls) -> str:
    if controls.missing and not controls.unknown:
        return "A wrong bucket or credential is likelier than a loss of all of them."
    return "So it is not known whether this is a loss or a wrong bucket, which looks the same."


def _sentence(clause: str) -> str:
    return f"{clause[0].upper()}{clause[1:]}."


def suspect_whole(
    expected: int,
    missing: int,
    objects: int,
    orphans: int,
    example_key: str,
    example_orphan: str,
    *,
    found: int | None = None,
    doubted: str = "",
) -> Suspicion | None:
    """A suspicion over a scan of many users, who may each look harmless; `orphans` counts objects of no document.

    `found` counts the claimed objects that are there (`None`: not counted), `doubted` is why one of the users is
    suspected: where nothing that is claimed was found in all of the scan, that holds for the whole.
    """
    brake = suspect(Claims(expected, missing, 1 if found is None else found, example_key), objects, (), None)
    if brake is not None:
        return brake
    if expected and found == 0 and doubted:
        return Suspicion(
            f"None of the objects that {expected:,} completed clips claim was found in all of this scan. {_LIKELIER}",
            expected,
            missing,
            how_to_check(example_key),
        )
    if orphans < MOST_ORPHANS or orphans * 100 <= objects * MOST_ORPHANS_PERCENT:
        return None
    return Suspicion(
        reason=f"{orphans:,} of {objects:,} objects are named by no document. A wrong Firestore project is "
        "likelier than so much left over.",
        expected=expected,
        missing=orphans,
        how_to_check=wrong_project(example_orphan),
    )


def suspect_project(objects: int, controls: Controls | None, example_key: str) -> Suspicion | None:
    """A suspicion where objects lie under an id of which Firestore has no document: a left-over, or another project.

    `controls` are other customers of the bucket, looked for in Firestore; `None`, or none to look for: nothing follows.
    """
    if not objects or controls is None or controls.there or not controls.missing:
        return None
    return Suspicion(
        reason=f"Firestore has no document of what the bucket holds here ({objects:,} objects), nor of any of "
        f"{controls.missing:,} other customers of this bucket that were looked for as a control. A wrong Firestore "
        "project is likelier than so much left over.",
        expected=0,
        missing=objects,
        how_to_check=wrong_project(example_key),
    )


def wrong_project(example_key: str) -> tuple[str, ...]:
    """What to look at where the project is doubted, and not the bucket."""
    return (
        "Compare FIREBASE_PROJECT_ID (and FIRESTORE_EMULATOR_HOST, if it is set) with the project of the worker.",
        f"Look in that project for a document that names one of them, for example {example_key!r}.",
        "Purge nothing as left over before that is settled; check again once the settings are right.",
    )


def how_to_check(example_key: str) -> tuple[str, ...]:
    """What to look at, in order, before any finding of such a scan is believed."""
    return (
        "Run `python -m storage check`: it lists the bucket, looks for objects of several customers, and tries each "
        "permission.",
        "Compare R2_BUCKET_NAME and R2_ENDPOINT_URL (or R2_ACCOUNT_ID) with those of the worker.",
        f"Compare R2_KEY_PREFIX with the keys that the documents name, for example {example_key!r}.",
        "Look the example up in the bucket with another credential; check again once the settings are right.",
    )


def _named(prefixes: tuple[str, ...]) -> str:
    return " or ".join(repr(prefix) for prefix in prefixes) or "the listed prefixes"
