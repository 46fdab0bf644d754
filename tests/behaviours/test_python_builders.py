"""Builders in Python: functions of the user's module that run inside the sandbox, on a pinned interpreter.

The interpreter comes from 12 MB of pinned packages, so what builds runs where HERMETICA_TEST_FETCH=1.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import pytest

import hermetica as hm
from hermetica.cli.modules import load_file
from hermetica.realize.errors import BuilderRaised
from hermetica_derivations.interpreter import DEBIAN_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("HERMETICA_TEST_FETCH") != "1", reason="fetches 12 MB; set HERMETICA_TEST_FETCH=1"
    ),
]
HEAD = """\
from __future__ import annotations
import hermetica as hm
from hermetica_derivations.interpreter import DEBIAN_PYTHON
runs_here = hm.builder(python=DEBIAN_PYTHON)
"""


class Write(Protocol):
    def __call__(self, text: str, *, place: str = "project", head: str = HEAD) -> Any: ...


@pytest.fixture(scope="module")
def python_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hm.Store]:
    with hm.Store.open(tmp_path_factory.mktemp("python") / "store") as store:
        store.realize(DEBIAN_PYTHON.rootfs)
        yield store


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def made(text: str, *, place: str = "project", head: str = HEAD) -> Any:
        file = tmp_path / place / "pkgs.py"
        file.parent.mkdir()
        (file.parent / "rows.csv").write_text("a,1\nb,2\n")
        file.write_text(head + text)
        return load_file(file)

    return made


REPORT = '''
import csv

def total(text: str) -> int:
    """What the second column adds up to."""
    return sum(int(count) for _, count in csv.reader(text.splitlines()))

def unrelated(): return 1

@runs_here
def report(out: hm.Out, data: hm.Input, *, title: str = "Report") -> None:
    out.path.mkdir()
    (out.path / "index.html").write_text(f"<h1>{title}</h1>{total((data.path / 'rows.csv').read_text())}")

page = report(hm.source(".", include=["rows.csv"], name="rows"), title="Q3")
'''


def test_a_function_of_the_users_module_is_built_in_the_sandbox(python_store: hm.Store, write: Write) -> None:
    result = python_store.realize(write(REPORT).page)
    assert (python_store.on_disk(result.out) / "index.html").read_text() == "<h1>Q3</h1>3"
    assert python_store.objects.references(result.out) == ()


def test_moving_the_file_or_editing_what_a_function_does_not_use_builds_nothing_again(
    python_store: hm.Store, write: Write
) -> None:
    python_store.realize(write(REPORT).page)
    moved = write(f"# moved\n\n{REPORT.replace('return 1', 'return 2')}", place="elsewhere").page
    assert python_store.realize(moved).outcome == "cached"
    changed = write(REPORT.replace("sum(", "-sum("), place="third").page
    assert python_store.realize(changed).outcome == "built"


ARGUMENTS = '''
@runs_here
def show(out: hm.Out, dev: hm.Out, *values: object, tree: hm.Input) -> None:
    dev.path.write_text(repr(values))
    out.path.write_text(f"{dev} {tree.path} {sorted(each.name for each in tree.path.iterdir())}")

values = (1, (2, [3.5, None]), b"\\x00", {("a", 1): {"b": {True}}}, 2**80)
library = hm.derivation(name="library", builder="/usr/bin/python3", rootfs=DEBIAN_PYTHON.rootfs, args=["-c", """
import os; os.mkdir(os.environ['out']); open(os.environ['out'] + '/lib', 'w')
"""])
shown = show(*values, f"{library}/lib", tree=library)
'''


def test_arguments_of_every_plain_kind_and_several_outputs_survive(python_store: hm.Store, write: Write) -> None:
    module = write(ARGUMENTS)
    result = python_store.realize(module.shown)
    library = python_store.path(module.library)
    assert python_store.on_disk(result["dev"]).read_text() == repr((*module.values, f"{library}/lib"))
    assert python_store.on_disk(result.out).read_text() == f"{result['dev']} {library} ['lib']"
    assert set(python_store.objects.references(result.out)) == {result["dev"], library}


FAILING = """
def load(text):
    import json

    return json.loads(text)

@runs_here
def check(out: hm.Out, text: str) -> None:
    print("checking")
    load(text)

failing = check("{")
"""


def test_a_traceback_from_inside_names_the_users_own_lines(python_store: hm.Store, write: Write) -> None:
    module = write(FAILING)
    said: list[str] = []
    with pytest.raises(BuilderRaised) as caught:
        python_store.realize(module.failing, on_event=lambda event: said.append(getattr(event, "text", "")))
    error, first = caught.value, len(HEAD.splitlines())
    assert error.code == "HM256"
    assert error.message.startswith("check: json.decoder.JSONDecodeError: Expecting property name")
    assert error.at == f"{module.__file__}:{first + 5}"
    assert error.origin == f"{module.__file__}:{first + 12}"
    for text in (error.log_tail, "".join(said)):
        assert f'File "{module.__file__}", line {first + 10}, in check\n    load(text)\n' in text
        assert f'File "{module.__file__}", line {first + 5}, in load\n    return json.loads(text)\n' in text
    assert module.__file__ not in module.failing.canonical.decode()


def test_a_builder_in_python_makes_the_same_twice_and_sees_only_what_is_declared(
    python_store: hm.Store, write: Write
) -> None:
    module = write(
        """
import os, sys
@runs_here
def look(out: hm.Out) -> None:
    found = {name: value for name, value in os.environ.items()}
    out.path.write_text(f"{found} {sys.path} {set('abcdefgh')} {os.listdir('/hermetica/store')}")
"""
    )
    result = python_store.realize(module.look())
    assert python_store.realize(module.look(), check=True).outcome == "reproduced"
    text = python_store.on_disk(result.out).read_text()
    assert str(module.__file__) not in text
    assert "site-packages" not in text
    assert "dist-packages" not in text


def test_a_package_that_is_given_can_be_imported(python_store: hm.Store, write: Write) -> None:
    module = write(
        """
(hm_source := hm.source(".", include=["rows.csv"]))
helpers = hm.text("helpers.py", "def shout(text): return text.upper()\\n")
tree = hm.derivation(name="tree", builder="/usr/bin/python3", rootfs=DEBIAN_PYTHON.rootfs, args=["-c", f'''
import os, shutil; os.mkdir(os.environ["out"]); shutil.copy("{helpers}", os.environ["out"] + "/helpers.py")
'''])
@hm.builder(python=DEBIAN_PYTHON, packages={"helpers": tree})
def shout(out: hm.Out, text: str) -> None:
    from helpers import shout as loud
    out.path.write_text(loud(text))
"""
    )
    result = python_store.realize(module.shout("abc"))
    assert python_store.on_disk(result.out).read_text() == "ABC"
