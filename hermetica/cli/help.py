"""What ``--help`` prints: commands by what they are for, a short usage, and examples; loaded by who asks for it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from hermetica.cli.parser import COMMANDS, EVERYWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUPS: Final = {
    "Write and build": ("init", "build", "run", "shell", "develop", "check"),
    "Look and understand": (
        *("ls", "show", "log", "explain", "diff", "why-depends", "graph", "size", "query", "events", "replay"),
        *("study", "metrics"),
    ),
    "Pin and fetch": ("lock", "update", "prefetch", "source"),
    "Keep the store": ("gc", "root", "store"),
    "This machine": ("doctor", "config", "completion", "version"),
}
EXAMPLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "init": (("init", "what there is"), ("init c-library greet", "a project in ./greet")),
    "build": (
        ("build ./pkgs.py:app", "and ./result leads to it"),
        ("build ./pkgs.py -k --report run.html", "all of a module, and a page of the run"),
        ("build ./pkgs.py:app --check", "build it again, and compare"),
        ("build -n ./pkgs.py:app", "what would be done, and why"),
    ),
    "study": (
        ("study run wheels.toml", "carry it out; after an interrupt, go on"),
        ("study run wheels.toml -o wheels.html", "and a page of the results"),
        ("study report wheels.toml --csv cells.csv", "the rates, and a table of targets and factors"),
    ),
    "metrics": (("metrics --json", "with numerators, denominators and intervals"),),
    "run": (("run ./pkgs.py:app -- --version", "its only program, or the one of its name"),),
    "shell": (("shell ./pkgs.py:jq -- jq --version", "without a command: your shell"),),
    "develop": (
        ("develop ./pkgs.py:app", "the sandbox of its build; . /build/.build runs what the build would"),
        ("develop --failed", "the newest that --keep-failed kept"),
    ),
    "check": (
        ("check", "every check of ./pkgs.py"),
        ("check --pure ./pkgs.py", "what ids depend on besides the project"),
        ("check --explain ./pkgs.py:app", "why it is not reproducible, and what to do"),
    ),
    "ls": (("ls", "of ./pkgs.py"), ("ls './pkgs.py:pkgs.py*'", "those that fit")),
    "show": (("show ./pkgs.py:app", "fields, inputs, ids"), ("show 3f2a9c01", "a derivation in the store, by its id")),
    "log": (
        ("log ./pkgs.py:app", "of the build that made it"),
        ("log --failed ./pkgs.py:app", "of the newest failure"),
    ),
    "explain": (("explain ./pkgs.py:app", "the field, both values, its line, and who follows"),),
    "diff": (
        ("diff ./pkgs.py:app ./pkgs.py:debug", "field by field"),
        ("diff --contents ./result ./result-1", "file by file"),
        ("diff --closure ./result ./result-1", "what only one of them needs"),
    ),
    "why-depends": (("why-depends ./pkgs.py:app ./pkgs.py:zlib", "the chain, the file and the offset"),),
    "graph": (
        ("graph ./pkgs.py:app --as html -o graph.html", "to look at in a browser"),
        ("graph ./pkgs.py:app --runtime", "what it needs to run, for Graphviz"),
    ),
    "size": (("size --objects ./pkgs.py:app", "each object of its closure"),),
    "query": (
        ("query deps ./pkgs.py:app", "what it is built from"),
        ("query closure ./result", "what it needs to run"),
        ("query select 'kind(fetch, deps(./pkgs.py))'", "an expression over sets"),
    ),
    "events": (("events ls", "runs, newest first"),),
    "replay": (("replay", "the newest run"), ("replay --report run.html", "as a page")),
    "lock": (
        ("lock debian bookworm gcc make", "packages, with what they need"),
        ("lock url https://example.org/data-1.0.tar.gz", "a file"),
        ("lock check", "whole, and as it would be written?"),
    ),
    "update": (("update --dry-run", "what would change"),),
    "prefetch": (("prefetch", "then: build --offline"),),
    "source": (("source ls ./pkgs.py:src", "what it has taken"), ("source ls --left-out", "what is out, and why")),
    "gc": (("gc --dry-run", "what would go, and how many bytes"), ("gc --max-bytes 20G --older-than 30d", "limits")),
    "root": (("root ls", "what is kept from collection, and by what"),),
    "store": (
        ("store info", "where it is, and what is in it"),
        ("store verify --repair", "read everything again; make whole what is damaged"),
        ("store export ./pkgs.py:app -o app.archive", "with all that it needs"),
    ),
    "doctor": (
        ("doctor", "each finding with cause and remedy"),
        ("doctor --world", "each factor of a build's world, tried at each of its levels"),
    ),
    "config": (("config show", "and where each setting is from"),),
    "completion": (("completion bash", "for a file that your shell reads"),),
}
"""By command: (words after ``hermetica``, what they are good for)."""
FORMS: Final = {
    "TARGET": "such as ./pkgs.py:app; ./pkgs.py for all in it; './pkgs.py:py*' for those that fit",
    "OBJECT": "such as ./pkgs.py:app, ./result, hx3f2a, /hermetica/store/hx…-app",
}
"""What arguments look like, by the name that they have in a usage."""


def overview() -> str:
    """The help of the command as a whole."""
    from hermetica.cli.plugged import rows_of_help  # noqa: PLC0415 -- looks through what is installed

    plugged = rows_of_help()
    width = max(map(len, [*COMMANDS, *plugged]))
    parts = [
        f"{title}:\n" + "\n".join(f"  {name:<{width}}  {COMMANDS[name]}" for name in names)
        for title, names in GROUPS.items()
    ]
    if plugged:
        parts.append("From plug-ins:\n" + "\n".join(f"  {name:<{width}}  {text}" for name, text in plugged.items()))
    return "\n\n".join(
        [
            "usage: hermetica COMMAND [OPTIONS]",
            *parts,
            (
                "hermetica COMMAND --help says more. Everywhere: --store PATH, --json, --ui MODE, -v, --color WHEN.\n"
                "Targets: ./pkgs.py:zlib  ./pkgs.py:zlib^dev  ./pkgs.py  './pkgs.py:py.*'  package.module:name\n"
                "         hx…  /hermetica/store/…"
            ),
        ]
    )


def complete(parser: argparse.ArgumentParser) -> None:
    """Gives a parser a short usage, where it has none, and says of its arguments what they look like."""
    arguments = [action for action in parser._actions if not action.option_strings]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- argparse has no public list of them
    for each in arguments:
        each.help = each.help or FORMS.get(str(each.metavar or each.dest))
    # a command's own options come first
    parser._action_groups.sort(key=lambda group: group.title == EVERYWHERE)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- argparse has no public list of its groups
    parser.usage = parser.usage or " ".join([parser.prog, "[OPTIONS]", *map(_word, arguments)])


def _word(action: argparse.Action) -> str:
    name = action.metavar if isinstance(action.metavar, str) else action.dest
    forms = {"?": f"[{name}]", "*": f"[{name} …]", "+": f"{name} …", argparse.PARSER: f"{name} …"}
    return forms.get(str(action.nargs), name)


def examples_of(parser: argparse.ArgumentParser) -> str:
    """The examples of a command, for the end of its help; those of an action are the ones that begin with it."""
    words = parser.prog.split()[1:]
    fitting = [row for row in EXAMPLES.get(words[0], ()) if row[0].split()[: len(words)] == words] if words else []
    return "examples:\n" + "\n".join(_rows(fitting)) if fitting else ""


def _rows(examples: Iterable[tuple[str, str]]) -> list[str]:
    rows = list(examples)
    width = max(len(words) for words, _ in rows)
    return [f"  hermetica {words:<{width}}  # {text}" for words, text in rows]
