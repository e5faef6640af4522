"""A gallery of clips that plays in place, and a large player of one clip.

    events = gallery(cards, key=key("video", "clips"), sign=sign, label="Clips of this video")
    if events.opened:
        ...

The gallery calls `sign(clip_id, purpose)` on the server when a person asks for a link, and not before: it must check
the permission, write the audit entry and sign. `"renew"` means that a link failed: `sign` must look the object up
first, so that a missing file is called missing.
"""

from pages._ui.player.asks import Ask, Purpose, Sign
from pages._ui.player.cards import ClipCard
from pages._ui.player.component import GalleryEvents, gallery, player

__all__ = ["Ask", "ClipCard", "GalleryEvents", "Purpose", "Sign", "gallery", "player"]
