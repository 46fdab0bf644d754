"""Package sets: a class of package functions; an instance evaluates them, each once and when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from hermetica.model.origin import user_line
from hermetica.packages.errors import InvalidOverlay, InvalidPackage
from hermetica.packages.package import package
from hermetica.packages.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_RESERVED: Final = frozenset(["extend", "system"])


class PackageSet:
    """A set of packages: subclass it, and write each package as a method under ``@hm.package``.

    A subclass of a set is an overlay: ``self`` is the final set, ``super()`` the set below.

    Attributes:
        system: the platform that its packages are for.
    """

    system: str = "x86_64-linux"
    __scope__: Scope

    if not TYPE_CHECKING:  # or the __init__ of a subclass would have to agree with it

        def __new__(cls, *_arguments: object, **_keywords: object) -> Self:
            """A set that has evaluated nothing yet, whatever the ``__init__`` of a subclass does."""
            made = super().__new__(cls)
            vars(made)["__scope__"] = Scope(whole=made)
            return made

    def __init__(self, *, system: str | None = None) -> None:
        if system is not None:
            self.system = system

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, value in vars(cls).items():
            if isinstance(value, package) and name in _RESERVED:
                raise InvalidPackage(f"{name} is a name of every set, so no package of {cls.__name__} can have it")

    @classmethod
    def extend(cls, *overlays: type[PackageSet]) -> type[Self]:
        """This set with overlays over it, the last one on top: a class, as if each were a subclass of the one before.

        Args:
            overlays: classes of package sets; ``super()`` in each is what lies below it here.

        Raises:
            InvalidOverlay: they cannot lie in this order.
        """
        names = [each.__name__ for each in (cls, *overlays)]
        own = {"__module__": cls.__module__, "__doc__": cls.__doc__}
        try:
            made: Any = type("+".join(names), (*reversed(overlays), cls), own)
        except TypeError as error:
            raise InvalidOverlay(
                f"no set has {names[0]} at the bottom and then {', '.join(names[1:])}",
                details=(("cause", str(error).replace("\n", " ")),),
                hint="name each overlay once, and none that lies below the set already",
                origin=user_line(),
            ) from error
        extended: type[Self] = made
        return extended

    def __iter__(self) -> Iterator[str]:
        """The names of its public packages, in the order of definition, those of the lowest set first."""
        return iter(package_names(type(self)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self.system}>"


def packages_of(kind: type[PackageSet]) -> Mapping[str, package[Any]]:
    """The packages of a class of sets, by name, as the topmost overlay has them; those of the lowest set first."""
    found: dict[str, package[Any]] = {}
    for base in reversed(kind.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, package):
                found[name] = value
            elif name in found:
                del found[name]
    return found


def package_names(kind: type[PackageSet]) -> list[str]:
    """The names of the public packages of a class of sets."""
    return [name for name in packages_of(kind) if not name.startswith("_")]
