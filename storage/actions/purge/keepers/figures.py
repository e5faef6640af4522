"""The figures about all customers, as a keeper: their lists of customers near a limit, biggest and drifting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from storage.actions.documents import Change, Delete, FieldName, Update
from storage.actions.purge.context import Purging
from storage.actions.purge.keepers.keeper import Keeper, Row, until_settled
from storage.domain.purge.plan import moment_text
from storage.domain.purge.scope import Scope
from storage.domain.rollup import Content, Shard, check_version, from_documents, to_documents
from storage.errors import Unusable
from storage.repositories.rollups import every_document

_LISTS = ("biggest", "drifting")
_Version = dict[str, datetime | None]


@dataclass(frozen=True, slots=True)
class Figures(Keeper):
    """Its rows: `{"path", "read_at", "list", "row"}`, of a user; `list` is `near.storage`, `biggest` or `drifting`.

    The sums stay as they are: no sum names anybody, and the next rollup makes them anew.
    """

    def held(self, purging: Purging, scope: Scope) -> Iterator[Row]:
        if scope.kind != "user":
            return
        for path, shard, _ in _shards(purging):
            for name, rows in _lists(shard.content):
                for row in rows:
                    if row["uid"] == scope.uid:
                        yield {"path": path, "read_at": moment_text(shard.read_at), "list": name, "row": row}

    def take(self, purging: Purging, scope: Scope, job_id: str) -> int:
        if scope.kind != "user":
            return 0

        def without(shard: Shard, _: str) -> Shard:
            return _changed(shard, lambda _, rows: [row for row in rows if row["uid"] != scope.uid])

        return _rewrite(purging, without)

    def put_back(self, purging: Purging, scope: Scope, job_id: str, rows: Sequence[Row]) -> int:
        """Only where the figures are still those of then: newer ones count the customer from the next rollup on."""

        def with_rows(shard: Shard, path: str) -> Shard:
            mine = [row for row in rows if (row["path"], row["read_at"]) == (path, moment_text(shard.read_at))]

            def added(name: str, before: list[Content]) -> list[Content]:
                known = {row["uid"] for row in before}
                return [*before, *(r["row"] for r in mine if r["list"] == name and r["row"]["uid"] not in known)]

            return _changed(shard, added)

        try:
            _rewrite(purging, with_rows)
        except Unusable as error:
            purging.progress(f"{self.name}: {error.message} The next rollup counts the customer again.")
        return len(rows)


def _shards(purging: Purging) -> Iterator[tuple[str, Shard, _Version]]:
    """Every shard that is there, of each division into shards: the path of its first part, and its parts' versions."""
    found = {one.path: one for one in every_document(purging.stores.handle)}
    for path, first in found.items():
        if first.fields is None or "-part-" in path:
            continue
        check_version(first.fields)
        parts = [path, *(other for other in sorted(found) if other.startswith(f"{path}-part-"))]
        wanted = parts[: int(first.fields.get("parts") or 1)]
        shard = from_documents([found[part].fields or {} for part in wanted])
        yield path, shard, {part: found[part].update_time for part in parts}


def _rewrite(purging: Purging, change: Any) -> int:
    """Writes each shard that `change` gives another content, under the update times of its documents."""
    return until_settled(
        lambda: sum(_write(purging, shard, change(shard, path), versions) for path, shard, versions in _shards(purging))
    )


def _write(purging: Purging, before: Shard, after: Shard, versions: _Version) -> bool:
    if before.content == after.content:
        return False
    documents = to_documents(after)
    changes: list[Change] = [
        Update(path, dict[FieldName, Any](documents[path].items()), at) if path in documents else Delete(path, at)
        for path, at in versions.items()
    ]
    purging.writers.documents.commit(changes, operation="Changing the figures about all customers")
    return True


def _lists(content: Mapping[str, Any]) -> Iterator[tuple[str, list[Content]]]:
    yield from ((f"near.{name}", rows) for name, rows in content["near"].items())
    yield from ((name, content[name]) for name in _LISTS)


def _changed(shard: Shard, change: Any) -> Shard:
    new = {name: change(name, rows) for name, rows in _lists(shard.content)}
    near = {name: new[f"near.{name}"] for name in shard.content["near"]}
    return replace(shard, content={**shard.content, "near": near, **{name: new[name] for name in _LISTS}})
