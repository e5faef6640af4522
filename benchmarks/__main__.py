"""Measures everything once and writes `benchmarks/RESULTS.md`: what was measured, against what, and the targets."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import billed, cluster, decoding, felt, objects, purge, scan, sessions, startup
from benchmarks.timing import Measured, times
from pages._ui.nav import SCREENS
from tests.rigs.browser import chromium
from tests.rigs.first_paint import MOST_PIXELS

CUSTOMERS = 20_000  # small ones, whom a scan checks; filling takes minutes
PURGE_ROUNDS = 1  # filling takes two minutes; `python -m benchmarks.purge` does three rounds
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


def _row(what: str, against: str, slow: Measured, fast: Measured, target: float) -> Row:
    met = slow.median / fast.median >= target
    return Row(what, against, slow.text, fast.text, times(slow, fast), f"{target:g} ×", met)


def decode_rows(_: argparse.Namespace) -> list[Row]:
    """Decoding and memory."""
    found = decoding.decode(5)
    rows = [
        _row(f"decode 20,000 recorded documents, {name} (CPU)", "`to_dict()` into a frame", m["usual"], m["ours"], 14)
        for name, m in found.items()
    ]
    peak = decoding.memory(100_000)
    part = peak["ours"] / peak["usual"]
    theirs, ours = f"{peak['usual']:,.0f} B", f"{peak['ours']:,.0f} B"
    what = "peak memory of a bulk read, per document (100,000)"
    return [*rows, Row(what, "list of dicts", theirs, ours, f"{part:.2f}", "at most 0.33", part <= 1 / 3)]


def emulator_rows(_: argparse.Namespace) -> list[Row]:
    """One user, end to end."""
    found = decoding.end_to_end(5)
    what = "one user, 20,000 clips, Google's emulator to a frame"
    return [
        _row(what, "`to_dict()` of one query", found["usual"], found["ours"], 3.5),
        _row(what, "one query for each of 200 videos", found["by video"], found["ours"], 10),
    ]


def object_rows(arguments: argparse.Namespace) -> list[Row]:
    """The bucket."""
    listed, there = objects.listing(7, arguments.tools), objects.existence(5)
    gone = objects.deletion(5, arguments.tools)
    framed = "20,000 keys listed into a frame (CPU)"
    rows = [
        _row("existence of 20,000 keys at 25 ms a request", "HEAD, 16 threads", there["heads"], there["ours"], 50),
        _row(framed, "boto3's paginator", listed["boto3"], listed["ours"], 8),
    ]
    if "obstore" in listed:
        rust, ours = listed["obstore"], listed["ours"]
        rows.append(Row(framed, "`obstore`", rust.text, ours.text, times(rust, ours), "weighed", None))
    for name, label, target in (("aws", "`aws s3 rm --recursive`", 100), ("s5cmd", "`s5cmd rm`", 2)):
        if name in gone:
            rows.append(_row("20,000 objects deleted at 25 ms a request", label, gone[name], gone["ours"], target))
    return rows


def billed_rows(_: argparse.Namespace) -> list[Row]:
    """Document reads."""
    page, fleet = billed.user_page(), billed.fleet()
    rows = []
    for name, word, target in (("cold", "opened", 40), ("warm", "refreshed, 20 videos changed", 150)):
        ratio = page["all"] / page[name]
        what = f"billed reads of a user's page, {word}"
        ours = f"{page[name]:,}"
        rows.append(
            Row(what, "reading all", f"{page['all']:,}", ours, f"{ratio:.0f} ×", f"{target} ×", ratio >= target)
        )
    reads = {count for _, count in fleet.values()}
    shown = ", ".join(f"{count} at {users:,} users" for users, count in fleet.values())
    what = "billed reads of the fleet view at 1 ×, 10 ×, 100 × the data (4 shards)"
    return [*rows, Row(what, "itself", "", shown, "", "constant", len(reads) == 1)]


def session_rows(_: argparse.Namespace) -> list[Row]:
    """The app itself."""
    responses, memory = sessions.measure()
    one, many = responses["one"], responses["many"]
    ratio = many.p95 / one.p95
    texts = [f"median {found.median * 1000:,.0f} ms, p95 {found.p95 * 1000:,.0f} ms" for found in (one, many)]
    back = memory.after / memory.before
    each = memory.each / 2**20
    before, after = f"{memory.before / 2**20:,.0f} MiB", f"{memory.after / 2**20:,.0f} MiB"
    return [
        Row(
            "page switch and rerun, 20 sessions, each every 8 s",
            "one session",
            *texts,
            f"p95 {ratio:.2f} ×",
            "under 2 ×",
            ratio < 2,
        ),
        Row(
            f"memory of an idle session (of {memory.idle_sessions})",
            "",
            "",
            f"{each:.2f} MiB",
            "",
            "under 2 MB",
            memory.each < 2e6,
        ),
        Row(
            "memory after 200 sessions came and went",
            "before",
            before,
            after,
            f"{back:.2f}",
            "at most 1.20",
            back <= 1.2,
        ),
    ]


def start_rows(_: argparse.Namespace) -> list[Row]:
    """The start of a command."""
    found = startup.measure(9)
    rows = []
    for names, base, target in ((startup.HELP, "two", 0.3), (startup.READS, "three", 1.3)):
        against = f'`python -c "{startup.LIBRARIES[base][1]}"`'
        for name in names:
            part = found[name].median / found[base].median
            what = f"`python -m storage {name}`, CPU of the process"
            ratio, wanted = f"{part:.2f} ×", f"at most {target:g} ×"
            rows.append(Row(what, against, found[base].text, found[name].text, ratio, wanted, part <= target))
    return rows


def purge_rows(_: argparse.Namespace) -> list[Row]:
    """A large purge, erasing."""
    count, documents = 20_000, 10_000
    found = purge.erasing(count, documents, PURGE_ROUNDS)
    memory, small = statistics.median(found.memory) / 1024, found.small_memory / 1024
    rows = [
        (f"{count:,} objects erased by a purge: proven, journalled, each key answered for", found.objects),
        (f"the whole job: these, {documents:,} documents, counters, proof", found.steps),
    ]
    theirs = f"{purge.spread(found.bare)} s, {purge.rate(count, found.bare)}/s"
    against = "bare `delete_objects`, 1,000 at a time"
    return [
        *(
            Row(
                what,
                against,
                theirs,
                f"{purge.spread(seconds)} s, {purge.rate(count, seconds)}/s",
                f"{purge.ratio(seconds, found.bare)} ×",
                "at most 2 ×",
                float(purge.ratio(seconds, found.bare)) <= 2,
            )
            for what, seconds in rows
        ),
        Row(
            "peak memory of the purge's worker",
            f"one of {purge.SMALL:,} objects",
            f"{small:,.0f} MiB",
            f"{memory:,.0f} MiB",
            f"{memory / small:.2f}",
            "at most 1.25",
            memory / small <= 1.25,
        ),
    ]


def scan_rows(_: argparse.Namespace) -> list[Row]:
    """All customers checked."""
    found = scan.measure(CUSTOMERS)
    whole, alone, quarter = found.whole, found.alone, found.quarter
    asked = whole.queries + whole.listings + whole.gets
    pages, memory, small = asked / found.pages, whole.memory / 1024, quarter.memory / 1024
    each = (alone.queries + alone.listings + alone.gets) / alone.customers
    what = f"`verify --all` at {scan.DELAY_MS} ms a request, {CUSTOMERS:,} small customers"
    cpu, fast = f"{whole.cpu / whole.customers * 1000:.2f} ms of CPU each", f"{whole.rate:,.0f}/s"
    return [
        Row(what, "each asked for alone", f"{alone.rate:,.1f}/s", f"{fast}, {cpu}", f"{whole.rate / alone.rate:.0f} ×",
            "300/s", whole.rate >= 300),
        Row("the same, requests to both stores", "each asked for alone", f"{each:.1f} a customer",
            f"{whole.queries:,} queries, {whole.listings:,} listings", f"{pages:.2f} of {found.pages:,} pages",
            "at most 1.5", pages <= 1.5),
        Row("the same, peak memory", f"{quarter.customers:,} of them", f"{small:,.0f} MiB", f"{memory:,.0f} MiB",
            f"{memory / small:.2f}", "at most 1.25", memory / small <= 1.25),
        Row(f"`rollup` at {scan.DELAY_MS} ms a request, {found.rollup.customers:,} customers, with the index", "", "",
            f"{found.rollup.rate:,.0f}/s, {found.rollup.queries:,} requests", "", "300/s", found.rollup.rate >= 300),
    ]  # fmt: skip


def cluster_rows(_: argparse.Namespace) -> list[Row]:
    """All customers checked on a cluster."""
    found = cluster.measure(640)
    what = f"`verify --all --on` at {cluster.DELAY_MS} ms a request, 4 workers of 4 requests in flight"
    return [
        Row(what, "1 worker", f"{found.one:.1f} s", f"{found.four:.1f} s", f"{found.faster:.1f} ×", "3.4 ×",
            found.faster >= 3.4),
    ]  # fmt: skip


def felt_rows(_: argparse.Namespace) -> list[Row]:
    """The pages in a browser."""
    if chromium() is None:
        return [Row("pages in a browser", "", "", "no Chromium on this machine", "", "", None)]
    found = felt.measure()
    rows = [
        Row(
            f"page {SCREENS[one.page].title} complete, {felt.WAYS[one.way]}",
            one.against,
            one.theirs.text,
            one.ours.text,
            f"{one.ratio:.2f} ×",
            f"at most {one.most:g} ×",
            one.ratio <= one.most,
        )
        for one in found.times
    ]
    page, pixels = max(found.moved.items(), key=lambda item: item[1])
    violations = sum(found.violations.values())
    what = f"farthest move of a heading while a page loads, {len(found.moved)} pages"
    where = f"{pixels} px ({SCREENS[page].title})" if pixels else "0 px"
    axe = f"violations that axe-core finds, {len(found.violations)} pages in light and in dark"
    return [
        *rows,
        Row(what, "its first paint", "", where, "", f"at most {MOST_PIXELS} px", pixels <= MOST_PIXELS),
        Row(axe, "WCAG 2.2 A and AA", "", f"{violations}", "", "0", not violations),
    ]


PARTS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "decode": decode_rows,
    "emulator": emulator_rows,
    "objects": object_rows,
    "scan": scan_rows,
    "cluster": cluster_rows,
    "billed": billed_rows,
    "purge": purge_rows,
    "sessions": session_rows,
    "start": start_rows,
    "felt": felt_rows,
}


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part alone, and write no file")
    parser.add_argument("--tools", type=Path, help="where `aws` and `s5cmd` are; without, they are left out")
    arguments = parser.parse_args()
    started, load = time.monotonic(), os.getloadavg()[0]
    rows: list[Row] = []
    for name in arguments.only or PARTS:
        sys.stderr.write(f"{name}\n")
        rows += PARTS[name](arguments)
    text = report(rows, time.monotonic() - started, load)
    sys.stdout.write(text)
    if not arguments.only:
        RESULTS.write_text(text, encoding="utf-8")


def report(rows: list[Row], seconds: float, load: float) -> str:
    """The results as Markdown."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [
        "# What it costs, measured",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d} in {seconds:,.0f} s at {commit.strip()}.",
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, load {load:.1f} before it began;"
        f" Python {platform.python_version()}, {versions}.",
        "",
        "Variants of a row run in turn in one process; times are medians (fastest to slowest round), ratios of medians",
        "(lowest to highest round). CPU: time of the client's process, which other work on the machine hardly touches.",
        "At 25 ms a request: a canned server on this machine waits so long before each answer. The real services were",
        "not asked. Compare ratios, not times.",
        "",
        "| what | against | theirs | ours | ratio | target | met |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    word = {True: "yes", False: "**no**", None: ""}
    lines += [
        f"| {r.what} | {r.against} | {r.theirs} | {r.ours} | {r.ratio} | {r.target} | {word[r.met]} |" for r in rows
    ]
    return "\n".join([*lines, "", NOTES.strip(), ""])


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
  same settings and a server of its own (`benchmarks/bare.py`). User and Video are not in the side bar. Headings and
  axe-core: as in `tests/browser/test_visits.py`, each page once.
"""


if __name__ == "__main__":
    main()
