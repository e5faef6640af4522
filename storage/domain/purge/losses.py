"""Decides whether a purge may go on although completed clips claim objects that were not found.

"The bucket does not have it" is no proof that the object is gone. Where no claimed object was found, objects of other
customers tell a loss from a wrong bucket; where no document was found, documents of other customers tell a left-over
from a wrong project. A person can acknowledge a loss; a doubt blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from storage.domain.integrity.controls import ClaimCounts, Controls
from storage.domain.integrity.findings import Suspicion, controls_wanted, suspect, suspect_project
from storage.domain.layout import thumbnail_of
from storage.domain.purge.claims import ACKNOWLEDGE, Claims
from storage.domain.purge.facts import Facts

_IF_LOST = f"If that is a loss, make the plan with {ACKNOWLEDGE}, which goes on record"


@dataclass(frozen=True, slots=True)
class Look:
    """What a plan must know about the claims, beside the facts.

    `controls` are objects of other customers or, where Firestore has no document of the scope, other customers of the
    bucket. `seen` are keys that existed when the plan was made: their absence now needs no acknowledgement.
    """

    acknowledged: bool = False
    controls: Controls | None = None
    seen: Collection[str] = ()


def claims_of(facts: Facts, look: Look) -> Claims:
    """What is claimed, and which of it was never seen."""
    there = {item.key for item in facts.listed}
    claimed = {*facts.claimed, *facts.claimed_thumbnails}
    missing = claimed - there - set(look.seen)
    return Claims(
        len(claimed), tuple(sorted(missing)), look.acknowledged, None if _without_documents(facts) else look.controls
    )


def wants_controls(facts: Facts) -> bool:
    """Whether the caller must look for objects of other customers before it believes the result."""
    return controls_wanted(_in_clips(facts), len(facts.listed))


def wants_customers(facts: Facts) -> bool:
    """Whether the caller must look for other customers of the bucket: there are objects, and no document at all."""
    return _without_documents(facts)


def doubt(facts: Facts, look: Look) -> Suspicion | None:
    """Why the result cannot be believed, if so. An acknowledgement does not lift a doubt, except for a loss whose
    controls exist.
    """
    if _without_documents(facts):
        return suspect_project(len(facts.listed), look.controls, facts.listed[0].key)
    if look.acknowledged and look.controls is not None and look.controls.there:
        return None
    return suspect(_in_clips(facts), len(facts.listed), facts.prefixes, look.controls)


def objections(facts: Facts, look: Look | None) -> Iterator[str]:
    """Which claims block a purge; without a look, only claims that are implausible by themselves."""
    suspicion = doubt(facts, look or Look())
    if suspicion is not None:
        loss = look is not None and look.controls is not None and look.controls.there and not _without_documents(facts)
        yield f"the scan is implausible: {suspicion.reason}" + (f" {_IF_LOST}" if loss else "")
        return
    claims = claims_of(facts, look) if look else None
    if claims is not None and claims.missing and not claims.acknowledged:
        yield f"{claims.words}. {_IF_LOST}"


def remarks(facts: Facts, look: Look) -> Iterator[str]:
    """What a person must know about the claims before agreeing."""
    claims = claims_of(facts, look)
    if claims.missing and claims.acknowledged and doubt(facts, look) is None:
        yield f"acknowledged as missing: {claims.words}. They were never seen, and the certificate will say so"


def _without_documents(facts: Facts) -> bool:
    return bool(facts.listed) and not facts.documents


def _in_clips(facts: Facts) -> ClaimCounts:
    """The claims as the upload check counts them: by clip, with thumbnails only among the objects found.

    Where documents go and the bucket has nothing of the scope, that too is believed only with controls.
    """
    there = {item.key for item in facts.listed}
    named = facts.claimed or facts.claimed_thumbnails
    missing = [key for key in named if key not in there]
    pictures = {*facts.claimed_thumbnails, *(thumbnail_of(key) for key in facts.claimed)}
    found = len(named) - len(missing) + len(pictures & there)
    nothing = bool(facts.documents) and not facts.listed
    return ClaimCounts(len(named), len(missing), found, min(missing, default=""), also_absent=nothing)
