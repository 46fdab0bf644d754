"""Static programs and cross-compilation with the wheel of zig.

What builds fetches 95 MB and lets zig compile a C library, so it runs where HERMETICA_TEST_FETCH=1.
"""

from __future__ import annotations

import os
import struct
import subprocess
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import hermetica as hm
from hermetica_derivations import packages, zig
from hermetica_derivations.stdenv import Environment, mk_derivation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.derivations.conftest import Bench

TARGET = "x86_64-linux-musl"
SYSROOT = "/hermetica/store/hxcysxm7hqnjzi0wbz4illdg82x9nisn-sysroot-x86_64-linux-musl"
GREET = """
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    assert(argc > 1);
    return printf("%s %.3f\\n", __FILE__, sqrt(atof(argv[1]))) < 0;
}
"""
INTERPRETER, DYNAMIC = 3, 2  # types of program headers: elf(5)


def test_the_same_recipe_is_another_package_in_every_environment() -> None:
    made = {packages.make_lua(environment=each).id for each in (zig.static, zig.cross_aarch64)}
    assert len(made | {packages.lua.id}) == 3


def test_a_target_that_nobody_prepared_is_refused_with_those_that_are() -> None:
    with pytest.raises(zig.UnknownTarget, match="riscv64-linux-musl") as caught:
        zig.environment("riscv64-linux-musl")
    assert caught.value.details == (("targets", "aarch64-linux-musl, x86_64-linux-musl"),)


def test_the_host_of_a_package_ends_its_name_and_its_system_is_that_of_the_build() -> None:
    lua = packages.make_lua(environment=zig.cross_aarch64)
    assert lua.name == f"{packages.lua.name}-aarch64-linux-musl"
    assert lua.system == packages.lua.system == "x86_64-linux"


def test_tests_are_left_out_where_what_is_built_does_not_run() -> None:
    settings: dict[str, Any] = {"name": "x", "outputs": ("out", "check"), "do_check": True}
    crossed = mk_derivation(**settings, environment=zig.cross_aarch64)
    assert (crossed.outputs, crossed.env["do_check"]) == (("out",), "")
    here = mk_derivation(**settings, environment=zig.static)
    assert (here.outputs, here.env["do_check"]) == (("out", "check"), "1")


def test_static_programs_are_linked_against_the_static_outputs_of_their_inputs() -> None:
    library = mk_derivation(name="library", outputs=("out", "lib", "static", "dev"))
    user = mk_derivation(name="user", inputs=[library], environment=zig.static)
    assert user.env["inputs"].split() == [f"{library}", f"{library:static}", f"{library:dev}"]
    assert mk_derivation(name="user", inputs=[library]).env["inputs"].split() == [
        f"{library}", f"{library:lib}", f"{library:dev}",
    ]  # fmt: skip


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("known", "flags"),
    [
        ("host_alias", "--host=aarch64-linux-musl --build=x86_64-linux-gnu"),
        ("enable_shared", "--enable-static --disable-shared"),
        ("nothing", ""),
    ],
)
def test_a_configure_script_is_told_what_it_knows_of(bench: Bench, known: str, flags: str) -> None:
    crossing = zig.cross_aarch64
    variables = {key: crossing.variables[key] for key in ("host_triplet", "build_triplet")}
    drv = mk_derivation(
        name="probe",
        src=hm.text("configure", f'# {known}\nshift; echo "$@" > said\n'),
        configure_flags=["--own"],
        build_phase=":",
        install_phase="mkdir $out; cp said also $out/",
        before_configure="echo also > also; test ! -e said",
        environment=attrs.evolve(bench.environment, variables=variables, setup=crossing.setup),
    )
    assert (bench.build(drv)["out"] / "said").read_text().split() == [*flags.split(), "--own"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hm.Store]:
    if os.environ.get("HERMETICA_TEST_FETCH") != "1":
        pytest.skip("fetches 95 MB; set HERMETICA_TEST_FETCH=1")
    with hm.Store.open(tmp_path_factory.mktemp("zig") / "store") as store:
        yield store


@pytest.fixture(scope="module")
def make(tools: Path) -> Callable[..., hm.Derivation]:
    """The generic builder on busybox and the compiler for C."""
    rootfs = hm.debian_rootfs("tools", [hm.source(tools)])
    environment = Environment(rootfs=rootfs, compiler=zig.compiler(TARGET))

    def made(**settings: Any) -> hm.Derivation:
        settings.setdefault("name", "probe")
        return mk_derivation(**settings, environment=environment)

    return made


def greet(make: Callable[..., hm.Derivation], *flags: str) -> hm.Derivation:
    return make(
        name="greet",
        src=hm.text("greet.c", GREET),
        build_phase=f"cc -O2 {' '.join(flags)} -o greet greet.c -lm",
        install_phase='mkdir -p "$out/bin" && cp greet "$out/bin/"',
    )


def program_headers(program: Path) -> set[int]:
    """The types of the program headers of a 64-bit little-endian ELF file."""
    data = program.read_bytes()
    assert data[:6] == b"\x7fELF\x02\x01"
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    return {struct.unpack_from("<I", data, start + size * n)[0] for n in range(count)}


@pytest.mark.sandbox
@pytest.mark.slow
def test_a_sysroot_is_the_same_on_every_machine(store: hm.Store) -> None:
    sysroot = store.realize(zig.sysroot(TARGET))["out"]
    assert str(sysroot) == SYSROOT
    assert store.objects.references(sysroot) == ()


@pytest.mark.sandbox
@pytest.mark.slow
def test_a_static_program_refers_to_nothing_and_runs_with_nothing_else_mounted(
    store: hm.Store, make: Callable[..., hm.Derivation]
) -> None:
    out = store.realize(greet(make))["out"]
    here = store.objects.on_disk(out)
    assert not {INTERPRETER, DYNAMIC} & program_headers(here / "bin/greet")
    assert store.objects.closure([out]) == (out,)
    line = ["bwrap", "--unshare-all", "--clearenv", "--ro-bind", f"{here}/bin/greet", "/greet", "/greet", "2"]
    assert subprocess.run(line, check=True, capture_output=True).stdout == b"greet.c 1.414\n"
    assert store.realize(greet(make), check=True).outcome == "reproduced"


@pytest.mark.sandbox
@pytest.mark.slow
def test_neither_the_processor_nor_debug_information_changes_a_program(
    store: hm.Store, make: Callable[..., hm.Derivation]
) -> None:
    plain = store.realize(greet(make))["out"]
    assert store.realize(greet(make, "-march=native", "-mtune=native", "-g3"))["out"] == plain
    assert store.realize(greet(make, "-O0"))["out"] != plain
    macros = make(
        build_phase=":", install_phase="cc -march=native -dM -E -x c /dev/null > $out", phases=["build", "install"]
    )
    defined = store.objects.on_disk(store.realize(macros)["out"]).read_text()
    assert "__SSE2__" in defined
    assert "__SSE3__" not in defined
    assert "__AVX" not in defined


@pytest.mark.sandbox
@pytest.mark.slow
def test_shared_libraries_are_refused_in_words(store: hm.Store, make: Callable[..., hm.Derivation]) -> None:
    said: list[str] = []
    drv = make(build_phase="cc -shared -o x.so -x c /dev/null", install_phase=":")
    with pytest.raises(hm.HermeticaError):
        store.realize(drv, on_event=lambda event: said.append(getattr(event, "text", "")))
    assert "cc: this compiler makes static programs and libraries; it has nothing to link -shared with" in "".join(said)
