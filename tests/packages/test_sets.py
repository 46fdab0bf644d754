"""Package sets: what functions get, when they are called, and what overlays see."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import hermetica as hm
from hermetica.packages import EvaluationRecursion, InvalidOverlay, InvalidPackage, MissingArgument, SetIsFrozen
from tests.packages.sample import Base, Patched, drv, inputs


def test_a_function_gets_the_packages_that_its_parameters_name() -> None:
    pkgs = Base()
    assert inputs(pkgs.app) == [pkgs.zlib]
    assert inputs(pkgs.zlib) == [pkgs.cc]
    assert pkgs.zlib.env == {"shared": "True"}
    busybox = drv("busybox")
    assert pkgs.app == drv("app", drv("zlib", drv("cc", busybox), shared="True"))


def test_a_package_is_made_when_it_is_asked_for_and_once() -> None:
    calls: list[str] = []

    class Counting(hm.PackageSet):
        @hm.package
        def a(self) -> hm.Derivation:
            calls.append("a")
            return drv("a")

        @hm.package
        def b(self, *, a: hm.Derivation) -> hm.Derivation:
            calls.append("b")
            return drv("b", a)

        @hm.package
        def never(self) -> hm.Derivation:
            raise AssertionError

    pkgs = Counting()
    assert calls == []
    assert pkgs.b is pkgs.b
    assert inputs(pkgs.b) == [pkgs.a]
    assert calls == ["a", "b"]
    _ = Counting().b
    assert len(calls) == 4
    assert list(pkgs) == ["a", "b", "never"]


def test_the_system_and_what_a_set_was_given_are_injected_too() -> None:
    class Mine(hm.PackageSet):
        def __init__(self, *, level: str) -> None:
            super().__init__(system="aarch64-linux")
            self.level = level

        @hm.package
        def app(self, *, system: str, level: str, absent: str = "none") -> hm.Derivation:
            return drv("app", system=system, level=level, absent=absent)

    assert Mine(level="3").app.env == {"system": "aarch64-linux", "level": "3", "absent": "none"}
    assert Mine(level="3").system == "aarch64-linux"


def test_a_default_is_for_sets_that_lack_the_package() -> None:
    class Without(hm.PackageSet):
        @hm.package
        def app(self, *, ssl: hm.Derivation | None = None) -> hm.Derivation:
            return drv("app", *([ssl] if ssl else []))

    class With(Without):
        @hm.package
        def ssl(self) -> hm.Derivation:
            return drv("ssl")

    assert inputs(Without().app) == []
    assert inputs(With().app) == [With().ssl]


def test_self_is_the_final_set_and_super_the_one_below() -> None:
    pkgs = Patched()
    assert pkgs.zlib.env == {"shared": "True", "CFLAGS": "-O3"}
    assert inputs(pkgs.app) == [pkgs.zlib]
    assert Base().zlib.env == {"shared": "True"}


def test_a_missing_package_is_told_with_what_the_set_has() -> None:
    class Lacking(Base):
        @hm.package
        def tool(self, *, zlip: hm.Derivation) -> hm.Derivation:
            return zlip

    with pytest.raises(
        MissingArgument, match=r"Lacking\.tool asks for zlip, which <Lacking for x86_64-linux>"
    ) as caught:
        _ = Lacking().tool
    assert caught.value.hint == "did you mean zlib?"
    line = Lacking.tool.function.__code__.co_firstlineno
    assert caught.value.origin == f"{__file__}:{line}"


def test_a_package_that_needs_itself_is_told_with_its_path() -> None:
    class Circle(Base):
        @hm.package
        def busybox(self, *, app: hm.Derivation) -> hm.Derivation:
            return app

    with pytest.raises(EvaluationRecursion) as caught:
        _ = Circle().app
    assert "Base.app -> Base.zlib -> Base.cc -> Circle.busybox -> Base.app" in str(caught.value)
    with pytest.raises(
        EvaluationRecursion, match=r"Base\.cc -> Circle\.busybox -> Base\.app -> Base\.zlib -> Base\.cc"
    ):
        _ = Circle().cc


def test_a_circle_through_other_arguments_is_found_too() -> None:
    class Same(Base):
        @hm.package
        def cc(self, *, busybox: hm.Derivation) -> hm.Derivation:
            return type(self).cc(self, busybox=busybox)  # an argument of its own, and the same again

    with pytest.raises(EvaluationRecursion, match=r"Same\.cc -> Same\.cc"):
        _ = Same().cc


@pytest.mark.slow
def test_a_chain_without_an_end_has_one() -> None:
    class Growing(hm.PackageSet):
        @hm.package
        def cc(self, *, level: int = 0) -> hm.Derivation:
            return type(self).cc(self, level=level + 1)

    with pytest.raises(EvaluationRecursion, match=r"Growing\.cc is needed 30,000 packages deep"):
        _ = Growing().cc


def test_a_bootstrap_calls_a_package_with_other_arguments_before_the_set_has_it() -> None:
    class Bootstrap(hm.PackageSet):
        @hm.package
        def first_cc(self) -> hm.Derivation:
            return drv("first-cc")

        @hm.package
        def cc(self, *, libc: hm.Derivation) -> hm.Derivation:
            return drv("cc", libc)

        @hm.package
        def libc(self, *, first_cc: hm.Derivation) -> hm.Derivation:
            return type(self).tool(self, cc=first_cc)

        @hm.package
        def tool(self, *, cc: hm.Derivation) -> hm.Derivation:
            return drv("tool", cc)

    pkgs = Bootstrap()
    assert inputs(pkgs.libc) == [pkgs.first_cc]
    assert inputs(pkgs.tool) == [pkgs.cc]
    with pytest.raises(hm.EvaluationError, match="tool takes no argument 'ccc'"):
        Bootstrap.tool(pkgs, ccc=pkgs.cc)


def test_extend_lays_overlays_over_a_set_the_last_on_top() -> None:
    class First(Base):
        @hm.package
        def zlib(self) -> hm.Derivation:
            return super().zlib.override_attrs(lambda d: {"name": f"{d.name}-first"})

    class Second(Base):
        @hm.package
        def zlib(self) -> hm.Derivation:
            return super().zlib.override_attrs(lambda d: {"name": f"{d.name}-second"})

    assert Base.extend(First, Second)().zlib.name == "zlib-first-second"
    assert Base.extend(Second, First)().zlib.name == "zlib-second-first"
    assert Patched.extend(First)().zlib.override(shared=False).env == {"shared": "False", "CFLAGS": "-O3"}
    assert Base.extend(First).__name__ == "Base+First"
    with pytest.raises(InvalidOverlay, match="no set has Patched at the bottom and then Base"):
        Patched.extend(Base)


def test_a_set_cannot_be_changed_in_place() -> None:
    pkgs: Any = Base()
    with pytest.raises(SetIsFrozen) as caught:
        pkgs.zlib = drv("mine")
    assert caught.value.hint == "write an overlay: a subclass of Base with a zlib of its own"
    assert pkgs.zlib.name == "zlib"


def test_functions_that_a_set_cannot_call_are_refused_where_they_are_written() -> None:
    def more(self: Any, **packages: Any) -> None: ...
    def positional(self: Any, zlib: Any, /) -> None: ...
    def without() -> None: ...

    for function in (more, positional, without, len):
        with pytest.raises(InvalidPackage) as caught:
            hm.package(function)
        assert function is len or caught.value.origin == f"{__file__}:{function.__code__.co_firstlineno}"

    with pytest.raises(InvalidPackage, match="extend is a name of every set"):
        type("Named", (hm.PackageSet,), {"extend": Base.cc})


def test_parameters_may_be_positional_and_anything_may_be_a_package() -> None:
    class Mine(Base):
        @hm.package
        def flags(self) -> tuple[str, ...]:
            return ("-O2",)

        @hm.package
        def tool(self, zlib: hm.Derivation, flags: tuple[str, ...], debug: bool = False) -> hm.Derivation:  # noqa: FBT001, FBT002 -- a parameter like any other
            return drv("tool", zlib, flags=" ".join(flags), debug=str(debug))

        @hm.package
        def nested(self) -> Base:
            return Base(system=self.system)

    pkgs = Mine()
    assert pkgs.tool.override(debug=True).env == {"flags": "-O2", "debug": "True"}
    assert pkgs.nested.zlib == pkgs.zlib
    assert pkgs.nested.zlib.override(shared=False) == pkgs.zlib.override(shared=False)


def test_a_package_is_documented_by_its_function() -> None:
    assert Base.cc.__doc__ == "The compiler."
    assert str(Base.cc) == "Base.cc"
    assert "zlib" in dir(Base())


def test_the_line_of_a_package_is_the_line_in_its_function() -> None:
    class Named(hm.PackageSet):
        @hm.package
        def app(self, *, flavour: str = "gtk") -> hm.Derivation:
            return drv(f"app-{flavour}")

    origin = Named().app.origin
    assert origin is not None
    assert origin.line == Named.app.function.__code__.co_firstlineno + 2


def test_threads_that_evaluate_one_set_agree() -> None:
    for _ in range(20):
        pkgs = Patched()
        barrier = threading.Barrier(4)
        found: list[hm.Derivation] = []

        def ask(pkgs: Patched = pkgs, barrier: threading.Barrier = barrier, found: list[hm.Derivation] = found) -> None:
            barrier.wait()
            found.append(pkgs.app)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(each) for each in found}) == 1


def test_a_failure_leaves_nothing_behind() -> None:
    class Flaky(hm.PackageSet):
        is_broken = True

        @hm.package
        def a(self) -> hm.Derivation:
            if self.is_broken:
                raise KeyError("a")
            return drv("a")

        @hm.package
        def b(self, *, a: hm.Derivation) -> hm.Derivation:
            return drv("b", a)

    pkgs = Flaky()
    for _ in range(2):
        with pytest.raises(KeyError):
            _ = pkgs.b
    pkgs.is_broken = False
    assert inputs(pkgs.b) == [pkgs.a]
