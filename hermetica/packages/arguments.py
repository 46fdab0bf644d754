"""What a package function asks for: the names of its parameters, read once, when the class is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from hermetica.packages.errors import InvalidPackage

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

_TAKES_MORE: Final = 0x04 | 0x08  # CO_VARARGS, CO_VARKEYWORDS


@attrs.frozen
class Parameters:
    """The parameters of a package function, the set itself left out.

    Attributes:
        names: in order.
        optional: those with a default.
    """

    names: tuple[str, ...]
    optional: frozenset[str]


def parameters_of(function: Callable[..., object]) -> Parameters:
    """The parameters of a package function.

    Raises:
        InvalidPackage: something in its signature has no name that a set could have.
    """
    code: CodeType | None = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", repr(function))
    if code is None:
        raise InvalidPackage(f"{name} is no function, so it cannot be a package", hint="write it with def in the class")
    origin = f"{code.co_filename}:{code.co_firstlineno}"
    if code.co_flags & _TAKES_MORE or code.co_posonlyargcount > 1:
        raise InvalidPackage(
            f"{name} takes arguments without names, and a set gives arguments by name",
            hint="name each dependency: def app(self, *, zlib: hm.Derivation) -> hm.Derivation",
            origin=origin,
        )
    if not code.co_argcount:
        raise InvalidPackage(
            f"{name} does not take the set", hint="its first parameter is the set: def app(self)", origin=origin
        )
    positional = code.co_varnames[: code.co_argcount]
    defaults: tuple[object, ...] = getattr(function, "__defaults__", None) or ()
    keyword_defaults: dict[str, object] = getattr(function, "__kwdefaults__", None) or {}
    return Parameters(
        names=code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount],
        optional=frozenset([*keyword_defaults, *positional[len(positional) - len(defaults) :]]),
    )
