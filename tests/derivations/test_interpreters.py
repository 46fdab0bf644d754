"""CPython, Node.js and what runs on them, from their closures alone. Runs for long, where HERMETICA_TEST_LONG=1.

``HERMETICA_TEST_STORE`` names a store that may have some of it already.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica_derivations.builders.python import installed, mk_script, mk_wheel
from hermetica_derivations.packages import npm_applications, python_modules
from hermetica_derivations.packages.python import cpython
from tests.derivations.python_project import write_project

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("HERMETICA_TEST_LONG") != "1", reason="builds for long; set HERMETICA_TEST_LONG=1"
    ),
]
NATIVE = "yaml._yaml, markupsafe._speedups, msgpack._cmsgpack, _cffi_backend, psutil, greenlet, kiwisolver"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hm.Store]:
    given = os.environ.get("HERMETICA_TEST_STORE")
    with hm.Store.open(Path(given) if given else tmp_path_factory.mktemp("built") / "store") as store:
        yield store


def alone(store: hm.Store, drv: hm.Derivation, program: str, *arguments: str, data: str = "") -> str:
    """What a program of a derivation prints, where its closure is mounted and nothing else."""
    out = store.realize(drv)["out"]
    binds = [
        word
        for member in store.objects.closure([out])
        for word in ("--ro-bind", str(store.objects.on_disk(member)), str(member))
    ]
    line = ["bwrap", "--unshare-all", "--clearenv", "--proc", "/proc", "--dev", "/dev", *binds]
    command = [*line, f"{out}/bin/{program}", *arguments]
    return subprocess.run(command, input=data, check=True, capture_output=True, text=True).stdout


def test_cpython_has_its_modules_and_knows_no_place_of_its_build(store: hm.Store) -> None:
    code = """
import bz2, ctypes, curses, lzma, readline, sqlite3, ssl, sysconfig, zlib
assert ssl.OPENSSL_VERSION.startswith("OpenSSL 3."), ssl.OPENSSL_VERSION
assert sqlite3.connect(":memory:").execute("select 6 * 7").fetchone() == (42,)
assert lzma.decompress(lzma.compress(b"x")) == bz2.decompress(bz2.compress(b"x")) == b"x"
assert ctypes.CDLL(None).abs(-3) == 3
print([value for value in sysconfig.get_config_vars().values() if "/build/" in str(value)])
"""
    assert alone(store, cpython, "python3", "-c", code) == "[]\n"
    closure = {path.name for path in store.objects.closure([store.realize(cpython)["out"]])}
    assert not [name for name in closure if name.endswith("-dev") or name.startswith("debian")]


def test_projects_with_native_code_are_imported_from_one_environment(store: hm.Store) -> None:
    code = f"import sys, {NATIVE}; import yaml; print(yaml.load('a: [1]', yaml.CSafeLoader), sys.prefix)"
    said = alone(store, python_modules.environment, "python", "-c", code)
    assert said == f"{{'a': [1]}} {store.realize(python_modules.environment)['out']}\n"


def test_a_wheel_of_a_source_tree_and_a_script_run_on_the_interpreter(store: hm.Store, tmp_path: Path) -> None:
    wheel = mk_wheel(name="greeting-1.0", src=hm.source(write_project(tmp_path / "tree")), import_check="greeting")
    greeting = installed(wheel)
    assert "greeting.py" in str(list(store.objects.on_disk(store.realize(greeting)["out"]).rglob("*.py")))
    (tmp_path / "tool.py").write_text("#!/usr/bin/env python3\nimport greeting\n\ngreeting.main()\n")
    tool = mk_script("tool", hm.source(tmp_path / "tool.py"), [greeting])
    assert alone(store, tool, "tool").startswith("hello from /hermetica/store/")


def test_an_application_of_npm_runs_on_its_node(store: hm.Store) -> None:
    assert alone(store, npm_applications.markdown_it, "markdown-it", data="*x*\n") == "<p><em>x</em></p>\n"
