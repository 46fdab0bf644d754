"""Command lines that make no sense, and those that need nothing but the command itself."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hermetica.cli.help import EXAMPLES, GROUPS
from hermetica.cli.parser import COMMANDS, parse
from hermetica.config.units import age_s, size_bytes

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


MISUSES = (
    ("buidl", "no command 'buidl'", "did you mean build?"),
    ("qqqqqq", "no command 'qqqqqq'", "hermetica --help lists them"),
    ("build", "hermetica build: the following arguments are required: TARGET", "hermetica build --help"),
    ("build --keep-goin x", "hermetica build: unknown option --keep-goin", "did you mean --keep-going?"),
    ("store inof", "hermetica store: argument ACTION: invalid choice: 'inof'", "did you mean info?"),
    ("store info --jsn", "hermetica store info: unknown option --jsn", "did you mean --json?"),
    ("build -j two x", "hermetica build: argument -j/--jobs: expected a whole number above 0, got 'two'", "… --help"),
    ("--ui lvie ls", "hermetica ls: argument --ui: invalid choice: 'lvie'", "did you mean live?"),
    ("version more", "hermetica version: unknown argument more", "hermetica version --help"),
    ("--verbose", "no command, only --verbose", "hermetica --help lists the commands"),
)


@pytest.mark.parametrize(("words", "message", "fix"), MISUSES)
def test_misuse_is_told_with_what_is_close(hermetica: CommandLine, words: str, message: str, fix: str) -> None:
    ended = hermetica(*words.split(), status=2)
    fix = fix.replace("…", f"hermetica {words.split(maxsplit=1)[0]}")
    assert ended.stderr.splitlines() == [f"error[HM600] {message}", f"  fix  {fix}"]
    assert ended.stdout == ""


def test_help_goes_to_stdout_and_lists_every_command(hermetica: CommandLine) -> None:
    text = hermetica("--help").stdout
    assert all(f"\n  {name} " in text for name in COMMANDS)
    for name in COMMANDS:
        assert hermetica(name, "--help").stdout.startswith(f"usage: hermetica {name}")


def test_help_is_given_with_whatever_options_and_a_command_has_a_short_usage(hermetica: CommandLine) -> None:
    assert hermetica("--json", "--help").stdout == hermetica("--help").stdout
    text = hermetica("build", "--help").stdout
    assert text.startswith("usage: hermetica build [OPTIONS] TARGET …\n\nrealize targets")
    assert "TARGET      such as ./pkgs.py:app" in re.sub(" {7,}", "      ", text)
    assert hermetica("store", "export", "--help").stdout.count("examples:") == 1


def test_every_command_is_in_one_group_of_the_help_and_its_examples_make_sense() -> None:
    assert [name for names in GROUPS.values() for name in names] == list(COMMANDS)
    for command, examples in EXAMPLES.items():
        for words, _ in examples:
            assert shlex.split(words)[0] == command
            parse(shlex.split(words))


def test_the_version_is_printed_by_word_and_by_option(hermetica: CommandLine) -> None:
    assert hermetica("version").stdout == hermetica("--version").stdout
    document = json.loads(hermetica("version", "--json").stdout)
    assert document["format"] == "hermetica.version/1"


def test_options_of_everywhere_may_come_before_and_after_the_command(hermetica: CommandLine) -> None:
    assert hermetica("--json", "version").stdout == hermetica("version", "--json").stdout


def test_words_may_stand_between_options_and_after_them() -> None:
    _, options = parse(["lock", "debian", "bookworm", "gcc", "--source", "tree", "make"])
    assert (options.suite, options.packages, options.source) == ("bookworm", ["gcc", "make"], ["tree"])
    _, options = parse(["build", "a", "-k", "b", "--json"])
    assert (options.targets, options.keep_going, options.json) == (["a", "b"], True, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(hermetica: CommandLine, shell: str) -> None:
    script = hermetica("completion", shell).stdout
    assert all(name in script for name in (*COMMANDS, "keep-going", "verify", "plain" if shell != "fish" else "ui"))
    if shell == "bash":
        done = "COMP_WORDS=(hermetica bui); COMP_CWORD=1; _hermetica; echo ${COMPREPLY[*]}"
        ended = subprocess.run(["bash", "-c", f"{script}\n{done}"], capture_output=True, text=True, check=True)
        assert ended.stdout.split() == ["build"]


def test_amounts_are_read_as_people_write_them() -> None:
    assert [size_bytes(text) for text in ("1500", "10G", "2.5 GiB", "1kB")] == [1500, 10**10, 5 << 29, 1000]
    assert [age_s(text) for text in ("90", "30m", "12h", "7d")] == [90, 1800, 43200, 604800]
    for wrong in ("", "x", "-1", "10 parsecs"):
        with pytest.raises(ValueError, match=wrong or "^$"):
            size_bytes(wrong)


def test_the_version_loads_nothing_of_the_engine() -> None:
    code = (
        "import sys; before = set(sys.modules); from hermetica.cli.main import main; main(['version']); "
        "print([name for name in ('attr', 'lmdb', 'blake3', 'zstandard', 'subprocess', 'asyncio', 'socket') "
        "if name in set(sys.modules) - before], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]"
