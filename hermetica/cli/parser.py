"""From words to a command and its options; only the chosen command's module is imported."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, cast

from hermetica.cli.misuse import Misuse
from hermetica.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.cli.session import Session

COMMANDS: Final = {
    "init": "begin a project from a template",
    "build": "realize targets and print where their outputs are",
    "run": "realize a target and run its program",
    "shell": "begin a shell that has the programs of targets",
    "develop": "enter the sandbox that a build has, or that of a failed build that was kept",
    "check": "realize the checks of package sets",
    "ls": "list targets, and whether each is realized",
    "show": "print a derivation: fields, inputs, ids",
    "log": "print what a builder wrote",
    "explain": "say why targets will be built or are reused, and what changed",
    "diff": "show what differs between two derivations, closures or objects",
    "why-depends": "show how one object comes to need another, and where it says so",
    "graph": "draw what targets are built from, or need at run time",
    "size": "print how much targets weigh with all that they need",
    "query": "ask about derivations and objects",
    "events": "list recorded runs, or print the schema of their events",
    "replay": "show a recorded run again, or make a report or a trace of it",
    "study": "study what makes builds differ: rates, causes, tables and a page",
    "metrics": "print how many artifacts are reproducible, and how many are flaky",
    "lock": "pin what a project needs, by content, in a lock file",
    "update": "make the pins of a lock again, and say what changed",
    "prefetch": "bring what a lock pins into the store, so that building needs no network",
    "source": "show which files a source takes, and why others are out",
    "gc": "delete objects that nothing needs",
    "root": "list, add and remove garbage collection roots",
    "store": "look at the store, check it, add to it",
    "doctor": "check whether this machine can build, and say what to do if not",
    "config": "print the settings in force, and where each comes from",
    "completion": "print completion for a shell",
    "version": "print the version",
}
EVERYWHERE: Final = "everywhere"
UI_MODES: Final = ("auto", "live", "plain", "ci", "json", "quiet")
COLOR_MODES: Final = ("auto", "always", "never")
_WITH_VALUE: Final = frozenset({"--store", "--ui", "--color"})
_ALSO: Final = {("lock", "--check"): "check"}
"""Actions that may be written as an option of their command too."""


class Command(Protocol):
    """What a command's module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declares the command's own options."""
        ...

    def run(self, session: Session) -> int:
        """Carries the command out; the exit status."""
        ...


class Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of printing and leaving, and takes words wherever options leave room."""

    _intermixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] -- the stubs have overloads
        """Words after an option are arguments too, as in ``lock debian SUITE --source X PACKAGE``."""
        options, unknown = super().parse_known_args(args, namespace)
        if self._intermixing or actions_of(self) or all(word.startswith("-") for word in unknown):
            return options, unknown
        self._intermixing = True
        try:
            return self.parse_known_intermixed_args(args)
        finally:
            self._intermixing = False

    def format_help(self) -> str:
        """A short usage, what it does, the options, and examples."""
        from hermetica.cli.help import complete, examples_of  # noqa: PLC0415 -- whoever asks for help has the time

        complete(self)
        examples = examples_of(self)
        return super().format_help() + (f"\n{examples}\n" if examples else "")

    def error(self, message: str) -> NoReturn:
        """Raises what argparse found wrong."""
        head, _, tail = message.partition(": invalid ")
        kind, found, value = tail.partition(" value: ")
        if found:
            message = f"{head}: expected a {kind}, got {value}"
        raise Misuse(f"{self.prog}: {message}", hint=f"{self.prog} --help")


def add_globals(parser: argparse.ArgumentParser, *, nested: bool = False) -> None:
    """The options of every command; a ``nested`` parser leaves defaults to its parent."""

    def default(value: str | None) -> str | None:
        return argparse.SUPPRESS if nested else value

    off = argparse.SUPPRESS if nested else False
    group = parser.add_argument_group(EVERYWHERE)
    group.add_argument("--store", metavar="PATH", default=default(None), help="root of the store")
    group.add_argument("--json", action="store_true", default=off, help="results as versioned JSON")
    group.add_argument("--ui", choices=UI_MODES, default=default("auto"), help="how progress is shown")
    group.add_argument("-v", "-L", "--verbose", action="store_true", default=off, help="show logs as they come")
    group.add_argument("--impure", action="store_true", default=off, help="evaluate with the whole machine in sight")
    group.add_argument("--color", choices=COLOR_MODES, default=default("auto"), help="NO_COLOR is honoured too")


