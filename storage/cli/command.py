"""The building blocks that declare a command on `click`: its manual, its arguments and the function that runs it.

A declaration imports nothing of the desk: `run` names the function as `module:function`, and the command imports it
when it runs. So printing help, or refusing a wrong command line, costs no other import.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from storage.errors import BadInput
from storage.ids import check_id, check_stored_id

# Arguments that hold ids of a customer's things. Other ids are the desk's own: these need not be exact.
CUSTOMER_IDS = ("UID", "VIDEO_ID", "CLIP_ID")
COMMON = ("as_json", "read_budget", "exact_ids")
EXITS = {
    0: "done, nothing wrong found",
    1: "done, and something is wrong (findings), or the thing asked for does not exist",
    2: "bad usage or configuration",
    3: "a backend could not be reached or refused",
    4: "refused by a guard; nothing was changed",
}
_ASKED_FOR = ("actor", "reason")  # every command that takes them says what they must be
_NUMBER = re.compile(r"-(?:[0-9]+|[0-9]*\.[0-9]+)")
_LAYOUT: dict[str, Any] = {"max_content_width": 100, "ignore_unknown_options": True}


def argument(metavar: str, text: str, *, required: bool = True, **keywords: Any) -> click.Argument:
    """A positional argument; the parameter's name is the metavar in lower case."""
    return click.Argument([metavar.lower()], metavar=metavar, help=text, required=required, **keywords)


def option(name: str, metavar: str, text: str, **keywords: Any) -> click.Option:
    """An option that takes a value."""
    return click.Option([name], metavar=metavar, help=text, **keywords)


def flag(name: str, text: str) -> click.Option:
    """An option without a value."""
    return click.Option([name], is_flag=True, help=text)


class OptionalValue(click.Option):
    """An option that may stand without a value; it then has its `flag_value`."""


def optional(name: str, metavar: str, text: str, **keywords: Any) -> OptionalValue:
    """An option that takes a value or stands without one."""
    return OptionalValue([name], metavar=f"[{metavar}]", is_flag=False, help=text, **keywords)


def uid(*, required: bool = True) -> click.Argument:
    """The customer."""
    return argument("UID", "The customer's id, as find prints it.", required=required)


def video_id(*, required: bool = True) -> click.Argument:
    """One of the customer's videos."""
    return argument("VIDEO_ID", "The video's id.", required=required)


def job_id() -> click.Argument:
    """One of the desk's own jobs."""
    return argument("JOB_ID", "The job's id, as apply printed it.")


def plan_file(command: str) -> click.Argument:
    """The file of a plan that this command wrote."""
    return argument("FILE", f"The plan, as {command} --out wrote it.", type=Path)


def actor(text: str = "Who does it; recorded.", *, required: bool = True) -> click.Option:
    """Who acts."""
    return option("--actor", "EMAIL", text, required=required)


def reason(text: str = "Why, with the ticket; recorded.", *, required: bool = True) -> click.Option:
    """Why."""
    return option("--reason", "TEXT", text, required=required)


