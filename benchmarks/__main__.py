"""Measures everything once and writes `benchmarks/RESULTS.md`: what was measured, against what, and the targets.

Each part has its own section there, which says when and at which commit it was measured; `--only` measures some parts
and replaces their sections.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import billed, cluster, decoding, felt, fleet, objects, purge, scan, sessions, startup
from benchmarks.results import RESULTS, Row, report, section
from benchmarks.timing import Measured, times
from pages._ui.nav import SCREENS
from tests.rigs.browser import chromium
from tests.rigs.first_paint import MOST_PIXELS

CUSTOMERS = 20_000  # small ones, whom a scan checks; filling takes minutes
SPREAD = 640  # of the scan on a cluster
PURGE_ROUNDS = 1  # filling takes two minutes; `python -m benchmarks.purge` does three rounds


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


def fleet_rows(arguments: argparse.Namespace) -> list[Row]:
    """All customers: checked, added up, compared."""
    found = fleet.measure(arguments.customers or CUSTOMERS)
    whole, alone, quarter = found.scanned.whole, found.scanned.alone, found.scanned.quarter
    made, count = found.scanned.rollup, found.customers
    memory, small = whole.memory / 1024, quarter.memory / 1024
    pages = (whole.queries + whole.listings + whole.gets) / found.scanned.pages
    each = (alone.queries + alone.listings + alone.gets) / alone.customers
    what = f"`verify --all` at {scan.DELAY_MS} ms a request, {count:,} small customers"
    cpu = f"{whole.cpu / whole.customers * 1000:.2f} ms of CPU each"
    kept, peak = found.kept, found.kept.memory / 1024
    exact = (found.right, found.new, found.gone) == (found.wanted, found.wanted, 0)
    same = found.spread_whole and found.differing == 0
    equal = "equal" if same else f"{found.differing:,} differ"
    return [
        Row(
            what,
            "each asked for alone",
            f"{alone.rate:,.1f}/s",
            f"{whole.rate:,.0f}/s, {cpu}",
            f"{whole.rate / alone.rate:.0f} ×",
            "300/s",
            whole.rate >= 300,
        ),
        Row(
            "the same, requests to both stores",
            "each asked for alone",
            f"{each:.1f} a customer",
            f"{whole.queries:,} queries, {whole.listings:,} listings",
            f"{pages:.2f} of {found.scanned.pages:,} pages",
            "at most 1.5",
            pages <= 1.5,
        ),
        Row(
            "the same, peak memory above an idle process",
            f"{quarter.customers:,} of them",
            f"{small:,.0f} MiB",
            f"{memory:,.0f} MiB",
            f"{memory / small:.2f}",
            "at most 1.25",
            memory / small <= 1.25,
        ),
        Row(
            "the command, `verify --all --keep --json`",
            "",
            "",
            f"{found.rate:,.0f}/s and {found.start:.1f} s of start, peak {peak:,.0f} MiB",
            "",
            "300/s",
            found.rate >= 300,
        ),
        Row(
            f"`scans diff` after {found.wanted} known changes",
            "the changes",
            f"{found.wanted}",
            f"{found.new:,} new, {found.right:,} of them these; {found.gone:,} gone",
            "",
            "exactly these",
            exact,
        ),
        Row(
            "`verify --all --keep --on local`, a worker killed",
            f"one process, {kept.seconds:,.0f} s",
            f"{found.findings:,} findings",
            f"{equal}, {found.spread.seconds:,.0f} s",
            "",
            "equal",
            same,
        ),
        Row(
            f"`rollup` at {scan.DELAY_MS} ms a request, {made.customers:,} customers, with the index",
            "",
            "",
            f"{made.rate:,.0f}/s",
            "",
            "300/s",
            made.rate >= 300,
        ),
        Row(
            "the same, requests that read",
            "",
            "",
            f"{made.queries:,}",
            f"{made.queries / found.scanned.rollup_pages:.2f} of {found.scanned.rollup_pages:,} pages",
            "at most 1.5",
            made.queries / found.scanned.rollup_pages <= 1.5,
        ),
    ]


def cluster_rows(arguments: argparse.Namespace) -> list[Row]:
    """All customers, checked on a cluster."""
    found = cluster.measure(arguments.customers or SPREAD)
    return [
        Row(
            f"`verify --all --on` at {cluster.DELAY_MS} ms a request, 4 workers of 4 requests in flight",
            "1 worker",
            f"{found.one:.1f} s",
            f"{found.four:.1f} s",
            f"{found.faster:.1f} ×",
            "3.4 ×",
            found.faster >= 3.4,
        ),
    ]


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
            "weighed" if one.most is None else f"at most {one.most:g} ×",
            None if one.most is None else one.ratio <= one.most,
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
    "fleet": fleet_rows,
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
    parser.add_argument(
        "--only", choices=PARTS, action="append", help="measure this part alone, and replace its section of the results"
    )
    parser.add_argument("--customers", type=int, metavar="N", help="a trial of fleet and cluster, which writes no file")
    parser.add_argument("--tools", type=Path, help="where `aws` and `s5cmd` are; without, they are left out")
    arguments = parser.parse_args()
    measured: dict[str, str] = {}
    for name in arguments.only or PARTS:
        sys.stderr.write(f"{name}\n")
        started, load = time.monotonic(), os.getloadavg()[0]
        rows = PARTS[name](arguments)
        about = (PARTS[name].__doc__ or "").strip().rstrip(".").lower()
        measured[name] = section(name, about, rows, time.monotonic() - started, load)
        sys.stdout.write(measured[name])
        sys.stdout.flush()
        if not arguments.customers:  # part by part: what was measured stays when a later part fails
            RESULTS.write_text(report(RESULTS.read_text(encoding="utf-8"), measured, list(PARTS)), encoding="utf-8")


if __name__ == "__main__":
    main()
