"""Changes times inside SeaweedFS over its filer's gRPC, so that sample data can hold things that are days old.

S3 has no way to set when an object was written or an upload begun. The messages below are the few fields needed of
`filer.proto`; protobuf keeps the fields that it does not know, so an entry that is read and written back loses nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TEXT = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_WHOLE = descriptor_pb2.FieldDescriptorProto.TYPE_INT64
_FLAG = descriptor_pb2.FieldDescriptorProto.TYPE_BOOL
_COUNT = descriptor_pb2.FieldDescriptorProto.TYPE_UINT32

_MESSAGES: dict[str, dict[str, tuple[int, int | str]]] = {
    "Attributes": {"mtime": (2, _WHOLE), "crtime": (6, _WHOLE)},
    "Entry": {"name": (1, _TEXT), "attributes": (4, "Attributes")},
    "LookUp": {"directory": (1, _TEXT), "name": (2, _TEXT)},
    "List": {"directory": (1, _TEXT), "limit": (5, _COUNT)},
    "Found": {"entry": (1, "Entry")},
    "Put": {"directory": (1, _TEXT), "entry": (2, "Entry")},
    "Delete": {"directory": (1, _TEXT), "name": (2, _TEXT), "with_data": (4, _FLAG), "recursive": (5, _FLAG)},
    "Outcome": {"error": (1, _TEXT)},
}
_AT_ONCE = 64  # changes under way at a time
_MANY = 10_000  # entries of one folder: more parts than an upload may have


class Filer:
    """One connection to a filer. Use it in a `with` block; the calls raise `grpc.RpcError`."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)

    def backdate_object(self, bucket: str, key: str, when: datetime) -> None:
        """Sets when an object was written."""
        folder, _, name = f"/buckets/{bucket}/{key}".rpartition("/")
        entry = self._look_up(folder, name)
        _set_times(entry, when)
        self._call("UpdateEntry", "Put", "Found", directory=folder, entry=entry)

    def backdate_objects(
        self, bucket: str, times: Mapping[str, datetime], written: Mapping[str, datetime] | None = None
    ) -> int:
        """Sets when many objects were written, and gives their number: a thousand in a tenth of a second.

        Keys that are not there are left out; with `written`, so is an object whose time is another than said there.
        """
        put, found = _CLASSES["Put"], _CLASSES["Found"]
        update = self._channel.unary_unary(
            "/filer_pb.SeaweedFiler/UpdateEntry", put.SerializeToString, found.FromString
        )
        under_way: deque[Any] = deque()
        count, root = 0, f"/buckets/{bucket}/"
        for folder, entry in list(self._tree(f"/buckets/{bucket}")):
            key = f"{folder}/{entry.name}".removeprefix(root)
            if key not in times or (written and int(written[key].timestamp()) != entry.attributes.mtime):
                continue
            _set_times(entry, times[key])
            under_way.append(update.future(put(directory=folder, entry=entry)))
            count += 1
            if len(under_way) > _AT_ONCE:
                under_way.popleft().result()
        for outcome in under_way:
            outcome.result()
        return count

    def backdate_upload(self, bucket: str, upload_id: str, when: datetime) -> None:
        """Sets when an upload was begun.

        An update keeps the time of creation, so the upload's folder and its parts are taken away, without the bytes
        that they point to, and put back.
        """
        folder = f"/buckets/{bucket}/.uploads"
        entry = self._look_up(folder, upload_id)
        parts = list(self._entries(f"{folder}/{upload_id}"))
        _set_times(entry, when)
        self._call("DeleteEntry", "Delete", "Outcome", directory=folder, name=upload_id, recursive=True)
        self._call("CreateEntry", "Put", "Outcome", directory=folder, entry=entry)
        for part in parts:
            self._call("CreateEntry", "Put", "Outcome", directory=f"{folder}/{upload_id}", entry=part)

    def _tree(self, folder: str) -> Iterator[tuple[str, Any]]:
        """Every entry below a folder, with the folder that it lies in."""
        request, answer = _CLASSES["LookUp"], _CLASSES["Put"]
        method = self._channel.unary_stream(
            "/filer_pb.SeaweedFiler/TraverseBfsMetadata", request.SerializeToString, answer.FromString
        )
        for found in method(request(directory=folder)):
            yield found.directory, found.entry

    def _look_up(self, folder: str, name: str) -> Any:
        return self._call("LookupDirectoryEntry", "LookUp", "Found", directory=folder, name=name).entry

    def _entries(self, folder: str) -> Iterator[Any]:
        request, answer = _CLASSES["List"], _CLASSES["Found"]
        method = self._channel.unary_stream(
            "/filer_pb.SeaweedFiler/ListEntries", request.SerializeToString, answer.FromString
        )
        for found in method(request(directory=folder, limit=_MANY)):
            yield found.entry

    def _call(self, rpc: str, request_name: str, answer_name: str, **fields: Any) -> Any:
        request, answer = _CLASSES[request_name], _CLASSES[answer_name]
        method = self._channel.unary_unary(
            f"/filer_pb.SeaweedFiler/{rpc}", request.SerializeToString, answer.FromString
        )
        outcome = method(request(**fields))
        if answer_name == "Outcome" and outcome.error:
            raise RuntimeError(f"{rpc}: {outcome.error}")
        return outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._channel.close()


def _set_times(entry: Any, when: datetime) -> None:
    entry.attributes.mtime = entry.attributes.crtime = int(when.timestamp())


def _classes() -> dict[str, Any]:
    """Message classes of the fields above, in a pool of their own."""
    file = descriptor_pb2.FileDescriptorProto(name="desk_filer.proto", package="desk_filer", syntax="proto3")
    for message_name, described in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field_name, (number, kind) in described.items():
            field = message.field.add(name=field_name, number=number)
            field.label = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE, f".desk_filer.{kind}"
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"desk_filer.{name}")) for name in _MESSAGES
    }


_CLASSES = _classes()
