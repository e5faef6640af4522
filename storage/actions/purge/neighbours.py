"""What lies right beside a scope: noted before a purge and looked at after it, as evidence that nothing else went.

For clips, the other objects of their videos; for a video, the objects that follow it below the user; for a user, those
that follow in the bucket, which are the ones that a prefix too short by a character would have taken too.
"""

from __future__ import annotations

from collections.abc import Mapping

from storage.connect import Stores
from storage.domain.layout import OPS_PREFIX
from storage.domain.purge.places import all_prefixes, home_prefixes, in_scope
from storage.domain.purge.plan import PurgePlan

MOST = 1_000  # of each prefix: one page of a listing
_LAST = "\U0010ffff"


def snapshot(stores: Stores, plan: PurgePlan) -> dict[str, str]:
    """ETags of the neighbours by key. They may change meanwhile: the product goes on; only a loss is of interest."""
    going = {item.key for item in plan.objects}
    found: dict[str, str] = {}
    for folder, behind in _places(stores, plan):
        for page in stores.objects.list_pages(folder, behind, limit=MOST):
            found.update(zip(page.frame["key"].tolist(), page.frame["etag"].tolist(), strict=True))
    return {
        key: etag
        for key, etag in found.items()
        if key not in going and not key.startswith(OPS_PREFIX) and not _part_of(plan, key, stores)
    }


def compare(stores: Stores, plan: PurgePlan, before: Mapping[str, str]) -> tuple[str, ...]:
    """The neighbours that are gone, one line each. Each that the listing lacks is asked for on its own."""
    now = snapshot(stores, plan)
    lacking = [key for key in before if key not in now]
    return tuple(f"object gone meanwhile: {key}" for key in lacking if stores.objects.head(key) is None)


def _places(stores: Stores, plan: PurgePlan) -> list[tuple[str, str | None]]:
    """Folder to list, and the key to begin behind, for each place beside the scope."""
    if plan.scope.clips:
        return [(prefix, None) for prefix in all_prefixes(plan.scope, stores.layout)]
    places: list[tuple[str, str | None]] = []
    for prefix in home_prefixes(plan.scope, stores.layout):
        parent = prefix[: prefix.rstrip("/").rfind("/") + 1]
        places.append((parent, prefix + _LAST))
    return places


def _part_of(plan: PurgePlan, key: str, stores: Stores) -> bool:
    """Whether a key belongs to the scope itself; of clips only what is planned does, and that is left out before."""
    return not plan.scope.clips and in_scope(key, plan.scope, stores.layout)
