"""What the service builds: packages by name, and jobs with parameters, declared in Python."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any

import hermetica as hm
from hermetica_derivations import packages
from hermetica_derivations.interpreter import DEBIAN_PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TARGETS: Mapping[str, hm.Derivation] = {"hello": packages.hello, "lua": packages.lua, "zlib": packages.zlib}
JOBS: dict[str, Callable[..., hm.Derivation]] = {}


class NotAJob(Exception):
    """What was asked for is nothing that this service builds; the text says what is."""


def job(function: Callable[..., hm.Derivation]) -> Callable[..., hm.Derivation]:
    """Offers a function: its parameters are what a request may give, by name, each of the type it is annotated with."""
    JOBS[function.__name__] = function
    return function


@hm.builder(python=DEBIAN_PYTHON)
def write_page(out: hm.Out, title: str, rows: list[str]) -> None:
    """Runs in the sandbox."""
    print(f"{len(rows)} rows")  # noqa: T201 -- to the log of the build
    out.path.write_text(f"<h1>{title}</h1>\n" + "".join(f"<p>{row}</p>\n" for row in rows))


@hm.builder(python=DEBIAN_PYTHON)
def count_down(out: hm.Out, seconds: int, salt: str) -> None:
    """Runs in the sandbox, for as long as it is told."""
    for left in range(seconds, 0, -1):
        print(f"{left} s left", flush=True)  # noqa: T201 -- to the log of the build
        time.sleep(1)
    out.path.write_text(f"{seconds} s, {salt}\n")


@job
def page(*, title: str, rows: list[str] | None = None) -> hm.Derivation:
    """A page with a title and rows."""
    return write_page(title, rows or [])


@job
def countdown(*, seconds: int, salt: str = "") -> hm.Derivation:
    """Something that takes its time; another salt, and it is another build."""
    return count_down(seconds, salt)


def declare(request: Any) -> tuple[str, hm.Derivation]:
    """The name and the derivation that a request asks for: a target, or a job with its arguments.

    Raises:
        NotAJob: it asks for something else.
    """
    match request:
        case {"target": str(name), **rest} if not rest:
            if name not in TARGETS:
                raise NotAJob(f"no target {name!r}; there are {', '.join(TARGETS)}")
            return name, TARGETS[name]
        case {"job": str(name), **rest} if rest.keys() <= {"arguments"}:
            if name not in JOBS:
                raise NotAJob(f"no job {name!r}; there are {', '.join(JOBS)}")
            return name, _call(JOBS[name], rest.get("arguments", {}))
    raise NotAJob('ask for {"target": NAME}, or for {"job": NAME, "arguments": {…}}')


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "str": lambda value: type(value) is str,
    "int": lambda value: type(value) is int,
    "list[str] | None": lambda value: (
        value is None or (isinstance(value, list) and all(type(each) is str for each in value))
    ),
}


def _call(function: Callable[..., hm.Derivation], arguments: Any) -> hm.Derivation:
    if not isinstance(arguments, dict):
        raise NotAJob("arguments are an object: parameter -> value")
    signature = inspect.signature(function)
    known = ", ".join(f"{each.name}: {each.annotation}" for each in signature.parameters.values())
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise NotAJob(f"{function.__name__}: {error}; it takes {known}") from None
    for name, value in arguments.items():
        wanted = str(signature.parameters[name].annotation)
        if not _TYPES[wanted](value):
            raise NotAJob(f"{function.__name__}: {name} is {value!r}, and has to be {wanted}")
    return function(**arguments)
