"""The grid at the shell: diagnose and verify of one video, the chosen styles by the charge, the command of each gap."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.cli.conftest import Desk
from tests.rigs.records import clip, user, video

HOME = "users/it's me/vid-0001/clips/"
BASE = "users/it's me/videos/vid-0001"


def test_a_gap_is_named_with_its_command_and_the_charge_says_what_was_chosen(desk: Desk) -> None:
    rows = [{"id": n, "title": f"It's {n}", "start": "00:00:01", "end": "00:00:31", "duration": 30} for n in (1, 2)]
    desk.world.put({
        "users/it's me": user("it's me"),
        BASE: video("vid-0001", status="completed", clips_count=1),
        f"{BASE}/highlights/main": {"highlights": rows, "video_id": "vid-0001"},
        f"{BASE}/clips/vid-0001_1_split": clip("vid-0001", 1, r2_key=f"{HOME}clip_01_1_a_split.mp4"),
        "users/it's me/credit_transactions/t1": {
            "timestamp": datetime.now(UTC), "operation_type": "reprocessing", "credits_amount": 30,
            "video_id": "vid-0001",
            "metadata": {"scene_count": "2", "style_breakdown": "split:20,original:10"},
        },
    })  # fmt: skip
    for scene, style in ((1, "original"), (2, "original")):
        desk.put(f"{HOME}clip_01_{scene}_a_{style}.jpg", b"no film")
    found = desk.run("diagnose", "it's me", "vid-0001", "--json")
    grid = found.json["grid"]
    assert (grid["styles_from"], grid["promised"], grid["counts"]) == ("charge", 4, {"missing": 3, "lost": 1})
    missing = next(cell for cell in grid["cells"] if (cell["scene_id"], cell["style"]) == (2, "original"))
    assert missing["command"] == (
        """python -m storage upload 'it'"'"'s me' vid-0001 FILE --scene 2 --style original """
        """--title 'It'"'"'s 2' --actor EMAIL --reason TEXT"""
    )
    steps = {step["id"]: step for step in found.json["actions"]}
    assert "--scene 1 --style split" in steps["replace_clip"]["command"]
    said = desk.run("diagnose", "it's me", "vid-0001").out
    assert "scene 1, split: a document, and no file in the bucket" in said
    assert said.index("SCENE") < said.index("scene 1, split: a document") < said.rindex("--style split --actor")
    checked = desk.run("verify", "it's me", "vid-0001", "--json").json
    assert checked["grid"]["styles_from"] == "documents"  # it reads no charge
    assert checked["grid"]["counts"] == {"none": 1, "lost": 1}
    assert "grid" not in desk.run("verify", "it's me", "--json").json