def actions(parser: argparse.ArgumentParser, known: dict[str, str]) -> dict[str, argparse.ArgumentParser]:
    """Second words of a command (``store info``): name -> its parser, for its own options.

    Args:
        parser: the command's.
        known: name -> one line of help.
    """
    group = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    made: dict[str, argparse.ArgumentParser] = {}
    for name, summary in known.items():
        made[name] = group.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        add_globals(made[name], nested=True)
    return made


def command_index(words: Sequence[str]) -> int | None:
    """Where the command stands among ``words``, options before it skipped; None where there is none."""
    skip = False
    for index, word in enumerate(words):
        if skip:
            skip = False
        elif word in _WITH_VALUE:
            skip = True
        elif not word.startswith("-"):
            return index
    return None


def load(name: str) -> Command:
    """The module of a command.

    Raises:
        Misuse: there is no such command.
    """
    if name not in COMMANDS:
        from hermetica.cli.plugged import command_named, rows_of_help  # noqa: PLC0415 -- where no command of ours is meant

        if (plugged := command_named(name)) is not None:
            return plugged
        hint = did_you_mean(name, [*COMMANDS, *rows_of_help()]) or "hermetica --help lists them"
        raise Misuse(f"no command {name!r}", hint=hint)
    return cast("Command", import_module(f"hermetica.cli.commands.{name.replace('-', '_')}"))


def command_parser(name: str) -> tuple[Command, Parser]:
    """A command, and the parser of its options.

    Raises:
        Misuse: there is no such command.
    """
    command = load(name)
    summary = COMMANDS.get(name) or getattr(command, "summary", "")
    parser = Parser(prog=f"hermetica {name}", description=summary, allow_abbrev=False)
    add_globals(parser)
    command.add_arguments(parser)
    return command, parser


def parse(words: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """The command and its options; what follows ``--`` is in ``rest``.

    Raises:
        Misuse: something in it has no meaning.
        SystemExit: help was asked for, and printed.
    """
    index = command_index(words)
    if index is None:
        asked = {"-h", "--help", "--version"}
        if not asked & {*words} and (unknown := [word for word in words if word not in asked]):
            raise Misuse(f"no command, only {unknown[0]}", hint="hermetica --help lists the commands")
        if "--version" in words:
            return load("version"), parse(["version"])[1]
        if words:
            from hermetica.cli.help import overview  # noqa: PLC0415 -- whoever asks for help has the time

            raise SystemExit(overview())
        raise Misuse("no command", hint="hermetica --help lists them")
    name = words[index]
    command, parser = command_parser(name)
    after = words[index + 1 :]
    own = [*words[:index], *(_ALSO.get((name, word), word) for word in after[:1]), *after[1:]]
    rest: list[str] = []
    if "--" in own:
        cut = own.index("--")
        own, rest = own[:cut], own[cut + 1 :]
    try:
        options, unknown = parser.parse_known_args(own)
    except Misuse as misuse:
        raise _with_candidates(misuse, parser) from None
    if unknown:
        raise _unknown(unknown[0], parser, options)
    options.command, options.rest, options.words = name, rest, list(words)
    return command, options


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """The long options of a parser."""
    return [text for action in parser._actions for text in action.option_strings if text.startswith("--")]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- argparse has no public list of its options


def actions_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The second words of a command, with the parser of each."""
    for action in parser._actions:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- argparse has no public list of its actions
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage, reportUnknownVariableType] -- argparse has no public name for them
            return dict(action.choices)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType, reportUnknownVariableType] -- argparse says of no type what they are
    return {}


def _unknown(word: str, parser: argparse.ArgumentParser, options: argparse.Namespace) -> Misuse:
    prog, known = parser.prog, options_of(parser)
    if nested := actions_of(parser).get(getattr(options, "action", "")):
        prog, known = nested.prog, options_of(nested)
    kind = "option" if word.startswith("-") else "argument"
    hint = did_you_mean(word.partition("=")[0], known) if kind == "option" else None
    return Misuse(f"{prog}: unknown {kind} {word}", hint=hint or f"{prog} --help")


def _with_candidates(misuse: Misuse, parser: argparse.ArgumentParser) -> Misuse:
    _, found, text = misuse.message.partition("invalid choice: ")
    if not found:
        return misuse
    word = text.split(" (choose", 1)[0].strip("'\"")
    known = list(actions_of(parser)) or [*UI_MODES, *COLOR_MODES]
    message = misuse.message.split(" (choose", 1)[0]
    choices = "" if did_you_mean(word, known) else misuse.message.removeprefix(message)
    return Misuse(f"{message}{choices}", hint=did_you_mean(word, known) or misuse.hint)
