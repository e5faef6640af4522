"""A live desk with two customers that keeps everything its commands ask of the stores; one for a whole module."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

from storage.actions.objects import ObjectWriter
from storage.cli.main import main
from tests.cli.conftest import Answer
from tests.rigs.desk import user_documents, user_objects
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.firestore_faults import FaultRule, Faults
from tests.rigs.http_faults import FaultProxy
from tests.rigs.records import World
from tests.rigs.seaweed import SeaweedRig

VIDEO = "video-aaa"
OTHER = "zz-somebody-else-zz"  # the second customer, whom no command about the first may touch
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

# The collection group `highlights` by `created_at`, the newest first: the usual time beside that of a video.
_NEWEST_ANALYSES = b'highlights\x18\x01"\x10\n\x0c\x12\ncreated_at\x10\x02'


@dataclass(eq=False)
class RecordedDesk:
    """Commands in this process, in a folder of their own, and what they asked."""

    bucket: str
    proxy: FaultProxy
    folder: Path
    faults: Faults
    documents: list[bytes] = field(default_factory=list)

    def run(self, *arguments: str) -> Answer:
        """One command; everything that it asked is known until the next."""
        self.documents.clear()
        self.proxy.requests.clear()
        self.faults.reads.clear()
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main(arguments)
        answer = Answer(status, out.getvalue(), err.getvalue())
        assert_contract(answer, arguments)
        return answer

    def note(self, request: Any) -> bool:
        """Keeps a request to Firestore; it stands as the condition of a rule that is never due."""
        self.documents.append(request.SerializeToString())
        return False

    @property
    def keys(self) -> list[str]:
        """Every key, or prefix of a listing, that the bucket was asked for."""
        found = []
        for seen in self.proxy.requests:
            key = unquote(seen.path).removeprefix(f"/{self.bucket}").removeprefix("/")
            query = parse_qs(seen.query, keep_blank_values=True)
            if key or "prefix" in query or query.get("max-keys") != ["1"]:  # one key of any: does the bucket answer?
                found.append(key or query.get("prefix", [""])[0])
        return found

    @property
    def billed(self) -> tuple[int, int, int]:
        """What both stores counted since the command began: document reads, class A and class B operations."""
        asked = [(seen.method, seen.query) for seen in self.proxy.requests]
        listed = [bool(re.search("list-type|uploads", query)) for _, query in asked]
        changes = [method in {"PUT", "POST"} and not query.startswith("delete") for method, query in asked]
        looks = [method in {"GET", "HEAD"} for method, _ in asked]
        return self.faults.reads.total(), sum(listed) + sum(changes), sum(looks) - sum(listed)

    @property
    def asked_nothing(self) -> bool:
        """Whether no store heard of the command."""
        return not self.documents and not self.proxy.requests

    def strays(self, uid: str) -> list[object]:
        """What was asked beyond this user, the plans, what the desk keeps for itself, and how long the newest analyses
        took."""
        own = (uid.encode(), b"/documents/plans/", b"ops_", _NEWEST_ANALYSES)  # by path, or as a query's collection
        keys = [key for key in self.keys if not key.startswith("_ops/") and f"/{uid}/" not in f"/{key}"]
        return [*keys, *(asked for asked in self.documents if not any(part in asked for part in own))]


def assert_contract(answer: Answer, arguments: Sequence[str]) -> None:
    """A status of the contract, words and no traceback; with `--json` one document, with the error's shape."""
    assert answer.status in {0, 1, 2, 3, 4}
    assert "Traceback" not in answer.out + answer.err
    options = arguments[: [*arguments, "--"].index("--")]  # what follows `--` is text
    if "--json" in options and not {"-h", "--help"} & set(options):
        document = answer.json
        if answer.status >= 2:
            assert {"code", "message", "remedy"} <= set(document["error"]), document
    else:
        assert not ACTING.search(answer.out + answer.err)


@contextmanager
def recorded_desk(r2_rig: SeaweedRig, folder: Path) -> Iterator[RecordedDesk]:
    """The desk, configured as a machine would be; commands run in `folder`."""
    bucket = r2_rig.fresh_bucket()
    writer = ObjectWriter(r2_rig.writer(bucket), bucket)
    with (
        EmbeddedFirestore() as rig,
        World(rig) as world,
        FaultProxy(r2_rig.endpoint) as proxy,
        pytest.MonkeyPatch.context() as patch,
    ):
        for uid in ("u1", OTHER):
            documents = user_documents(uid, {VIDEO: 2})
            world.put(documents)
            for key, (body, kind) in user_objects(documents).items():
                writer.put(key, body, kind)
        values = r2_rig.values(bucket) | world.values() | {"R2_ENDPOINT_URL": proxy.endpoint}
        values["HIGHLIGHTS_SOURCE"] = "document"  # not set, it is found out by a look at others, once an hour
        for name, value in values.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        desk = RecordedDesk(bucket, proxy, folder, rig.faults)
        rig.faults.add(FaultRule("*", "before", when=desk.note))
        yield desk
