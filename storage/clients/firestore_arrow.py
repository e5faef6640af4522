"""Turns the bytes of a query's answers into Arrow, without a Python object for a document or a value.

`ptars` (Rust) parses by a descriptor of our own with Firestore's field numbers: a value is recursive, so in it maps and
arrays are bytes, which the few columns that need them parse themselves. Kinds of value that it leaves out (places,
references, bytes) have no member set.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import ptars
import pyarrow as pa
from google.protobuf import descriptor_pb2, descriptor_pool


@cache
def _handler() -> Any:
    """Turns answers to a query into Arrow, by the field numbers of google/firestore/v1/document.proto."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="clip_desk/wire.proto", package="clip_desk", syntax="proto3")
    messages: dict[str, list[tuple[str, int, Any]]] = {
        "Stamp": [("seconds", 1, field.TYPE_INT64), ("nanos", 2, field.TYPE_INT32)],
        "Value": [
            ("boolean_value", 1, field.TYPE_BOOL),
            ("integer_value", 2, field.TYPE_INT64),
            ("double_value", 3, field.TYPE_DOUBLE),
            ("map_value", 6, field.TYPE_BYTES),
            ("array_value", 9, field.TYPE_BYTES),
            ("timestamp_value", 10, "Stamp"),
            ("null_value", 11, field.TYPE_INT32),
            ("string_value", 17, field.TYPE_STRING),
        ],
        "Field": [("key", 1, field.TYPE_STRING), ("value", 2, "Value")],
        "Document": [("name", 1, field.TYPE_STRING), ("fields", 2, "Field"), ("create_time", 3, "Stamp")],
        "Answer": [("document", 1, "Document")],
    }
    messages["Document"].append(("update_time", 4, "Stamp"))
    for name, members in messages.items():
        message = file.message_type.add(name=name)
        for member, number, kind in members:
            repeated = (name, member) == ("Document", "fields")
            label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            added = message.field.add(name=member, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = field.TYPE_MESSAGE, f".clip_desk.{kind}"
            else:
                added.type = kind
            if name == "Value":
                added.oneof_index = 0  # members of a `oneof` have a presence of their own, zero and empty ones too
        if name == "Value":
            message.oneof_decl.add(name="value_type")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    answer = pool.FindMessageTypeByName("clip_desk.Answer")
    return ptars.HandlerPool([answer.file], ptars.PtarsConfig(use_large_string=True)).get_for_message(answer)


def to_arrow(answers: Sequence[bytes]) -> Any:
    """The documents of these answers, each of which holds one, as a struct array.

    `name`, `fields` (a list of structs with `key` and `value`), `create_time` and `update_time` (structs, null in a
    phantom). A value is a struct whose members are null but for the one that is set; maps and arrays are their bytes.
    """
    return _handler().array_to_record_batch(pa.array(answers, type=pa.binary())).column(0)


def answer_of(document: Any) -> bytes:
    """A document as a query's answer would bring it."""
    body: bytes = document.SerializeToString()
    length, head = len(body), bytearray(b"\n")
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    head.append(length)
    return bytes(head) + body
