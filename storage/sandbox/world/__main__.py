"""Prints the catalogue of the sample data, tab-separated: `python -m storage.sandbox.world`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from storage.sandbox.world import build


def main() -> int:
    """One line a story: its name, ids, the verdict and findings to expect, and what it shows."""
    for story in build(datetime.now(UTC)).cast.values():
        columns = (story.name, story.uid, story.video_id, story.verdict, ",".join(story.findings), story.shows)
        sys.stdout.write("\t".join(column or "-" for column in columns) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
