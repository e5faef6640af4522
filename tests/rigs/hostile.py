"""A customer whose every string is hostile: Markdown, HTML, links, formulas, control sequences, endless text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.rigs.records import clip, user, video

EVIL = "http://evil.invalid"
TEXT = (
    f"=HYPERLINK('{EVIL}') ![x]({EVIL}/p.png) [x](javascript:alert(1)) <img src={EVIL}/i.png onerror=alert(1)>"
    f"<script>alert(1)</script> {EVIL} www.evil.invalid a@evil.invalid **b** `c` $x$ :red[r] :material/home: "
    "\x1b[31m\x07\x00 \u202egnp.exe\u2066 | --- |\n# h\n\n> q\n"
)
LONG = TEXT + "W" * 100_000
UID = "![u](evil)<b>1\u202e"
VIDEO = "[v](javascript:alert(1))**<i>=1+1"
CLIP = "`c`<img src=x onerror=alert(1)>"
AGO = datetime.now(UTC) - timedelta(hours=3)


def documents() -> dict[str, dict[str, Any]]:
    """One customer whose every text is hostile: short ones here, endless ones there."""
    at = f"users/{UID}/videos/{VIDEO}"
    key = f"users/{UID}/{VIDEO}/clips/clip_01_1_a_split.mp4"
    times = {"created_at": AGO, "updated_at": AGO}
    stuck = video(
        VIDEO, video_title=LONG, video_url=f"javascript:alert('{EVIL}')", youtube_id=TEXT, status="processing"
    )
    stuck |= {**times, "completed_at": None, "error_message": LONG, "styles_processed": [TEXT, LONG]}
    stuck |= {
        "clips_by_style": {"split": 1, TEXT[:200]: 2},
        "processing_progress": {"current_step": LONG, "updated_at": AGO},
    }
    named = clip(VIDEO, 1, clip_id=CLIP, scene_title=LONG, filename=LONG, style=TEXT, r2_key=key, **times)
    return {
        f"users/{UID}": user(
            UID, email=f'"{TEXT[:80]}"@evil.invalid', plan=TEXT, role=LONG, settings={TEXT[:90]: LONG}
        ),
        at: stuck,
        f"users/{UID}/videos/failed": video(
            "failed", status="failed", video_title=TEXT, failed_at=AGO, error_message=LONG
        ),
        f"users/{UID}/videos/odd": video("odd", status=LONG[:900], video_title="\u202e" * 400),
        f"{at}/clips/{CLIP}": named,
        f"{at}/clips/2": {
            **named,
            "clip_id": LONG,
            "status": TEXT,
            "r2_key": f"{EVIL}/{TEXT[:300]}",
            "scene_title": TEXT,
        },
        f"{at}/highlights/main": {
            "highlights": [{"id": TEXT, "title": LONG, "start": TEXT, "end": LONG, "reason": LONG}]
        },
        f"users/{UID}/credit_transactions/t": {
            "timestamp": AGO,
            "description": LONG,
            "type": TEXT,
            "credits_amount": -3,
        },
        "plans/pro": {"id": "pro", "name": TEXT, "limits": {"storage_limit_bytes": 1_000}},
    }
