"""What compiled programs can do where only their closure is: names, character sets, locales, libraries, exceptions."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica_derivations.environment import BASE_CXX
from hermetica_derivations.stdenv import mk_derivation
from hermetica_derivations.toolchain import locales
from tests.derivations.closures import in_closure

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("HERMETICA_TEST_FETCH") != "1", reason="fetches 150 MB; set HERMETICA_TEST_FETCH=1"
    ),
]
PROBES = Path(__file__).with_name("probes")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hm.Store]:
    with hm.Store.open(tmp_path_factory.mktemp("runtime") / "store") as store:
        yield store


def compiled(name: str, command: str, **settings: Any) -> hm.Derivation:
    """A file of ``probes`` compiled by one command into a program or a library, which is installed."""
    install = (
        'for file in *.so; do test ! -e "$file" || { mkdir -p "$out/lib"; cp "$file" "$out/lib/"; }; done; '
        f'test ! -e {name} || {{ mkdir -p "$out/bin"; cp {name} "$out/bin/"; }}'
    )
    phases: dict[str, Any] = {"build_phase": command, "install_phase": install}
    return mk_derivation(name=name, **{**phases, **settings})


def probe(**settings: Any) -> hm.Derivation:
    """The program that asks the C library for what lies beside it."""
    return compiled("probe", "cc -O2 -o probe probe.c", src=hm.source(PROBES / "probe.c"), **settings)


def test_names_character_sets_locales_and_libraries_are_found_in_the_closure(store: hm.Store, tmp_path: Path) -> None:
    greet = compiled("greet", "cc -shared -fPIC -o libgreet.so greet.c", src=hm.source(PROBES / "greet.c"))
    (tmp_path / "passwd").write_text("builder:x:1000:100::/homeless-shelter:/bin/sh\n")
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
    etc = {name: tmp_path / name for name in ("passwd", "hosts")}
    assert in_closure(store, probe(dlopen_inputs=[greet]), "probe", etc=etc).decode().splitlines() == [
        "getpwnam: /homeless-shelter",
        "getaddrinfo: found",
        "iconv ISO-8859-1 UTF-8: c3 a9",
        "iconv UTF-8 EUC-JP: c6 fc",
        "setlocale: C.UTF-8",
        "towupper: c9",
        "dlopen: hello",
    ]


def test_locales_are_an_object_that_a_program_is_told_of(store: hm.Store) -> None:
    told = compiled("told", "cc -O2 -o told locale.c", src=hm.source(PROBES / "locale.c"))
    german = locales("de_DE.UTF-8")
    place = {"LOCPATH": f"{store.realize(german)['out']}/lib/locale"}
    assert in_closure(store, told, "told", "de_DE.UTF-8", env=place, beside=[german]) == b"Montag UTF-8 3,50\n"
    assert in_closure(store, told, "told", "de_DE.UTF-8") == b"no such locale\n"


def test_a_library_that_no_input_was_declared_for_is_not_found(store: hm.Store) -> None:
    said = in_closure(store, probe(), "probe").decode().splitlines()
    assert said[0] == "getpwnam: no such user"
    assert said[-1].startswith("dlopen: libgreet.so: cannot open shared object file")


def test_threads_catch_what_another_library_throws(store: hm.Store) -> None:
    thrower = compiled(
        "thrower",
        "c++ -O2 -shared -fPIC -o libthrower.so thrower.cc",
        src=hm.source(PROBES / "thrower.cc"),
        environment=BASE_CXX,
    )
    catcher = compiled(
        "catcher",
        "c++ -O2 -pthread -o catcher catcher.cc -lthrower",
        src=hm.source(PROBES / "catcher.cc"),
        environment=BASE_CXX,
        inputs=[thrower],
    )
    assert in_closure(store, catcher, "catcher") == b"8 caught\n"
    references = {path.name for path in store.objects.references(store.realize(catcher)["out"])}
    assert references == {"thrower", "glibc-runtime"}


@pytest.mark.parametrize("link", ["far/libgreet.so", "-Lfar -lgreet"])
def test_a_program_that_lacks_a_library_is_refused(store: hm.Store, link: str) -> None:
    command = f"mkdir far; cc -shared -fPIC -o far/libgreet.so greet.c; cc -o alone main.c {link}"
    sources = 'echo "int greet(void); int main(void) { return !greet(); }" > main.c'
    alone = compiled("alone", command, src=hm.source(PROBES / "greet.c"), before_build=sources)
    with pytest.raises(hm.HermeticaError, match="status 1") as caught:
        store.realize(alone)
    assert "Declare them as inputs, or set allow_missing_libraries." in str(getattr(caught.value, "log_tail", ""))


def test_rpaths_of_no_use_are_dropped_and_bring_no_reference(store: hm.Store) -> None:
    greet = compiled("greet", "cc -shared -fPIC -o libgreet.so greet.c", src=hm.source(PROBES / "greet.c"))
    command = f"cc -O2 -Wl,-rpath,{greet}/lib -Wl,-rpath,/build/source -o probe probe.c"
    lean = compiled("probe", command, src=hm.source(PROBES / "probe.c"))
    assert {path.name for path in store.objects.references(store.realize(lean)["out"])} == {"glibc-runtime"}
    program = store.objects.on_disk(store.realize(lean)["out"]) / "bin/probe"
    assert b"/build/source" not in program.read_bytes()


def test_members_of_archives_and_compiled_python_have_fixed_times(store: hm.Store) -> None:
    build = """
echo 'x = 1' > m.py
python3 -c "import py_compile as p; p.compile('m.py', 'm.pyc', invalidation_mode=p.PycInvalidationMode.TIMESTAMP)"
python3 -m zipfile -c m.zip m.py
"""
    install = "mkdir $out; cp m.zip m.pyc $out/"
    drv = mk_derivation(name="times", environment=BASE_CXX, build_phase=build, install_phase=install)
    out = store.objects.on_disk(store.realize(drv)["out"])
    with zipfile.ZipFile(out / "m.zip") as file:
        assert [member.date_time for member in file.infolist()] == [(1980, 1, 1, 0, 0, 0)]
        assert file.read("m.py") == b"x = 1\n"
    assert (out / "m.pyc").read_bytes()[4:12] == bytes(4) + b"\1\0\0\0"
