"""Where files go, what users of a package find, and what is refused. In the sandbox, with busybox for tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica_derivations.stdenv import mk_derivation

if TYPE_CHECKING:
    from pathlib import Path

    from tests.derivations.conftest import Bench

INSTALL = """
mkdir -p $out/bin $out/include $out/lib/pkgconfig $out/lib/cmake/x $out/libexec $out/share/man/man1 $out/share/aclocal
touch $out/include/x.h $out/lib/libx.a $out/lib/libx.so.1 $out/share/man/man1/x.1 $out/share/aclocal/x.m4 $out/libexec/x
printf 'prefix=%s\\nlibdir=${prefix}/lib\\nincludedir=${prefix}/include\\nlibexecdir=${prefix}/libexec\\n' $out \
  > $out/lib/pkgconfig/x.pc
printf 'set(X "${_IMPORT_PREFIX}/lib/libx.so.1;${_IMPORT_PREFIX}/lib/libx.a")\\n' > $out/lib/cmake/x/x.cmake
printf '#!/bin/sh\\necho -I%s/include -L%s/lib\\n' $out $out > $out/bin/x-config
printf 'no script' > $out/bin/pkg-config
chmod +x $out/bin/*
"""


def below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.mark.sandbox
def test_files_go_to_the_outputs_that_they_belong_to_and_say_so(bench: Bench) -> None:
    outputs = ("out", "dev", "static", "lib", "doc")
    library = bench.make(name="x", outputs=outputs, build_phase=":", install_phase=INSTALL)
    made = bench.build(library)
    assert {name: below(root) for name, root in made.items()} == {
        "out": {"bin/pkg-config", "libexec/x"},
        "dev": {
            *("include/x.h", "lib/pkgconfig/x.pc", "lib/cmake/x/x.cmake", "share/aclocal/x.m4", "bin/x-config"),
            "share/stdenv/propagated-inputs",
        },
        "static": {"lib/libx.a"},
        "lib": {"lib/libx.so.1"},
        "doc": {"share/man/man1/x.1"},
    }
    paths = {name: str(bench.store.path(library, name)) for name in outputs}
    assert (made["dev"] / "lib/pkgconfig/x.pc").read_text().splitlines() == [
        f"prefix={paths['out']}",
        f"libdir={paths['lib']}/lib",
        f"includedir={paths['dev']}/include",
        "libexecdir=${prefix}/libexec",
    ]
    cmake = (made["dev"] / "lib/cmake/x/x.cmake").read_text()
    assert cmake == f'set(X "{paths["lib"]}/lib/libx.so.1;{paths["static"]}/lib/libx.a")\n'
    assert f"-I{paths['dev']}/include -L{paths['lib']}/lib" in (made["dev"] / "bin/x-config").read_text()


@pytest.mark.sandbox
def test_one_output_keeps_everything_but_documentation(bench: Bench) -> None:
    made = bench.build(bench.make(name="x", build_phase=":", install_phase=INSTALL))
    assert {"include/x.h", "lib/libx.a", "bin/x-config"} <= below(made["out"])
    assert not {name for name in below(made["out"]) if name.startswith("share/man")}


@pytest.mark.sandbox
def test_inputs_bring_what_they_propagate_and_libraries_come_before_dev(bench: Bench) -> None:
    install = "mkdir -p $out/lib $out/include; touch $out/lib/x.a $out/lib/x.so $out/include/x.h"

    def library(name: str, *propagated: hm.Derivation) -> hm.Derivation:
        outputs = ("out", "dev")
        return bench.make(
            name=name, outputs=outputs, propagated_inputs=propagated, build_phase=":", install_phase=install
        )

    low = library("low")
    high = library("high", low)
    user = bench.make(
        inputs=[high],
        allow_dev_references=True,
        build_phase=":",
        install_phase='mkdir $out; { echo "$LIBRARY_PATH"; echo "$CMAKE_PREFIX_PATH"; } > $out/seen',
    )
    seen, prefixes = (bench.build(user)["out"] / "seen").read_text().splitlines()
    order = [bench.store.path(drv, output) for output in ("out", "dev") for drv in (high, low)]
    assert seen == ":".join(f"{path}/lib" for path in order)
    assert prefixes == ":".join(map(str, order))


@pytest.mark.sandbox
def test_a_program_that_refers_to_headers_is_refused_with_the_file(bench: Bench) -> None:
    install = "mkdir -p $out/bin $out/include; touch $out/include/x.h; echo $dev/include > $out/bin/x"
    library = bench.make(name="x", outputs=("out", "dev"), build_phase=":", install_phase=install)
    with pytest.raises(hm.HermeticaError) as caught:
        bench.build(library)
    assert "The output out refers to an output dev" in str(getattr(caught.value, "log_tail", ""))
    allowed = bench.make(
        name="x", outputs=("out",), build_phase=":", install_phase="mkdir $out; echo $out/include > $out/x"
    )
    assert below(bench.build(allowed)["out"]) == {"x"}


@pytest.mark.sandbox
def test_the_output_check_has_what_the_tests_said_without_times(bench: Bench) -> None:
    install = "mkdir $out; touch $out/x"
    said = "for n in 1 2; do printf '# TOTAL: 3\\n# PASS:  2\\n# SKIP:  1\\n'; done; date"
    outputs = ("out", "check")
    tested = bench.make(name="x", outputs=outputs, build_phase=":", check_phase=said, install_phase=install)
    assert bench.build(tested)["check"].read_text() == "status: 0\ntotal: 6\npass: 4\nskip: 2\n"


@pytest.mark.sandbox
def test_a_test_that_fails_fails_the_build_whatever_comes_after_it(bench: Bench) -> None:
    for outputs in (("out",), ("out", "check")):
        failing = bench.make(
            name="x", outputs=outputs, build_phase=":", check_phase="false\ntrue", install_phase="mkdir $out"
        )
        with pytest.raises(hm.HermeticaError):
            bench.build(failing)


def test_what_is_known_of_the_source_is_known_of_the_package() -> None:
    src = hm.fetchurl("https://example.org/x.tar", sha256="0" * 64, meta=hm.Meta(purl="pkg:generic/x@1", supplier="X"))
    assert mk_derivation(name="x", src=src, meta=hm.Meta(licence="MIT")).meta == hm.Meta(
        licence="MIT", purl="pkg:generic/x@1", supplier="X"
    )
    own = hm.Meta(purl="pkg:generic/y@1", supplier="Y")
    assert mk_derivation(name="x", src=src, meta=own).meta == own
