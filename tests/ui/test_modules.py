"""The scripts that the server gives out: ours and others', whole, kept by the browser, and nothing else."""

from __future__ import annotations

import asyncio
import gzip
import re
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from pages._ui import assets
from pages._ui.server import modules
from tests.rigs.browser import ROOT

VENDOR = Path(assets.__file__).parent / "frontend" / "vendor"
ROW = re.compile(r"^\| `([^`]+)` \| .* \| `([0-9a-f]{64})` \|$", re.MULTILINE)


DESK = Starlette(routes=[modules.route("")])


def get(address: str) -> httpx.Response:
    """What the server answers."""

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(DESK), base_url="http://desk") as client:
            return await client.get(address)

    return asyncio.run(ask())


@pytest.mark.parametrize("folder", [VENDOR, ROOT / "tests" / "vendor"], ids=["desk", "tests"])
def test_files_of_others_are_the_published_ones(folder: Path) -> None:
    listed = dict(ROW.findall((folder / "README.md").read_text(encoding="utf-8")))
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    del found["README.md"]
    assert listed == {name: sha256(path.read_bytes()).hexdigest() for name, path in found.items()}


def test_each_script_is_whole_and_may_be_kept_for_ever() -> None:
    for name, packed in assets.modules().items():
        answer = get(assets.address(name))
        assert answer.content == gzip.decompress(packed), name
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "name", ["vendor/README.md", "list/list.css", "%2e%2e/assets.py", "", "early.js", "gallery/gallery.css"]
)
def test_nothing_else_is_given_out(name: str) -> None:
    assert get(assets.address(name)).status_code == 404
    assert get(f"/desk/0000000000000000/{name}").status_code == 404
    assert get("/desk/0000000000000000/list/list.js").status_code == 404


def test_every_import_of_a_script_is_given_out_too() -> None:
    for name in assets.modules():
        if name.startswith("vendor/"):
            continue
        text = gzip.decompress(assets.modules()[name]).decode()
        for target in re.findall(r'^import .*?"([^"]+)"$', text, re.MULTILINE):
            path = (Path("/") / name).parent / target
            assert str(path.resolve()).lstrip("/") in assets.modules(), (name, target)
