"""Why targets will be built or are reused, through the real command."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from hermetica.cli.views.changes import change_text
from hermetica.cli.views.words import ago
from hermetica.model.difference import FieldChange

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.sandbox

STACK = (
    "src = hm.source('src', name='src')",
    "zlib = sh('zlib-1.3.1', 'echo $CFLAGS > $out', env={'CFLAGS': '-O2'})",
    "png = sh('png-1.6', 'cat $zlib > $out\\necho png >> $out', env={'zlib': f'{zlib}'})",
    "app = sh('app-1.0', 'cat $png $src/main.c > $out', env={'png': f'{png}', 'src': f'{src}'})",
    "apart = sh('apart', 'echo > $out')",
)
ZLIB_LINE = 11


@pytest.fixture
def built(hermetica: CommandLine) -> CommandLine:
    hermetica.write("src/main.c", "int main")
    hermetica.module(*STACK)
    hermetica("build", "--no-link", "./pkgs.py:app")
    return hermetica


def change(command: CommandLine, before: str, after: str) -> None:
    text = (command.directory / "pkgs.py").read_text(encoding="utf-8")
    assert before in text
    command.write("pkgs.py", text.replace(before, after))


def said(command: CommandLine, target: str) -> list[str]:
    """What is explained, with times and digests left out."""
    text = command("explain", target).stdout
    return re.sub(r"hx\w+…", "hx…", re.sub(r"\d+ (s|min) (ago|in)", r"N \1 \2", text)).splitlines()


def explained(command: CommandLine, target: str) -> dict[str, Any]:
    document = json.loads(command("explain", "--json", target).stdout)
    assert document["format"] == "hermetica.explain/1"
    (found,) = document["explained"]
    return dict(found)


def test_a_changed_field_is_named_with_its_line_and_what_follows(built: CommandLine) -> None:
    change(built, "-O2", "-O3")
    place = f"(pkgs.py:{ZLIB_LINE}; last realized N s ago as hx…), and 2 dependants follow"
    assert said(built, "./pkgs.py:zlib") == [f'zlib-1.3.1 will be built because env.CFLAGS "-O2" -> "-O3" {place}']
    assert said(built, "./pkgs.py:app") == [
        f'app-1.0 will be built because zlib-1.3.1 has env.CFLAGS "-O2" -> "-O3" {place}',
        f"  through png-1.6 (pkgs.py:{ZLIB_LINE + 1})",
        "  unless its inputs come out with the content that they had: then it is reused",
    ]
    found = explained(built, "./pkgs.py:app")
    assert (found["verdict"], found["dependants"]) == ("build-unless-same", 0)
    (cause,) = found["changes"]
    assert cause["fields"] == [{"field": "env.CFLAGS", "before": '"-O2"', "after": '"-O3"'}]
    assert [step["name"] for step in cause["through"]] == ["app-1.0", "png-1.6", "zlib-1.3.1"]
    assert cause["origin"] == f"{built.directory}/pkgs.py:{ZLIB_LINE}"


def test_what_is_reused_says_since_when_and_what_changed_before(built: CommandLine) -> None:
    lines = said(built, "./pkgs.py:zlib")
    assert lines[0].startswith(
        "zlib-1.3.1 is reused as hx…: nothing that it declares has changed since it was realized"
    )
    assert lines[1].startswith("  built N s ago in ")
    change(built, "echo png", "echo PNG")
    built("build", "--no-link", "./pkgs.py:app")
    lines = said(built, "./pkgs.py:app")
    assert lines[1] == "  before that it was realized N s ago as hx…; what changed since then:"
    assert lines[2].startswith('    png-1.6 has args[1], line 2, "echo png >> $out" -> "echo PNG >> $out" (pkgs.py:')
    assert explained(built, "./pkgs.py:app")["verdict"] == "reused"


def test_what_was_never_realized_and_what_was_collected_are_told_apart(built: CommandLine) -> None:
    assert said(built, "./pkgs.py:apart")[0].startswith(
        "apart will be built: the store knows of nothing that was realized as ./pkgs.py:apart"
    )
    built("gc")
    assert "the store knows of nothing" in said(built, "./pkgs.py:app")[0]


def test_files_of_a_source_are_named(built: CommandLine) -> None:
    built.write("src/main.c", "int main()")
    built.write("src/more.c", "")
    assert said(built, "./pkgs.py:app")[0].startswith(
        "app-1.0 will be built because env.src: in src main.c changed, more.c added (pkgs.py:"
    )


def test_inputs_of_the_same_content_make_no_build(built: CommandLine) -> None:
    change(built, "echo $CFLAGS > $out", "echo  $CFLAGS  > $out")
    change(built, "'src': f'{src}'", "'src': f'{src}', 'more': ''")
    built("build", "--no-link", "./pkgs.py:png")
    lines = said(built, "./pkgs.py:png")
    assert lines[0].startswith("png-1.6 is reused as hx…: nothing that it declares has changed")
    assert lines[2].startswith('    zlib-1.3.1 has args[1] "echo $CFLAGS > $out" -> "echo  $CFLAGS  > $out"')
    change(built, "'more': ''", "'more': 'x'")
    lines = said(built, "./pkgs.py:app")
    assert lines[0].startswith("app-1.0 will be built because of 2 changes (last realized N s ago as hx…):")
    assert lines[1].startswith('    env.more (not set) -> "x" (pkgs.py:')
    assert lines[2].startswith("    zlib-1.3.1 has args[1] ")
    change(built, ", 'more': 'x'", "")
    assert said(built, "./pkgs.py:app")[0].startswith(
        "app-1.0 will be reused, for its inputs have the content that they had, although zlib-1.3.1 has args[1] "
    )


def test_a_build_that_failed_last_says_so(hermetica: CommandLine) -> None:
    hermetica.module("bad = sh('bad', 'exit 3')")
    hermetica("build", "--no-link", "./pkgs.py:bad", status=100)
    lines = said(hermetica, "./pkgs.py:bad")
    assert lines[1].startswith("  its last build failed N s ago: HM")


def test_a_target_has_one_history_however_it_is_named(built: CommandLine) -> None:
    built.write("pyproject.toml", '[tool.hermetica.sets]\nmine = "pkgs.py"\n')
    for target in ("mine#app", f"{built.directory}/pkgs.py:app"):
        assert explained(built, target)["since"] is not None


def test_what_cannot_be_evaluated_beside_a_target_hinders_nothing(hermetica: CommandLine) -> None:
    hermetica.module(
        "class Pkgs(hm.PackageSet):",
        "    @hm.package",
        "    def good(self) -> hm.Derivation:",
        "        return sh('good', 'echo > $out')",
        "    @hm.package",
        "    def bad(self) -> hm.Derivation:",
        "        raise ValueError('bad')",
        "pkgs = Pkgs()",
    )
    hermetica("build", "--no-link", "./pkgs.py:pkgs.good")
    assert explained(hermetica, "./pkgs.py:pkgs.good")["since"] is not None


def test_a_program_that_is_run_is_remembered_too(hermetica: CommandLine) -> None:
    hermetica.module("tool = sh('tool', 'echo \"#!$sh\" > $out; chmod +x $out', env={'sh': f'{busybox}/bin/sh'})")
    hermetica("run", "./pkgs.py:tool")
    assert explained(hermetica, "./pkgs.py:tool")["since"] is not None


def test_long_texts_are_cut_to_what_differs() -> None:
    script = "\n".join(f"line {number}" for number in range(100))
    text = change_text(
        FieldChange(field="args[1]", before=json.dumps(script), after=json.dumps(script.replace("line 50", "LINE 50"))),
        {},
    )
    assert text == 'args[1], line 51, "line 50" -> "LINE 50"'
    long = change_text(FieldChange(field="env.X", before=json.dumps("a" * 500 + "b"), after=json.dumps("a" * 500)), {})
    assert long == f'env.X "…{"a" * 16}b" -> "…{"a" * 16}"'
    gone = change_text(FieldChange(field="env.X", before=None, after='"a"'), {})
    assert gone == 'env.X (not set) -> "a"'
    removed = change_text(FieldChange(field="args[1]", before='"a\\nb\\nc"', after='"a"'), {})
    assert removed == 'args[1], line 2, "b" -> (not set) and 1 more line'


@pytest.mark.parametrize(
    ("age_s", "text"),
    [
        (-1, "0 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7300, "2 h ago"),
        (86400, "1 day ago"),
        (9e5, "10 days ago"),
    ],
)
def test_ages_are_for_people(age_s: float, text: str) -> None:
    assert ago(age_s) == text
