"""Deletes: every key gets its own answer, whatever becomes of the batch that it was in."""

from __future__ import annotations

import pytest

from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.errors import AccessDenied, BackendError, BadCredentials, ClockSkew, Throttled, Unreachable, Unusable
from storage.repositories.objects import Objects
from tests.contract.r2_fixtures import AWKWARD, fill
from tests.rigs.http_faults import Answer, FaultProxy, LoseReply, Reset, Rewrite
from tests.rigs.seaweed import READER, SeaweedRig, pair

KEYS = [f"users/u1/v1/clips/{n}.mp4" for n in range(5)]


def test_keys_are_deleted_in_batches_of_a_thousand_each_once(
    writer: ObjectWriter, far_writer: ObjectWriter, proxy: FaultProxy, objects: Objects
) -> None:
    keys = [f"users/u1/v1/{n}" for n in range(1_200)]
    fill(writer, keys)
    result = far_writer.delete([*keys, *keys[:100]])
    assert (result.complete, result.deleted, result.failed, result.unknown) == (True, tuple(keys), (), ())
    assert result.first_error() is None
    assert (proxy.count("POST"), proxy.count("DELETE")) == (2, 0)
    assert len(objects.list_all("").frame) == 0


def test_nothing_to_delete_asks_nothing(far_writer: ObjectWriter, proxy: FaultProxy) -> None:
    assert far_writer.delete([]).complete
    assert proxy.requests == []


def test_a_key_that_was_never_there_counts_as_deleted(writer: ObjectWriter) -> None:
    assert writer.delete(["users/u1/none"]).deleted == ("users/u1/none",)


@pytest.mark.parametrize("code", ["NotImplemented", "InvalidRequest", "MalformedXML"])
def test_a_store_that_takes_no_batches_gets_single_deletes(
    writer: ObjectWriter, far_writer: ObjectWriter, proxy: FaultProxy, objects: Objects, code: str
) -> None:
    fill(writer, KEYS)
    proxy.on(Answer(501 if code == "NotImplemented" else 400, code), method="POST")
    result = far_writer.delete(KEYS)
    assert (result.complete, set(result.deleted)) == (True, set(KEYS))
    assert (proxy.count("POST"), proxy.count("DELETE")) == (1, 5)
    assert len(objects.list_all("").frame) == 0


def test_control_characters_in_keys_go_by_single_deletes_and_awkward_ones_in_a_batch(
    writer: ObjectWriter, far_writer: ObjectWriter, proxy: FaultProxy, objects: Objects
) -> None:
    keys = [*AWKWARD, "users/u1/carriage\r\nreturn", "users/u1/bell\x07"]
    fill(writer, keys)
    neighbour = "users/u1/carriage\nreturn"  # what the key above would become in XML
    fill(writer, [neighbour])
    result = far_writer.delete(keys)
    assert (result.complete, set(result.deleted)) == (True, set(keys))
    assert (proxy.count("POST"), proxy.count("DELETE")) == (1, 3)
    assert objects.list_all("").frame["key"].tolist() == [neighbour]


def test_an_answer_with_errors_inside_a_200_is_read_key_by_key(
    writer: ObjectWriter, far_writer: ObjectWriter, proxy: FaultProxy, objects: Objects
) -> None:
    fill(writer, KEYS)
    proxy.on(
        Answer(
            200,
            body=b"<DeleteResult>"
            b"<Deleted><Key>users/u1/v1/clips/0.mp4</Key></Deleted>"
            b"<Error><Key>users/u1/v1/clips/1.mp4</Key><Code>AccessDenied</Code><Message>m</Message></Error>"
            b"<Error><Key>users/u1/v1/clips/2.mp4</Key><Code>ObjectLockedByBucketPolicy</Code></Error>"
            b"<Error><Key>users/u1/v1/clips/3.mp4</Key><Code>SomethingNew</Code></Error>"
            b"</DeleteResult>",
        ),
        method="POST",
    )
    result = far_writer.delete(KEYS)
    assert result.deleted == (KEYS[0],)
    assert [(failure.key, failure.code) for failure in result.failed] == [
        (KEYS[1], "AccessDenied"),
        (KEYS[2], "ObjectLockedByBucketPolicy"),
        (KEYS[3], "SomethingNew"),
    ]
    assert "bucket lock" in result.failed[1].message
    assert result.unknown == (KEYS[4],)
    assert not result.complete
    assert isinstance(result.first_error(), AccessDenied)