class _Sections(click.Command):
    """The parts that commands and groups share: parsing of the words, and help that reads as a manual."""

    examples: Sequence[tuple[str, str]]
    exits: Mapping[int, str]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the words; raises `click.UsageError` or `BadInput`."""
        return super().parse_args(ctx, self._checked(ctx, args))

    def _checked(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The words; refuses the mistakes that click would accept.

        An option without its value does not take the next option as its value. Only a word that begins with `--` is an
        option, because ids may begin with `-`.
        """
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        takes_value = {
            name: not one.is_flag and not isinstance(one, OptionalValue) for one in options for name in one.opts
        }
        words, rest = list[str](), list(args)
        while rest:
            word = rest.pop(0)
            name, equals, _ = word.partition("=")
            if word == "--":
                return [*words, word, *rest]
            if word == "-h":
                word = name = "--help"
            words.append(word)
            if word.startswith("--"):
                if name not in takes_value:
                    raise click.NoSuchOption(name, possibilities=takes_value, ctx=ctx)
                if takes_value[name] and not equals and rest:
                    words.append(_value(name, rest.pop(0)))
            elif not ctx.allow_interspersed_args:
                return [*words, *rest]
        return words

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the examples and the exit statuses."""
        if self.examples:
            with formatter.section("Examples"):
                for line, text in self.examples:
                    at = " " * formatter.current_indent
                    said = click.wrap_text(text, formatter.width, f"{at}  ", f"{at}  ")
                    formatter.write(f"{at}{_root(ctx)} {line}\n{said}\n")
        with formatter.section("Exit status"):
            formatter.write_dl([(str(status), text) for status, text in sorted({**EXITS, **self.exits}.items())])
        super().format_epilog(ctx, formatter)


class Command(_Sections):
    """A command. `exits` gives the meaning of its exit statuses where it is narrower than the contract's.

    `run` gets the context and every parameter by name, and returns the exit status. The audit records a refusal where
    the actor is known, unless `recorded` is false.
    """

    def __init__(
        self,
        name: str,
        *,
        run: str,
        summary: str,
        about: str,
        params: Sequence[click.Parameter],
        examples: Sequence[tuple[str, str]],
        exits: Mapping[int, str],
        recorded: bool = True,
    ) -> None:
        self.run = run
        self.examples = examples
        self.exits = exits
        self.recorded = recorded and any(one.name == "actor" for one in params)
        own = [*params, *_common(exact=any(one.metavar in CUSTOMER_IDS for one in params))]
        super().__init__(name, params=own, help=about, short_help=summary, context_settings=dict(_LAYOUT))

    def function(self) -> Callable[..., int]:
        """Imports the function that the command runs."""
        module, _, name = self.run.partition(":")
        found: Callable[..., int] = getattr(import_module(module), name)
        return found

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The arguments, those that may be left out in brackets; the required options; and a mark for the others."""
        given = [_in_usage(one) for one in self.params if isinstance(one, click.Argument)]
        options = [one for one in self.params if isinstance(one, click.Option)]
        return [*given, *(f"{one.opts[0]} {one.metavar}" for one in options if one.required), "[OPTIONS]"]

    def invoke(self, ctx: click.Context) -> int:
        """Checks the ids before any store is opened; then runs the command."""
        values = dict(ctx.params)
        common = {name: values.pop(name, None) for name in COMMON}
        self._check_ids(values, exact=bool(common["exact_ids"]))
        self._check_options(values)
        function = self.function()
        from storage.cli.context import Context  # only here: help imports none of it

        if not gc.isenabled():  # this process runs one command: the collector need not look at the libraries again
            gc.freeze()
            gc.enable()
        named = ctx.command_path.removeprefix(_root(ctx)).split()
        context = Context(
            as_json=bool(common["as_json"]),
            read_budget=common["read_budget"],
            action=".".join(named),
            given=values if self.recorded else None,
        )
        return context.run(function, **values)

    def _check_ids(self, values: Mapping[str, Any], *, exact: bool) -> None:
        for one in self.params:
            kind = str(one.metavar)
            customers = kind in CUSTOMER_IDS
            if not customers and not kind.endswith("_ID"):
                continue
            check = check_stored_id if exact and customers else check_id
            given = values[str(one.name)]
            try:
                for value in given if isinstance(given, tuple) else (given,):
                    if value is not None:
                        check(value, kind)
            except BadInput as bad:
                if not customers:
                    bad.remedy = f"Give {kind} as the desk printed it."
                raise

    def _check_options(self, values: Mapping[str, Any]) -> None:
        """Refuses an option that is given as an empty text: most would count as not given."""
        for one in self.params:
            given = values.get(str(one.name))
            empty = given == "" or (isinstance(given, tuple) and "" in given)
            if isinstance(one, click.Option) and empty and one.default != "" and one.name not in _ASKED_FOR:
                name = one.opts[0]
                raise BadInput(f"{name} is empty", field_name=name, remedy="Give a value, or leave the option out.")


class Group(_Sections, click.Group):
    """Commands under one name."""

    def __init__(
        self,
        name: str,
        commands: Sequence[click.Command],
        *,
        summary: str,
        about: str,
        examples: Sequence[tuple[str, str]],
    ) -> None:
        self.examples = examples
        self.exits = {}
        super().__init__(
            name,
            commands={str(one.name): one for one in commands},
            help=about,
            short_help=summary,
            subcommand_metavar="COMMAND ...",
            options_metavar="",
            context_settings=dict(_LAYOUT),
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of their declaration: the most frequent ones stand first."""
        return list(self.commands)


def leaves(group: click.Group, *above: str) -> dict[tuple[str, ...], Command]:
    """Every command, by the words that call it."""
    found: dict[tuple[str, ...], Command] = {}
    for name, one in group.commands.items():
        if isinstance(one, click.Group):
            found |= leaves(one, *above, name)
        elif isinstance(one, Command):
            found[(*above, name)] = one
    return found


def _in_usage(one: click.Argument) -> str:
    """`UID`, or `[VIDEO_ID]` where it may be left out; dots where it may stand several times."""
    words = f"{one.metavar}{'' if one.nargs == 1 else ' ...'}"
    return words if one.required else f"[{words}]"


def _root(ctx: click.Context) -> str:
    return str(ctx.find_root().info_name)


def _value(name: str, word: str) -> str:
    """The word as an option's value; raises `BadInput` for a word that is or resembles an option."""
    if word.startswith("-") and len(word) > 1 and " " not in word and not _NUMBER.fullmatch(word):
        raise BadInput(
            f"{name} is given without a value before {word}",
            field_name=name,
            remedy=f"A value that begins with - is written {name}=VALUE.",
        )
    return word


def _common(*, exact: bool) -> list[click.Parameter]:
    found: list[click.Parameter] = [
        click.Option(
            ["--json", "as_json"], is_flag=True, help="Print one JSON document on stdout, and nothing else there."
        ),
        option(
            "--read-budget",
            "N",
            "Stop after this many document reads; 0: never (default: READ_BUDGET, 100,000).",
            type=_budget,
        ),
    ]
    if exact:
        text = "Take UID, VIDEO_ID and CLIP_ID as a store gave them, also with blanks at an end or control characters."
        found.append(flag("--exact-ids", text))
    return found


def _budget(text: str) -> int:
    """A number of reads, as `--read-budget` takes it."""
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise ValueError("must be a whole number from 0")
    return int(text)
