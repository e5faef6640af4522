"""The file of results: a section for each part, with when and at which commit it was measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
PACKAGES = ("google-cloud-firestore", "grpcio", "protobuf", "pandas", "ptars", "pyarrow", "boto3", "streamlit")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `met` is `None` where there is nothing to compare with."""

    what: str
    against: str
    theirs: str
    ours: str
    ratio: str
    target: str
    met: bool | None


def section(name: str, about: str, rows: list[Row], seconds: float, load: float) -> str:
    """The section of one part as Markdown."""
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in PACKAGES)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    word = {True: "yes", False: "**no**", None: ""}
    lines = [
        f"## {name}: {about}",
        "",
        f"Measured on {datetime.now(UTC):%Y-%m-%d} in {seconds:,.0f} s at {commit.strip()}, load {load:.1f} before it"
        f" began: `python -m benchmarks --only {name}`.",
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB; Python {platform.python_version()},"
        f" {versions}.",
        "",
        "| what | against | theirs | ours | ratio | target | met |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {r.what} | {r.against} | {r.theirs} | {r.ours} | {r.ratio} | {r.target} | {word[r.met]} |" for r in rows
    ]
    return "\n".join([*lines, "", ""])


def report(before: str, measured: Mapping[str, str], parts: Sequence[str]) -> str:
    """The results as Markdown: the sections that were there, with those that were measured in place of theirs, in the
    order of the parts."""
    there = {one[1]: one[0] for one in re.finditer(r"(?ms)^## (\w+): .*?(?=^## |\Z)", before)}
    sections = {**{name: text.strip() + "\n\n" for name, text in there.items()}, **measured}
    return "".join([HEAD.lstrip(), *(sections[name] for name in parts if name in sections), NOTES.lstrip()])


HEAD = """
# What it costs, measured

`make bench` measures every part, and `python -m benchmarks --only PART` one; each section says when
and at which commit it was measured.

Variants of a row run in turn in one process; times are medians (fastest to slowest round), ratios of medians
(lowest to highest round). CPU: time of the client's process, which other work on the machine hardly touches.
At 25 ms a request: a canned server or a relay on this machine waits so long before each answer. The real services were
not asked. Compare ratios, not times.

"""

NOTES = """
## How to read it

- **Decoding** replays recorded answers of a query: no network. Both ways begin with the bytes and end in a frame; the
  desk's has the declared columns and the oddities met. 12 fields: what a `select` of twelve brings, read with a schema
  of these.
- **Emulator**: the desk's read waits for the emulator alone (about 1.3 s of its own CPU, beside 0.4 s of the client's;
  the usual way takes 3.1 s of the client's), so whatever else runs on the machine lowers this ratio.
- **Memory** is the highest resident size above what the process had before, each way in a process of its own.
- **Existence** and **deletion** list the user's prefix in eight ranges (divided at video ids here, and at the keys
  that documents name by the desk's checks and plans), and delete in batches of 1,000, eight at a time. The tools'
  times include the start of their process; the desk is running already. What takes more than half a minute runs once.
- **obstore** (Rust, Arrow) was weighed for listing whole buckets. It takes a third of the desk's CPU (3 µs a key
  beside 9, and boto3's 80), which is 0.1 s in 20,000 keys. It was not taken: at 25 ms a page both wait, and there
  ranges count (0.31 s in eight, 0.78 s by `obstore` page after page); and its own repeats and errors happen where
  neither the cost meter nor the translation of errors sees them, so that whole buckets would be read by a second
  client with rules of its own.
- **fleet**: the first three rows and the rollup are processes that scan, or add up, and do nothing else; their time is
  without the start. Of the commands, each with its start, `scans` stands for the start. The customers are small: one
  video, four clips, highlights in a document. `python -m benchmarks --only fleet --customers 200` is a trial.
- **cluster**: 640 such customers, without the start of the workers.
- **Reads** are counted by the meter in the client, and held against the embedded server's own count in the tests.
- **Purge**: the job runs in a process of its own against the embedded stand-ins, and the bare calls go through the same
  client to the same bucket. The job looks at each object before it goes, writes a journal before and after each batch,
  and lists everything again at its end; its times are those of its journal.
- **Start**: find, usage and url ask the embedded stand-ins, which answer at once, over connections of their own; a link
  goes on record.
- **Sessions** speak the app's WebSocket protocol; pages are drawn in full on the server. Sessions that left are given
  up after 5 s here (120 s as configured).
- **Pages in a browser** are those of the demo, for whom all is permitted, in Chromium. A page is complete with the last
  change of its DOM, after which nothing changes for a second. Cold: a profile that has nothing. A warm new tab: a
  profile that has the files. The side bar: a click in such a tab that has not shown the page. A page with charts is
  held against one with a table and a chart, any other against a title alone, in an app of the same Streamlit with the
  same settings and a server of its own (`benchmarks/bare.py`). That server is Streamlit's alone, where each small file
  waits for an acknowledgement of TCP (`pages/_ui/server/sockets.py`); so a page of the desk can be quicker than an
  empty one. User and Video are not in the side bar. Headings and axe-core: as in `tests/browser/test_visits.py`, each
  page once.
"""
