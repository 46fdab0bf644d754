"""What differs between derivations, closures and contents, through the real command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hermetica.cli.closures import ObjectChange, closure_changes
from hermetica_store.digest import Digest
from hermetica_store.path import StorePath, store_path

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

PAIR = (
    "def stack(flags):",
    "    zlib = sh(f'zlib-1.{len(flags)}', 'echo $CFLAGS > $out', env={'CFLAGS': flags})",
    "    return sh('app', 'mkdir $out; echo $zlib > $out/uses; echo same > $out/same', env={'zlib': f'{zlib}'})",
    "one = stack('-O2')",
    "two = stack('-O2 -g')",
)


def path(name: str, content: str = "") -> StorePath:
    return store_path(name, Digest.of(content.encode()))


@pytest.mark.sandbox
def test_two_derivations_differ_in_fields_also_of_their_inputs(hermetica: CommandLine) -> None:
    hermetica.module(*PAIR)
    lines = hermetica("diff", "./pkgs.py:one", "./pkgs.py:two").stdout.splitlines()
    assert lines == [
        'zlib-1.6 has env.CFLAGS "-O2" -> "-O2 -g" (pkgs.py:11)',
        'zlib-1.6 has name "zlib-1.3" -> "zlib-1.6" (pkgs.py:11)',
    ]
    same = hermetica("diff", "./pkgs.py:one", "./pkgs.py:one")
    assert (same.stdout, "are the same" in same.stderr) == ("", True)


@pytest.mark.sandbox
def test_kept_derivations_closures_and_contents_are_compared(hermetica: CommandLine) -> None:
    hermetica.module(*PAIR)
    built = json.loads(hermetica("build", "--no-link", "--json", "./pkgs.py:one", "./pkgs.py:two").stdout)["results"]
    hermetica.module("nothing = 1")  # from here on the store alone knows
    first, second = (result["drv"] for result in built)
    document = json.loads(hermetica("diff", "--json", first[:12], second).stdout)
    assert (document["format"], document["what"]) == ("hermetica.diff/1", "declared")
    assert [(each["name"], len(each["fields"])) for each in document["changes"]] == [("zlib-1.6", 2)]

    paths = [result["outputs"]["out"]["path"] for result in built]
    objects = json.loads(hermetica("diff", "--json", "--closure", *paths).stdout)["objects"]
    assert [(each["kind"], each["before_bytes"], each["after_bytes"]) for each in objects] == [
        ("changed", 64, 64),
        ("changed", 4, 7),
    ]
    lines = hermetica("diff", "--closure", *paths).stdout.splitlines()
    assert lines[-1].split(maxsplit=1) == ["+3", "bytes: 68 in 2 objects, then 71 in 2"]

    lines = hermetica("diff", *paths).stdout.splitlines()
    assert lines[0].startswith("uses: byte 19 is ")
    assert lines[1] == "1 of 3 entries differs: 1 in content"


def test_versions_of_one_thing_meet_and_the_rest_is_added_or_removed() -> None:
    old, new, both, gone, more = path("zlib-1"), path("zlib-2"), path("libc"), path("gone"), path("more-1.0")
    found = closure_changes({old: 10, both: 5, gone: 3}, {new: 20, both: 5, more: 1})
    assert found == [
        ObjectChange(before=gone, after=None, before_bytes=3),
        ObjectChange(before=None, after=more, after_bytes=1),
        ObjectChange(before=old, after=new, before_bytes=10, after_bytes=20),
    ]
    assert [each.kind for each in found] == ["removed", "added", "changed"]
    assert closure_changes({old: 1}, {old: 1}) == []
