"""``@hm.package``: a method of a package set whose parameters are packages of the set, and whose result is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar, cast, overload

import attrs

from hermetica.model.derivation import Derivation
from hermetica.model.origin import user_line
from hermetica.model.override import UnknownArgument
from hermetica.packages.arguments import parameters_of
from hermetica.packages.errors import MissingArgument, SetIsFrozen
from hermetica.packages.evaluating import evaluate
from hermetica.packages.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Never

    from hermetica.packages.sets import PackageSet

_NONE: Final = frozenset[str]()
R_co = TypeVar("R_co", covariant=True)


class package(Generic[R_co]):  # noqa: N801 -- it is written as a decorator
    """A package of a set: ``@hm.package`` over a method.

    The parameters of the function are looked up by name in the final set, when the package is asked for first; what has
    a default is taken from the set where that has it. The type knows the result alone, so that an overlay may ask for
    other packages than what it replaces.

    Attributes:
        function: what makes it.
        parameters: what the function asks for.
        name: as the set has it.
        owner: the class that has it.
        is_check: whether its success is all that counts.
    """

    is_check = False

    def __init__(self, function: Callable[..., R_co]) -> None:
        self.function: Callable[..., R_co] = function.function if isinstance(function, package) else function
        self.parameters = parameters_of(self.function)
        self.name = self.function.__name__
        self.owner = ""
        self.__doc__ = self.function.__doc__

    def __set_name__(self, owner: type[object], name: str) -> None:
        if not self.owner:  # a second name in the class is an alias
            self.name, self.owner = name, owner.__name__

    @overload
    def __get__(self, packages: None, kind: type[object]) -> Self: ...
    @overload
    def __get__(self, packages: PackageSet, kind: type[object] | None = None) -> R_co: ...
    def __get__(self, packages: PackageSet | None, kind: type[object] | None = None) -> Self | R_co:
        """What its function makes in a set, made once; of a class of sets the package itself."""
        if packages is None:
            return self
        scope = packages.__scope__
        if self in scope.results:
            found: R_co = scope.results[self]
            return found
        if scope.attribute and scope.attribute != self.name:  # with other arguments is one package, not the set
            return self.__get__(scope.whole, kind)
        made: R_co = scope.results.setdefault(self, self.make(packages))  # another thread may have been faster
        return made

    def __set__(self, packages: PackageSet, value: Never) -> Never:
        """A set never changes.

        Raises:
            SetIsFrozen: always.
        """
        raise SetIsFrozen(
            f"{self.name} of {packages!r} cannot be replaced, for other packages may have been made with it",
            hint=f"write an overlay: a subclass of {type(packages).__name__} with a {self.name} of its own",
            origin=user_line(),
        )

    def __call__(self, packages: PackageSet, /, **arguments: object) -> R_co:
        """What its function makes in a set with these arguments; the set does not have to have it made before.

        Raises:
            UnknownArgument: the function takes no such argument.
        """
        scope = packages.__scope__
        if scope.attribute != self.name:
            return self.again(scope.whole, arguments, frozenset(arguments))
        wanted = (scope.wanted - scope.taken) | arguments.keys()
        return self.again(scope.whole, {**scope.given, **arguments}, wanted)

    def again(self, whole: PackageSet, given: Mapping[str, object], wanted: frozenset[str]) -> R_co:
        """What it is in ``whole`` with the arguments ``given``, of which its functions must take those ``wanted``."""
        view = object.__new__(type(whole))
        vars(view).update(vars(whole))
        vars(view)["__scope__"] = Scope(whole=whole, attribute=self.name, given=given, wanted=wanted)
        return self.make(view)

    def make(self, packages: PackageSet) -> R_co:
        """Calls its function in a set, or a view of one."""
        scope = packages.__scope__
        if not scope.attribute:
            made = evaluate((self, id(packages)), self, self._called, packages)
            wanted = left = _NONE
        else:
            wanted = scope.wanted - scope.taken
            arguments = tuple((name, id(value)) for name, value in scope.given.items())
            made = evaluate((self, id(scope.whole), arguments), self, self._called, packages)
            left = scope.wanted - scope.taken
        if not left and not isinstance(made, Derivation):
            return made
        return cast("R_co", self._with_recipe(made, scope, wanted, left))

    def _called(self, packages: PackageSet) -> R_co:
        names = self.parameters.names
        if not names:
            return self.function(packages)
        scope = packages.__scope__
        whole, given = scope.whole, scope.given
        kind, own = type(whole), vars(whole)
        arguments: dict[str, Any] = {}
        for name in names:
            if name in given:
                arguments[name] = given[name]
                scope.taken.add(name)
            elif name in own or hasattr(kind, name):
                arguments[name] = getattr(whole, name)
            elif name not in self.parameters.optional:
                raise self._missing(name, whole)
        return self.function(packages, **arguments)

    def _with_recipe(self, made: object, scope: Scope, wanted: frozenset[str], left: frozenset[str]) -> Derivation:
        if left:  # nobody took them, so they are for the package that this one is another name of
            if not isinstance(made, Derivation) or not made.is_overridable:
                raise self._unknown(min(left), scope.whole)
            scope.taken.update(left)
            made = made.override(**{name: scope.given[name] for name in left})
        return cast("Derivation", made).made_by(_Call(self.again, scope.whole, scope.given, wanted))

    def _missing(self, name: str, whole: PackageSet) -> MissingArgument:
        from difflib import get_close_matches  # noqa: PLC0415 -- only after a typo

        close = get_close_matches(name, list(whole), 3)
        code = self.function.__code__
        return MissingArgument(
            f"{self} asks for {name}, which {whole!r} does not have",
            hint=f"did you mean {' or '.join(close)}?" if close else "give it a default, or write the package",
            origin=f"{code.co_filename}:{code.co_firstlineno}",
        )

    def _unknown(self, name: str, whole: PackageSet) -> UnknownArgument:
        chain = [vars(kind).get(self.name) for kind in type(whole).__mro__]
        known = list(
            dict.fromkeys(each for link in chain if isinstance(link, package) for each in link.parameters.names)
        )
        return UnknownArgument(self.name, name, known=known, origin=user_line())

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner else self.name

    def __repr__(self) -> str:
        return f"<package {self}>"


class check(package[R_co]):  # noqa: N801 -- it is written as a decorator
    """A check of a set: ``@hm.check`` over a method that makes a derivation whose success is the result."""

    is_check = True


@attrs.frozen(eq=False)
class _Call:
    """How a package function was called, to be called again with other arguments."""

    function: Callable[[PackageSet, Mapping[str, object], frozenset[str]], Any]
    whole: PackageSet
    given: Mapping[str, object]
    wanted: frozenset[str]

    def again(self, arguments: Mapping[str, object]) -> Derivation:
        """Calls it; what is given anew comes before what was given."""
        given = {**self.given, **arguments}
        made: Derivation = self.function(self.whole, given, self.wanted | arguments.keys())
        return made
