"""The packages, built from source with the pinned toolchain. Fetches 70 MB, so it runs where HERMETICA_TEST_FETCH=1."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica_derivations import packages, toolchain
from hermetica_derivations.packages.checks import make_run, runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("HERMETICA_TEST_FETCH") != "1", reason="fetches 70 MB; set HERMETICA_TEST_FETCH=1"
    ),
]
NAMES = ("hello", "lua", "zlib", "zpipe")
PATHS = Path(__file__).with_name("paths.json")
BUILT = (
    *(packages.hello, packages.lua, packages.zlib, packages.zpipe),
    *(toolchain.base_c, toolchain.busybox, toolchain.cc, toolchain.glibc_runtime),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hm.Store]:
    with hm.Store.open(tmp_path_factory.mktemp("built") / "store") as store:
        store.realize_all(BUILT)
        yield store


def in_closure(store: hm.Store, drv: hm.Derivation, *command: str, data: bytes = b"") -> bytes:
    """What a program of a derivation prints, where its closure is mounted and nothing else."""
    out = store.realize(drv)["out"]
    binds: Sequence[str] = [
        word
        for member in store.objects.closure([out])
        for word in ("--ro-bind", str(store.objects.on_disk(member)), str(member))
    ]
    line = ["bwrap", "--unshare-all", "--clearenv", *binds, f"{out}/bin/{command[0]}", *command[1:]]
    return subprocess.run(line, input=data, check=True, capture_output=True).stdout


def test_every_output_has_the_path_it_has_everywhere(store: hm.Store) -> None:
    made = {f"{drv.name}:{name}": str(path) for drv in BUILT for name, path in store.realize(drv).outputs.items()}
    assert made == json.loads(PATHS.read_text())


def test_programs_run_with_their_closure_alone(store: hm.Store) -> None:
    assert in_closure(store, packages.hello, "hello") == b"Hello, world!\n"
    assert in_closure(store, packages.lua, "lua", "-e", "print(math.max(1, 2))") == b"2\n"
    assert in_closure(store, toolchain.busybox, "busybox", "echo", "x") == b"x\n"
    text = b"again and " * 10_000
    packed = in_closure(store, packages.zpipe, "zpipe", data=text)
    assert len(packed) < len(text) // 100
    assert in_closure(store, packages.zpipe, "zpipe", "-d", data=packed) == text


def test_no_output_mentions_the_tools_that_made_it(store: hm.Store) -> None:
    tools = {store.realize(each)["out"] for each in (toolchain.base_c, toolchain.cc)}
    outputs = [path for drv in BUILT[:4] for path in store.realize(drv).outputs.values()]
    assert not tools & set(store.objects.closure(outputs))


def test_references_are_the_libraries_that_are_used(store: hm.Store) -> None:
    def references(drv: hm.Derivation, output: str = "out") -> set[str]:
        return {path.name for path in store.objects.references(store.realize(drv)[output])}

    assert references(packages.zpipe) == {"glibc-runtime", "zlib-1.2.13"}
    assert references(packages.zlib) == {"glibc-runtime"}
    assert references(packages.zlib, "static") == set()
    assert references(packages.lua) == {"glibc-runtime"}
    assert references(toolchain.glibc_runtime) == {"glibc-runtime"}  # itself: where its character sets and locale lie


def test_the_checks_of_the_set_run_each_package_with_its_closure_alone(store: hm.Store) -> None:
    printed = {name: store.objects.on_disk(store.realize(runs[name]).out).read_text() for name in NAMES}
    assert printed == {
        "hello": "Hello, world!\n",
        "lua": "Lua 5.4\t9.007199254741e+15\n",
        "zlib": "",
        "zpipe": "as it went in, so it came out\n",
    }


def test_a_check_refuses_a_program_that_lacks_a_library(store: hm.Store) -> None:
    careless = packages.make_zpipe(
        packages.zlib, build_phase="/usr/bin/gcc -o zpipe zpipe.c -lz", allow_missing_libraries=True
    )
    with pytest.raises(hm.HermeticaError) as caught:
        store.realize(make_run("careless", careless))
    assert "libz.so.1: cannot open shared object file" in getattr(caught.value, "log_tail", "")
