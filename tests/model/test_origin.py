"""Where a definition stands: at the line that names it, however many functions pass it on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hermetica.model as hm
from hermetica.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).name


def here() -> int:
    """The line that calls this."""
    return sys._getframe(1).f_lineno  # pyright: ignore[reportPrivateUsage] -- documented, and what is tested uses it


def shown(origin: hm.Origin | None) -> tuple[int, list[str]]:
    assert origin is not None
    assert Path(origin.file).name == HERE
    return origin.line, [call.rpartition(" in ")[2] for call in origin.via]


def plain(name: str, **fields: Any) -> hm.Derivation:
    return hm.derivation(name=name, builder="/bin/sh", **fields)


def python(package: str, version: str) -> hm.Derivation:
    return plain(f"python3-{package}-{version}")


def by_keywords(**fields: Any) -> hm.Derivation:
    return hm.derivation(builder="/bin/sh", **fields)


def by_position(*fields: Any) -> hm.Derivation:
    return plain(*fields)


def zlib(version: str) -> hm.Derivation:
    return hm.derivation(name=f"zlib-{version}", builder="/bin/sh")


def all_of_it() -> tuple[int, hm.Derivation]:
    return here(), plain("app")


def test_a_line_that_calls_hermetica_itself_is_the_origin() -> None:
    assert shown(hm.derivation(name="x", builder="/bin/sh").origin) == (here(), [])
    assert shown(hm.text("x", "content").origin) == (here(), [])


def test_a_function_that_is_given_the_name_only_passes_it_on() -> None:
    assert shown(plain("x").origin) == (here(), ["plain"])
    assert shown(by_keywords(name="x").origin) == (here(), ["by_keywords"])
    assert shown(by_position("x").origin) == (here(), ["by_position", "plain"])


def test_a_function_that_is_given_a_word_of_the_name_passes_it_on_too() -> None:
    assert shown(python("requests", "2.0").origin) == (here(), ["python", "plain"])


def test_a_function_that_chooses_the_name_is_the_origin() -> None:
    origin = zlib("1.3").origin
    assert origin is not None
    assert origin.line != here()
    assert shown(origin)[1] == []
    line, app = all_of_it()
    assert shown(app.origin) == (line, ["plain"])


def test_the_body_of_a_class_is_a_place_and_so_is_a_module() -> None:
    class Packages:
        line = here() + 1
        app = plain("app")

    assert shown(Packages.app.origin) == (Packages.line, ["plain"])
    made: dict[str, Any] = {"__name__": "pkgs", "plain": plain}
    exec(compile("\n\napp = plain('app')\n", "pkgs.py", "exec"), made)  # noqa: S102 -- a module of a user's
    assert str(made["app"].origin) == "pkgs.py:3"


def test_lambdas_partials_and_methods_pass_on_as_well() -> None:
    make: Callable[[str], hm.Derivation] = lambda name: plain(name)  # noqa: E731, PLW0108 -- a lambda is what is tested
    assert shown(make("x").origin) == (here(), ["<lambda>", "plain"])
    made = [plain(name) for name in ("a", "b")]
    assert {shown(each.origin) for each in made if each.origin and not each.origin.via} == set()


def test_recursion_is_followed_a_few_calls_only() -> None:
    def deep(name: str, depth: int) -> hm.Derivation:
        return deep(name, depth - 1) if depth else plain(name)

    origin = deep("x", 100).origin
    assert origin is not None
    assert len(origin.via) == 8


def test_a_mistake_is_blamed_on_the_line_that_names_the_derivation() -> None:
    with pytest.raises(EvaluationError) as caught:
        plain("x", env={"A": 1})
    assert caught.value.origin == f"{__file__}:{here() - 1}"
    assert [call.rpartition(" in ")[2] for call in caught.value.via] == ["plain"]
    with pytest.raises(EvaluationError) as caught:
        plain("x", unknown=1)
    assert caught.value.origin == f"{__file__}:{here() - 1}"


def test_another_origin_of_the_same_line_is_equal_whatever_led_there() -> None:
    assert hm.Origin("f", 1, (("g", 2, "h"),)) == hm.Origin("f", 1)
    assert str(hm.Origin("f", 1, (("g", 2, "h"),))) == "f:1"
