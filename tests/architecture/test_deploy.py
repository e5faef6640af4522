"""The files of `deploy/` run commands that exist, with settings that exist, on files that the image has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from storage.cli.commands import ROOT as COMMANDS
from tests.architecture.test_settings import names

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(DEPLOY.rglob("*.yaml"))
OF_OTHERS = {
    "STREAMLIT_SERVER_ALLOWED_HOSTS",
    "STREAMLIT_SERVER_ADDRESS",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION",
    "SCAN_RUN",  # which the command of the same manifest gives to --run
}


def documents(path: Path) -> list[Any]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one is not None]


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def commands(path: Path) -> Iterator[list[str]]:
    """The desk's own commands in a file, as words behind `python -m storage`."""
    for node in (one for document in documents(path) for one in walk(document)):
        words = node.get("command")
        if not isinstance(words, list):
            continue
        if words[:2] == ["sh", "-c"]:
            words = shlex.split(words[2].partition("||")[0])
        if words[:3] == ["python", "-m", "storage"]:
            yield [str(word) for word in words[3:]]


def settings(path: Path) -> Iterator[str]:
    for node in (one for document in documents(path) for one in walk(document)):
        if node.get("kind") == "ConfigMap":
            yield from node["data"]
        for entry in node.get("env") or ():
            yield entry["name"]
        if isinstance(node.get("environment"), dict):
            yield from node["environment"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(DEPLOY).as_posix())
def test_each_command_is_one_that_the_desk_takes(path: Path) -> None:
    for words in commands(path):
        group: click.Command = COMMANDS
        with click.Context(group) as context:
            while isinstance(group, click.Group):
                found = group.get_command(context, words[0])
                assert found is not None, words
                group, words = found, words[1:]
            group.make_context(group.name, words, resilient_parsing=False)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(DEPLOY).as_posix())
def test_each_setting_is_one_that_the_desk_reads(path: Path) -> None:
    assert set(settings(path)) <= names() | OF_OTHERS


def test_every_job_of_the_schedule_is_declared() -> None:
    declared = {one["metadata"]["name"] for one in documents(DEPLOY / "cloud-run" / "jobs.yaml")}
    script = (DEPLOY / "cloud-run" / "schedule.sh").read_text(encoding="utf-8")
    assert set(re.findall(r"^schedule (\S+)", script, re.MULTILINE)) == declared


def test_the_image_has_what_it_copies_and_nothing_that_is_ignored() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for word in line.split()[:-1]]
    let_in = {
        line[1:]
        for line in (DEPLOY / "Containerfile.containerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    assert set(copied) == let_in
    assert all((ROOT / name).exists() for name in copied)
    assert "--require-hashes" in text
    assert "USER 10001" in text


@pytest.mark.parametrize("path", sorted((DEPLOY / "kubernetes").glob("*.yaml")), ids=lambda path: path.name)
def test_no_container_runs_as_root_or_may_write_its_file_system(path: Path) -> None:
    found = 0
    for document in documents(path):
        for node in walk(document):
            if "containers" not in node:
                continue
            assert node["securityContext"]["runAsNonRoot"] is True
            for container in node["containers"]:
                found += 1
                allowed = container["securityContext"]
                assert allowed["readOnlyRootFilesystem"] is True
                assert allowed["allowPrivilegeEscalation"] is False
                assert allowed["capabilities"] == {"drop": ["ALL"]}
    assert found
