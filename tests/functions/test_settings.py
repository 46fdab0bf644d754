"""What surrounds the function: its interpreter, tools, variables; and ids that stay."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import hermetica as hm
from hermetica.functions import inside
from hermetica_derivations.environment import BASE_CXX
from hermetica_derivations.interpreter import DEBIAN_PYTHON

if TYPE_CHECKING:
    from tests.functions.conftest import Write

LIBRARY = "/hermetica/store/hx222222222222222222222222222222-tool"


def touch(out: hm.Out) -> None:
    out.path.touch()


def test_an_interpreter_is_a_derivation_an_environment_or_a_path_in_a_tree() -> None:
    package, tree = hm.text("python", ""), hm.text("tree", "")
    for settings, builder, rootfs, path in (
        (hm.builder(python=package), f"{package}/bin/python3", None, None),
        (hm.builder(python=package, rootfs=tree), f"{package}/bin/python3", f"{tree}", "/usr/bin:/bin"),
        (hm.builder(python=BASE_CXX), "/usr/bin/python3", f"{BASE_CXX.rootfs}", "/usr/bin:/bin"),
        (hm.builder(python=DEBIAN_PYTHON), "/usr/bin/python3", f"{DEBIAN_PYTHON.rootfs}", "/usr/bin:/bin"),
        (hm.builder(python="/opt/python", rootfs=tree), "/opt/python", f"{tree}", "/usr/bin:/bin"),
    ):
        made = settings(touch)()
        assert (made.builder, made.rootfs, made.env.get("PATH")) == (builder, rootfs, path)


def test_tools_variables_checks_name_and_metadata_are_those_of_the_derivation() -> None:
    tool, checks, meta = hm.store_path(LIBRARY), hm.OutputChecks(max_size_bytes=1), hm.Meta(licence="MIT")
    decorate = hm.builder(python=DEBIAN_PYTHON, name="x-1.0", tools=[tool], env={"A": "b"}, checks=checks, meta=meta)
    made = decorate(touch)()
    assert (made.name, made.meta, dict(made.checks)) == ("x-1.0", meta, {"out": checks})
    assert dict(made.env) == {"A": "b", "PATH": f"{LIBRARY}/bin:/usr/bin:/bin", "PYTHONHASHSEED": "0"}
    assert str(made.origin).startswith(f"{__file__}:")


def test_a_builder_may_be_called_in_another_evaluation() -> None:
    decorated = hm.builder(python=hm.text("python", ""), tools=[hm.text("tool", "")])(touch)
    with hm.evaluation():
        first = decorated()
    with hm.evaluation():
        assert decorated() == first


def test_ids_of_builders_in_python_stay(module: Write) -> None:
    """Where one of them must change, say so: everything that was built by a function is built again."""
    text = "@hm.builder(python=python)\ndef report(out: hm.Out, *, title: str = 'x') -> None:\n    out.path.touch()\n"
    page = module(text).report(title="é")
    program = Path(inside.__file__).read_bytes()
    assert hashlib.sha256(program).hexdigest() == "e000bb7da37f3b76c652235d8c47d8c71f8d06563c91161e3c249be592f6a195"
    assert page.id.hex == "1eb64b95ae5cdf0090b9c6fe0c42401fec6996c6f7ffe789f02e4bc8101397dc"
