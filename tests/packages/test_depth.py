"""Long chains: as many packages as there are, whatever stack Python has."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest

import hermetica as hm

DEEP = 10_000


def chain(length: int, fails_at: int | None = None) -> type[hm.PackageSet]:
    """A set in which each package needs the one before, by injection and by attribute in turn."""

    def injected(index: int) -> hm.package[Any]:
        text = f"def p{index}(self, *, p{index - 1}): return make({index}, p{index - 1})"
        return compiled(index, text)

    def asked(index: int) -> hm.package[Any]:
        return compiled(index, f"def p{index}(self): return make({index}, self.p{index - 1})")

    def compiled(index: int, text: str) -> hm.package[Any]:
        names: dict[str, Any] = {"make": make}
        exec(text, names)  # noqa: S102 -- ten thousand functions
        return hm.package(names[f"p{index}"])

    def make(index: int, below: hm.Derivation) -> hm.Derivation:
        if index == fails_at:
            raise KeyError(index)
        return hm.derivation(name=f"p{index}", builder="/bin/sh", args=[str(below)])

    def p0(_self: hm.PackageSet) -> hm.Derivation:
        return hm.derivation(name="p0", builder="/bin/sh")

    packages = {f"p{index}": (injected if index % 2 else asked)(index) for index in range(1, length)}
    return type("Chain", (hm.PackageSet,), {"p0": hm.package(p0), **packages})


def test_a_chain_of_ten_thousand_packages_evaluates_and_changes_no_limit() -> None:
    limit, threads = sys.getrecursionlimit(), threading.active_count()
    with hm.evaluation():
        top: hm.Derivation = getattr(chain(DEEP)(), f"p{DEEP - 1}")
        last = hm.derivation(name="p0", builder="/bin/sh")
        for index in range(1, DEEP):
            last = hm.derivation(name=f"p{index}", builder="/bin/sh", args=[str(last)])
        assert top.id == last.id
    assert (sys.getrecursionlimit(), threading.active_count()) == (limit, threads)


def test_a_failure_deep_down_comes_up_as_it_is() -> None:
    pkgs = chain(1000, fails_at=3)()
    with pytest.raises(KeyError) as caught:
        _ = pkgs.p999  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] -- made at run time
    assert caught.traceback[-1].name == "make"


def test_a_circle_of_a_thousand_is_told_by_its_ends() -> None:
    kind = chain(1000)

    class Circle(kind):  # type: ignore[misc, valid-type]  # pyright: ignore[reportGeneralTypeIssues, reportUntypedBaseClass] -- made at run time
        @hm.package
        def p0(self, *, p999: hm.Derivation) -> hm.Derivation:
            return p999

    with pytest.raises(
        hm.EvaluationError, match=r"Circle\.p0 -> Chain\.p999 -> .*\(989 more\).* -> Chain\.p1 -> Circle\.p0"
    ):
        _ = Circle().p0


def test_the_scope_of_an_evaluation_is_the_same_on_every_stack() -> None:
    with hm.evaluation() as scope:
        top: hm.Derivation = getattr(chain(600)(), "p599")  # noqa: B009 -- made at run time
        assert len(scope.derivations) == 599
        assert hm.derivation(name="x", builder="/bin/sh", args=[str(top)]).inputs.derivations[0][1] is top


def test_a_small_stack_of_the_caller_is_enough() -> None:
    program = (
        "import sys, threading\nsys.setrecursionlimit(200)\nthreading.stack_size(1 << 18)\n"
        "from tests.packages.test_depth import chain\n"
        "print(getattr(chain(2000)(), 'p1999').name)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stdout == "p1999\n", ended.stderr
