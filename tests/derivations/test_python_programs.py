"""What builders of Python run inside the sandbox, here run as the programs they are on the interpreter of the tests."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hermetica_derivations.builders.programs as programs_package
from hermetica_derivations.builders.programs import program
from hermetica_derivations.builders.programs.adopt_script import adopted
from hermetica_derivations.builders.programs.build_wheel import backend_of
from hermetica_derivations.builders.programs.install_wheel import SITE_PACKAGES, launchers, place, with_interpreter
from hermetica_derivations.builders.programs.link_environment import merge
from tests.derivations.python_project import write_project, write_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

PYTHON = os.path.realpath(sys.executable)
PROGRAMS = Path(programs_package.__file__).parent
INFO = "thing-1.0.dist-info"
WHEEL = {f"{INFO}/WHEEL": "Wheel-Version: 1.0\n", f"{INFO}/METADATA": "Name: thing\nVersion: 1.0\n"}


def run(name: str, *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """What a program says; it sees no site-packages and no module of this project."""
    command = [PYTHON, "-P", "-s", "-S", str(PROGRAMS / name), *map(str, arguments)]
    ended = subprocess.run(command, cwd=cwd, env=env or {}, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    return ended.stdout


def installed(tmp_path: Path, files: Mapping[str, str], name: str = "thing") -> Path:
    """A wheel of these files, installed."""
    wheel = write_wheel(tmp_path / f"{name}.whl", {**WHEEL, **files})
    run("install_wheel.py", wheel, tmp_path / f"{name}-installed", PYTHON)
    return tmp_path / f"{name}-installed"


def test_a_wheel_is_the_same_whenever_it_is_built_and_hides_no_path_by_compressing(tmp_path: Path) -> None:
    tree = write_project(tmp_path / "tree")
    digests: set[str] = set()
    for day in ("monday", "tuesday"):
        run("build_wheel.py", tmp_path / day, cwd=tree, env={"PYTHONDONTWRITEBYTECODE": "1"})
        (wheel,) = (tmp_path / day).iterdir()
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
        with zipfile.ZipFile(wheel) as opened:
            assert {entry.compress_type for entry in opened.infolist()} == {zipfile.ZIP_STORED}
            assert {entry.date_time for entry in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert opened.namelist()[:2] == ["greeting.py", "settings.json"]
    assert len(digests) == 1


def test_settings_reach_the_backend(tmp_path: Path) -> None:
    tree = write_project(tmp_path / "tree")
    run("build_wheel.py", tmp_path / "dist", '{"debug": "yes"}', cwd=tree)
    with zipfile.ZipFile(tmp_path / "dist/greeting-1.0-py3-none-any.whl") as wheel:
        assert wheel.read("settings.json") == b'{"debug": "yes"}'


def test_a_tree_without_a_backend_is_built_by_setuptools_of_old(tmp_path: Path) -> None:
    assert backend_of("") == ("setuptools.build_meta:__legacy__", [])
    assert backend_of('[build-system]\nrequires = ["x"]') == ("setuptools.build_meta:__legacy__", [])
    with pytest.raises(RuntimeError, match="add what it needs to requires="):
        run("build_wheel.py", tmp_path / "dist", cwd=tmp_path)


def test_a_backend_path_that_leads_out_of_the_tree_is_refused(tmp_path: Path) -> None:
    tree = write_project(tmp_path / "tree")
    text = (tree / "pyproject.toml").read_text()
    (tree / "pyproject.toml").write_text(text.replace('["."]', '["../elsewhere"]'))
    with pytest.raises(RuntimeError, match="leads out of the source tree"):
        run("build_wheel.py", tmp_path / "dist", cwd=tree)


def test_a_console_script_runs_in_an_environment_of_links(tmp_path: Path) -> None:
    run("build_wheel.py", tmp_path / "dist", cwd=write_project(tmp_path / "tree"))
    run("install_wheel.py", tmp_path / "dist", tmp_path / "greeting", PYTHON)
    other = installed(tmp_path, {"other/__init__.py": "", "other/part.py": "VALUE = 3\n"})
    environment = tmp_path / "environment"
    run("link_environment.py", environment, PYTHON, tmp_path / "greeting", other)
    said = subprocess.run([environment / "bin/greet"], check=True, capture_output=True, text=True, env={}).stdout
    assert said == f"hello from {environment}\n"
    imported = "import other.part, importlib.metadata as m; print(other.part.VALUE, m.version('greeting'))"
    ended = subprocess.run([environment / "bin/python", "-c", imported], check=True, capture_output=True, text=True)
    assert ended.stdout == "3 1.0\n"
    assert (environment / SITE_PACKAGES / "other").is_symlink()
    assert not (tmp_path / "greeting/bin/greet").read_text().startswith(f"#!{environment}")


def test_an_environment_of_one_package_and_of_none_works_too(tmp_path: Path) -> None:
    one = installed(tmp_path, {"only.py": "VALUE = 1\n"})
    for name, packages in (("one", [one]), ("none", [])):
        run("link_environment.py", tmp_path / name, PYTHON, *packages)
        code = "import only" if packages else "import json"
        subprocess.run([tmp_path / name / "bin/python3", "-c", code], check=True, env={})


def test_namespace_packages_are_merged_and_what_differs_is_refused(tmp_path: Path) -> None:
    for name, module in (("one", "a"), ("two", "b")):
        (tmp_path / name / "shared").mkdir(parents=True)
        (tmp_path / name / "shared" / f"{module}.py").write_text(module)
        (tmp_path / name / "same.pth").write_text("")
    merge([tmp_path / "one", tmp_path / "two"], tmp_path / "merged")
    assert sorted(path.name for path in (tmp_path / "merged/shared").iterdir()) == ["a.py", "b.py"]
    (tmp_path / "two/same.pth").write_text("other")
    with pytest.raises(SystemExit, match="two packages differ in one file"):
        merge([tmp_path / "one", tmp_path / "two"], tmp_path / "again")


def test_every_part_of_a_wheel_gets_to_its_place_and_into_the_record(tmp_path: Path) -> None:
    data = "thing-1.0.data"
    prefix = installed(
        tmp_path,
        {
            "thing.py": "",
            f"{data}/scripts/tool": "#!python\nprint('tool')\n",
            f"{data}/data/share/thing.txt": "data",
            f"{data}/headers/thing.h": "",
            f"{data}/platlib/native.py": "",
        },
    )
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    names = ("INSTALLER", "METADATA", "RECORD", "WHEEL")
    assert files == {
        *("bin/tool", "share/thing.txt", "include/thing/thing.h"),
        *(f"{SITE_PACKAGES}/{name}" for name in ("thing.py", "native.py")),
        *(f"{SITE_PACKAGES}/{INFO}/{name}" for name in names),
    }
    assert (prefix / "bin/tool").read_text() == f"#!{PYTHON}\nprint('tool')\n"
    assert os.access(prefix / "bin/tool", os.X_OK)
    record = (prefix / SITE_PACKAGES / INFO / "RECORD").read_text()
    assert len(record.splitlines()) == len(files)
    assert "../../../bin/tool,sha256=" in record


def test_byte_code_is_the_same_wherever_it_was_made(tmp_path: Path) -> None:
    made: list[bytes] = []
    for place_name in ("here", "a/longer/place"):
        (tmp_path / place_name).mkdir(parents=True)
        prefix = installed(tmp_path / place_name, {"thing.py": "def f():\n    return 1\n"})
        (compiled,) = (prefix / SITE_PACKAGES / "__pycache__").iterdir()
        made.append(compiled.read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"../out.py": ""}, "outside of itself"),
        ({"/out.py": ""}, "outside of itself"),
        ({"thing-1.0.data/scripts/../../x": ""}, "outside of itself"),
        ({"thing-1.0.data/elsewhere/x": ""}, "a scheme that there is not"),
        ({"thing-1.0.data/purelib/a.py": "", "a.py": ""}, "twice"),
        ({f"{INFO}/WHEEL": "Wheel-Version: 2.0\n"}, "has version 2.0"),
        ({"other-1.0.dist-info/METADATA": ""}, "one .dist-info directory, not 2"),
        ({f"{INFO}/entry_points.txt": "[console_scripts]\nx = no entry\n"}, "not an entry point"),
        ({f"{INFO}/entry_points.txt": "[console_scripts]\n../x = a:b\n"}, "not an entry point"),
    ],
)
def test_a_wheel_that_is_none_is_refused(tmp_path: Path, files: dict[str, str], says: str) -> None:
    with pytest.raises(RuntimeError, match=says):
        installed(tmp_path, files)


def test_a_file_that_is_not_what_the_record_says_is_refused(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "a.whl", {**WHEEL, "a.py": "changed"}, record="a.py,sha256=AAAA,7\n")
    with pytest.raises(RuntimeError, match="not what the wheel's own RECORD says"):
        run("install_wheel.py", wheel, tmp_path / "out", PYTHON)


def test_launchers_call_attributes_of_objects_too() -> None:
    text = launchers("[console_scripts]\nrun = pkg.mod:App.main [extra]\n[gui_scripts]\nshow=pkg:show\n", "/p")
    assert text["run"].startswith("#!/p\nimport sys\nfrom pkg.mod import App\n")
    assert "sys.exit(App.main())" in text["run"]
    assert "from pkg import show" in text["show"]


def test_places_and_first_lines() -> None:
    assert place("a/b.py", "x-1.data/", "x") == f"{SITE_PACKAGES}/a/b.py"
    assert with_interpreter(b"#!pythonw\nx", "/p") == b"#!/p\nx"
    assert with_interpreter(b"#!/bin/sh\nx", "/p") == b"#!/bin/sh\nx"
    assert adopted(b"#!/usr/bin/env python3\nx\n", "/p") == b"#!/p\nx\n"
    assert adopted(b"x\n", "/p") == b"#!/p\nx\n"


def test_a_script_runs_on_the_interpreter_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("#!/usr/bin/env python3\nprint('ran')\n")
    run("adopt_script.py", tmp_path / "script.py", tmp_path / "bin/script", PYTHON)
    assert subprocess.run([tmp_path / "bin/script"], check=True, capture_output=True, env={}).stdout == b"ran\n"


def test_programs_are_inputs_of_their_own() -> None:
    assert program("build_wheel.py").name == "build_wheel.py"
    assert program("build_wheel.py").id != program("install_wheel.py").id
