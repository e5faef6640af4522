"""The command line's declarations: help that reads as a manual, and slips that count as nothing else."""

from __future__ import annotations

import inspect
import shlex
import subprocess
import sys

import click
import pytest

from storage.cli.command import CUSTOMER_IDS, Command, leaves
from storage.cli.commands import ROOT
from storage.cli.main import PROGRAM
from tests.architecture.test_layers import ROOT as HERE

COMMANDS = leaves(ROOT)
GROUPS = [(), ("purge",)]
HEAVY = ("pandas", "numpy", "pyarrow", "boto3", "botocore", "google", "grpc", "storage.connect", "storage.domain.usage")

BEYOND_READING_DOCUMENTS = (
    "boto3",
    "botocore",
    "streamlit",
    "storage.actions",
    "storage.sandbox",
    "storage.clients.r2",
)


@pytest.mark.parametrize("name", [*GROUPS, *COMMANDS], ids=lambda words: " ".join(words) or "all")
def test_help_reads_as_a_manual(run, name: tuple[str, ...]) -> None:
    answer = run(*name, "--help")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out == run(*name, "-h").out
    assert answer.out.startswith(f"Usage: {' '.join((PROGRAM, *name))} ")
    assert "\nExamples:\n" in answer.out
    section = answer.out.partition("\nExit status:\n")[2].splitlines()
    assert [line.split()[0] for line in section if not line.startswith("     ")] == ["0", "1", "2", "3", "4"]
    command = COMMANDS.get(name)
    for one in command.params if command else ():
        assert one.metavar or isinstance(one, click.Option), one
        assert getattr(one, "help", None), one
        assert (one.opts[0] if isinstance(one, click.Option) else str(one.metavar)) in answer.out, one


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_a_command_runs_a_function_that_takes_what_is_declared(name: tuple[str, ...]) -> None:
    command = COMMANDS[name]
    taken = list(inspect.signature(command.function()).parameters)
    common = {"as_json", "read_budget", "exact_ids"}
    assert sorted(taken) == sorted(["context", *(str(one.name) for one in command.params if one.name not in common)])


@pytest.mark.parametrize(
    "line", [line for command in (ROOT, ROOT.commands["purge"], *COMMANDS.values()) for line, _ in command.examples]
)
def test_every_example_is_a_command_line(line: str) -> None:
    words, at = shlex.split(line), click.Context(ROOT, info_name=PROGRAM)
    while isinstance(at.command, click.Group):
        name, command, words = at.command.resolve_command(at, words)
        assert isinstance(command, click.Command)
        if isinstance(command, Command):
            assert command.make_context(name, words, parent=at).command is command
        at = click.Context(command, info_name=name, parent=at)


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_exact_ids_are_offered_where_a_customers_id_is_taken(name: tuple[str, ...]) -> None:
    kinds = {one.metavar for one in COMMANDS[name].params}
    assert bool(kinds & set(CUSTOMER_IDS)) == any(one.name == "exact_ids" for one in COMMANDS[name].params)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("set-status", "u1", "v1", "failed", "--reason", "--actor", "a@example.com"), "--reason is given without"),
        (("purge", "undo", "j", "--reason", "--", "--actor", "a@example.com"), "--reason is given without"),
        (("purge", "apply", "plan.json", "--reason"), "--reason"),
        (("usage",), "UID"),
        (("usage", "u1", "u2"), "u2"),
        (("usage", "--json=yes", "u1"), "--json"),
        (("purge", "status", "j", "--exact-ids"), "--exact-ids"),
        (("purge", "worker"), "--sweep"),
        (("purge", "worker", "--sweep", "--job", "j"), "--sweep"),
        (("highlights", "u1", "v1", "--put", "f", "--rebuild-from", "object"), "--rebuild-from"),
        (("highlights", "u1", "v1", "--rebuild-from", "both"), "--rebuild-from"),
        (("rollup", "--top", "many"), "--top"),
        (("rollup", "--read-budget", "1e9"), "--read-budget"),
        (("--json", "usage", "u1"), "--json"),
        (("purge", "--json"), "--json"),
    ],
    ids=" ".join,
)
def test_a_slip_is_bad_usage_that_names_it_and_the_way_out(run, monkeypatch, line: tuple[str, ...], said: str) -> None:
    monkeypatch.setattr("storage.connect.opened", lambda: pytest.fail("a backend was opened"))
    answer = run(*line)
    assert answer.status == 2
    assert said in answer.err + answer.out
    told = run(*line, "--json")
    assert (told.status, told.json["error"]["code"]) == (2, "bad_input")
    assert told.json["error"]["remedy"]


def test_a_value_may_be_any_text_and_an_id_may_begin_with_a_dash(run, no_settings, monkeypatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr("storage.cli.repair.run_set_status", lambda context, **given: asked.append(given) or 0)
    for text in ("--", "-x", "--json", "-", "=", ""):
        assert run("set-status", "-u1", "-1", "failed", f"--reason={text}", "--actor", "a@example.com").status == 0
    assert run("set-status", "--", "--u1", "-h", "failed").status == 2  # its options are missing
    assert [given["reason"] for given in asked] == ["--", "-x", "--json", "-", "=", ""]
    assert {(given["uid"], given["video_id"]) for given in asked} == {("-u1", "-1")}


def test_ctrl_c_is_told_and_has_its_own_status(run, no_settings, monkeypatch) -> None:
    def interrupted(context: object, **given: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("storage.cli.find.run_find", interrupted)
    answer = run("find", "u1")
    assert (answer.status, answer.out, answer.err) == (130, "", "interrupted\n")


def test_nothing_is_imported_that_a_command_does_not_use() -> None:
    """Neither Streamlit nor the stand-ins, whatever the command; nor what only others need."""
    code = (
        "import sys; from storage.cli.main import main; "
        "lines = ('--help', 'usage --help', 'purge apply --help', 'usage', 'usage ..'); "
        "status = [main(line.split()) for line in lines]; "
        "found = lambda names: [name for name in names if name in sys.modules]; "
        f"asked = found({HEAVY}); "
        "import storage.cli.context, storage.cli.find, storage.services.usage; "
        f"read = found({BEYOND_READING_DOCUMENTS}); "
        "import storage.connect, storage.logs; "
        "print(status, asked, read, found(('streamlit', 'storage.sandbox')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE, check=True, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "[0, 0, 0, 2, 2] [] [] []"