def test_a_key_that_the_answer_leaves_out_is_neither_deleted_nor_failed(
    writer: ObjectWriter, far_writer: ObjectWriter, proxy: FaultProxy
) -> None:
    fill(writer, KEYS)
    proxy.on(Rewrite(lambda _: b"<DeleteResult></DeleteResult>"), method="POST")
    result = far_writer.delete(KEYS)
    assert (result.deleted, result.failed, result.unknown) == ((), (), tuple(KEYS))
    assert isinstance(result.first_error(), Unusable)


@pytest.mark.parametrize(
    "fault",
    [
        Answer(429, "TooManyRequests"),
        Answer(503, "SlowDown"),
        Answer(500, "InternalError"),
        Reset(),
        LoseReply(),
        Answer(
            200,
            body=b"".join(
                [b"<DeleteResult>"]
                + [f"<Error><Key>{key}</Key><Code>SlowDown</Code></Error>".encode() for key in KEYS]
                + [b"</DeleteResult>"]
            ),
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_store_that_is_busy_or_away_for_a_while_is_waited_for(
    writer: ObjectWriter, far_writer: ObjectWriter, proxy: FaultProxy, objects: Objects, fault: Answer | Reset
) -> None:
    fill(writer, KEYS)
    proxy.on(fault, method="POST", only=set(range(1, 5)))
    assert far_writer.delete(KEYS).deleted == tuple(KEYS)
    assert len(objects.list_all("").frame) == 0


def test_a_store_that_stays_busy_is_given_up_after_a_bounded_number_of_tries(
    far_writer: ObjectWriter, proxy: FaultProxy
) -> None:
    proxy.on(Answer(429, "TooManyRequests"))
    result = far_writer.delete(KEYS)
    assert [failure.code for failure in result.failed] == ["TooManyRequests"] * 5
    assert isinstance(result.first_error(), Throttled)
    assert proxy.count("POST") == 15  # five tries of ours, three attempts of the SDK in each


def test_a_store_that_stays_away_leaves_unknown_what_was_asked_and_untried_the_rest(
    far_writer: ObjectWriter, proxy: FaultProxy
) -> None:
    proxy.down()
    keys = [f"users/u1/{n}" for n in range(1_500)]
    result = far_writer.delete(keys)
    assert result.deleted == ()
    assert result.unknown == tuple(keys[:1_000])
    assert [failure.code for failure in result.failed] == ["not_tried"] * 500
    assert isinstance(result.error, Unreachable)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(403, "AccessDenied"), AccessDenied),
        (Answer(401, "Unauthorized"), BadCredentials),
        (Answer(403, "RequestTimeTooSkewed"), ClockSkew),
        (Answer(404, "NoSuchBucket"), BackendError),
    ],
)
def test_a_refusal_of_a_batch_ends_the_run_and_says_why(
    far_writer: ObjectWriter, proxy: FaultProxy, answer: Answer, kind: type[BackendError]
) -> None:
    proxy.on(answer)
    keys = [f"users/u1/{n}" for n in range(1_001)]
    result = far_writer.delete(keys)
    assert (result.deleted, result.unknown, len(result.failed)) == ((), (), 1_001)
    assert {failure.code for failure in result.failed[:1_000]} == {answer.code}
    assert result.failed[-1].code == "not_tried"
    assert type(result.error) is kind
    assert proxy.count("POST") == 1


def test_single_deletes_that_are_refused_answer_key_by_key(
    writer: ObjectWriter, far_writer: ObjectWriter, proxy: FaultProxy
) -> None:
    fill(writer, KEYS)
    proxy.on(Answer(501, "NotImplemented"), method="POST")
    proxy.on(Answer(403, "ObjectLockedByBucketPolicy"), path="/2.mp4")
    proxy.on(Answer(503, "SlowDown"), path="/3.mp4", only={1, 2, 3, 4})
    result = far_writer.delete(KEYS)
    assert set(result.deleted) == {*KEYS} - {KEYS[2]}
    assert [(failure.key, failure.code) for failure in result.failed] == [(KEYS[2], "ObjectLockedByBucketPolicy")]


def test_a_token_that_may_not_write_deletes_nothing(
    r2_rig: SeaweedRig, bucket: str, writer: ObjectWriter, objects: Objects
) -> None:
    fill(writer, KEYS)
    weak = ObjectWriter(r2.write_client(r2_rig.settings(bucket, write=pair(READER))), bucket)
    result = weak.delete(KEYS)
    assert [failure.code for failure in result.failed] == ["AccessDenied"] * 5
    assert "Object Read & Write" in result.failed[0].error.remedy
    assert len(objects.list_all("").frame) == 5
