"""A link to send, in the shell: its life, actor and reason are asked for, and it is never handed out unrecorded."""

from __future__ import annotations

import json

import pytest
from grpc import StatusCode

from tests.cli.conftest import MEDIA, Desk
from tests.rigs.records import clip, user, video

CLIP = ("u1", "vid-0001", "vid-0001_1_split")
WHO = ("--actor", "sue@example.com", "--reason", "T-7: asked for it")
KEY = "users/u1/vid-0001/clips/clip_01_1_scene_split.mp4"


@pytest.fixture
def customer(desk: Desk) -> Desk:
    base = "users/u1/videos/vid-0001"
    desk.world.put({"users/u1": user("u1"), base: video("vid-0001"), f"{base}/clips/{CLIP[2]}": clip("vid-0001", 1)})
    desk.put(KEY, MEDIA / "clip_a.mp4")
    return desk


def test_a_link_of_a_day_is_made_with_a_reason_and_is_on_record(customer):
    made = customer.run("url", *CLIP, "--valid-minutes", "1440", *WHO, "--json")
    assert made.status == 0, made.err
    assert "X-Amz-Expires=86400" in made.json["url"]
    (told,) = customer.run("audit", "--uid", "u1", "--json").json["events"]
    assert (told["action"], told["actor"], told["reason"]) == ("link.issue", "sue@example.com", "T-7: asked for it")
    assert told["detail"]["purpose"] == "send"
    assert told["detail"]["expires_at"][:16] == made.json["expires_at"][:16]
    assert "X-Amz" not in json.dumps(told)


@pytest.mark.parametrize(
    "more",
    [
        ("--valid-minutes", "14", *WHO),
        ("--valid-minutes", "1441", *WHO),
        ("--valid-minutes", "day", *WHO),
        ("--valid-minutes", "60"),
        ("--valid-minutes", "60", "--actor", "sue@example.com"),
        ("--valid-minutes", "60", "--thumbnail", *WHO),
    ],
)
def test_a_life_out_of_bounds_or_no_reason_makes_no_link(customer, more):
    answer = customer.run("url", *CLIP, *more, "--json")
    assert answer.status == 2
    assert "X-Amz" not in answer.out
    assert "--apply" not in answer.json["error"]["message"], "url has no such option"


def test_no_link_to_send_leaves_the_shell_while_the_audit_cannot_be_written(customer):
    customer.world.faults.refuse("Commit", StatusCode.PERMISSION_DENIED, times=None)
    answer = customer.run("url", *CLIP, "--valid-minutes", "60", *WHO, "--json")
    assert answer.status == 3
    assert "X-Amz" not in answer.out
