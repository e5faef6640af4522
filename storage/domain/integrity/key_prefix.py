"""Do the keys that documents name begin with the configured prefix? A typo in the setting hides nothing at first sight:
existing objects are found by the keys in their documents, and only what is looked for or written by the layout goes
astray. Older objects may rightly lie under another prefix, so this is a doubt and no finding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from storage.domain.layout import CACHE_KINDS, Layout

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class KeyPrefixes:
    """What stands before the owner's id in so many keys: `others` has the prefixes that are not the configured one."""

    configured: str
    keys: int
    expected: int
    others: tuple[str, ...]

    @property
    def doubtful(self) -> bool:
        """There are keys, and not one of them lies where the layout says."""
        return self.keys > 0 and not self.expected

    @property
    def reason(self) -> str:
        """The doubt in a sentence; empty where there is none."""
        if not self.doubtful:
            return ""
        which = "the key that the documents name does not begin" if self.keys == 1 else (
            f"none of the {self.keys:,} keys that the documents name begins"
        )  # fmt: skip
        found = " or ".join(repr(prefix) for prefix in self.others[:_SHOWN])
        return f"{which} with R2_KEY_PREFIX ({self.configured!r}) and its user's id; what stands there is {found}"


def key_prefixes(layout: Layout, named: Iterable[tuple[str, str]]) -> KeyPrefixes:
    """Looks at (uid of the owner, key) pairs. Keys without that uid, caches and the desk's own say nothing here."""
    found: Counter[str] = Counter()
    for uid, key in named:
        kind = layout.parse(key).kind
        home = key.startswith(layout.user_prefixes(uid)[0])
        at = len(layout.prefix) if home else f"/{key}".find(f"/{uid}/") if uid else -1
        if at >= 0 and kind != "ops" and kind not in CACHE_KINDS:
            found[key[:at]] += 1
    others = tuple(prefix for prefix, _ in found.most_common() if prefix != layout.prefix)
    return KeyPrefixes(layout.prefix, found.total(), found[layout.prefix], others)
