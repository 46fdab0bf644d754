"""``@hm.builder``: a function of the user's module as a builder.

Calling it runs nothing. It gives a derivation that holds the text of the function and of all that it uses, and the
arguments; its builder is the pinned interpreter. Source: docs/python-builders.md; docs/adr/0016.
"""

from __future__ import annotations

import ast
import functools
import inspect
from importlib import resources
from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, ParamSpec, Protocol, cast, overload

import attrs

from hermetica.functions.capture import IsBuilder, Program, program_of, value_of
from hermetica.functions.errors import ArgumentRefused, InvalidBuilder
from hermetica.functions.texts import definition_of, module_of
from hermetica.functions.values import NoPlainData, encode
from hermetica.model import Derivation, Meta, Source, derivation, text
from hermetica.model.origin import Origin, user_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hermetica.functions.texts import ModuleText
    from hermetica.model import OutputChecks

_P = ParamSpec("_P")
_FLAGS: Final = ("-B", "-s", "-S", "-u", "-X", "utf8")
_PATH_OF_ROOTFS: Final = ("/usr/bin", "/bin")
_VARIABLES: Final = {"PYTHONHASHSEED": "0"}  # -I would ignore it, and nothing else can be in the environment


@attrs.frozen
class Out:
    """A parameter of a builder: an output, which the function makes.

    Attributes:
        path: where.
    """

    path: Path


class HasRootfs(Protocol):
    """An environment whose tree has an interpreter at ``/usr/bin/python3``."""

    @property
    def rootfs(self) -> Derivation:
        """The tree that appears at ``/``."""
        ...


@attrs.frozen(kw_only=True)
class Settings:
    """What ``builder`` is given: see there.

    They are kept as they are: placeholders belong to the evaluation in which the builder is called.
    """

    python: Derivation | Source | HasRootfs | str
    name: str | None
    packages: Mapping[str, Derivation | Source | str]
    tools: tuple[Derivation | Source | str, ...]
    rootfs: Derivation | str | None
    env: Mapping[str, str]
    checks: Mapping[str, OutputChecks] | OutputChecks | None
    meta: Meta

    @property
    def interpreter(self) -> str:
        """The path of the interpreter."""
        if isinstance(self.python, str):
            return self.python
        return f"{self.python}/bin/python3" if isinstance(self.python, Derivation | Source) else "/usr/bin/python3"

    @property
    def tree(self) -> Derivation | str | None:
        """What appears at ``/``."""
        return self.rootfs if isinstance(self.python, Derivation | Source | str) else self.python.rootfs

    @property
    def variables(self) -> dict[str, str]:
        """The environment of the builds."""
        path = [*(f"{tool}/bin" for tool in self.tools), *(() if self.tree is None else _PATH_OF_ROOTFS)]
        return {**_VARIABLES, **({"PATH": ":".join(path)} if path else {}), **self.env}


class Builder(IsBuilder, Generic[_P]):
    """A function that runs inside the sandbox; calling it gives a derivation.

    Attributes:
        function: what was decorated.
        outputs: the names of its outputs, default first.
    """

    def __init__(self, function: Callable[..., None], settings: Settings) -> None:
        self.function = function
        self._settings = settings
        self._code = _checked(function)
        self._module = module_of(self._code)
        self._main = definition_of(self._code, self._module)
        self.outputs = _outputs(self._main, self._module)
        self._signature = inspect.signature(function)
        functools.update_wrapper(self, function)
        parameters = [*self._signature.parameters.values()][len(self.outputs) :]
        self.__signature__ = self._signature.replace(parameters=parameters, return_annotation=Derivation)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Derivation:
        """The derivation that runs the function with these arguments.

        Raises:
            TypeError: the function does not take them.
            ArgumentRefused: one cannot travel.
            CapturedState: the function uses state of its module.
            ForeignModule: it imports what the sandbox does not have.
        """
        settings, program = self._settings, self._program
        return derivation(
            name=settings.name or self._main.name.strip("_").replace("_", "-"),
            builder=settings.interpreter,
            args=(*_FLAGS, str(_runner())),
            env=settings.variables,
            outputs=self.outputs,
            rootfs=settings.tree,
            checks=settings.checks,
            structured={"function": {**self._form(program), **self._arguments(args, kwargs)}},
            meta=settings.meta,
            places={each.name: Origin(self._module.file, each.line) for each in program.texts},
        )

    def __repr__(self) -> str:
        return f"<Builder {self._main.name}>"

    @functools.cached_property
    def _program(self) -> Program:
        """Looked for at the first call, as what it uses may be defined below it."""
        return program_of(self._code, self._main, self._module, self._settings.packages)

    def _form(self, program: Program) -> dict[str, Any]:
        return {
            "constants": {each.name: value_of(each, self._code, self._module) for each in program.constants},
            "imports": "".join(f"{each}\n" for each in program.imports),
            "name": self._main.name,
            "outputs": self.outputs,
            "packages": list(dict.fromkeys(map(str, self._settings.packages.values()))),
            "texts": [[each.name, each.text] for each in program.texts],
        }

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        try:
            bound = self._signature.bind(*self.outputs, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self._main.name}(): {error}") from None
        bound.apply_defaults()
        names = list(self._signature.parameters)
        try:
            positional = [
                encode(value, names[index] if index < len(names) else f"argument {index}")
                for index, value in enumerate(bound.args)
            ]
            named = {"dict": [[name, encode(value, name)] for name, value in bound.kwargs.items()]}
        except NoPlainData as error:
            raise ArgumentRefused(
                f"{self._main.name}(): {error.where} is {error.what}, which cannot travel into the sandbox",
                hint=error.way,
                origin=user_line(),
            ) from None
        return {"positional": positional[len(self.outputs) :], "named": named}


@functools.cache
def _runner() -> Derivation:
    """The program that runs functions inside; a value, whatever evaluation asks for it."""
    return text("run-builder.py", (resources.files("hermetica.functions") / "inside.py").read_text(encoding="utf-8"))


def _refused(function: FunctionType, why: str, way: str) -> InvalidBuilder:
    code = function.__code__
    return InvalidBuilder(
        f"{function.__name__} {why}, and cannot be a builder",
        hint=way,
        origin=f"{code.co_filename}:{code.co_firstlineno}",
    )


def _checked(function: object) -> FunctionType:
    """``function``, if it is of the kind that can run inside."""
    if not isinstance(function, FunctionType) or hasattr(function, "__wrapped__"):
        raise InvalidBuilder(
            f"{function!r} is no plain function, and cannot be a builder",
            hint="put @hm.builder directly above a def",
            origin=user_line(),
        )
    if function.__name__ == "<lambda>":
        raise _refused(function, "is a lambda, which has no text of its own", "write a def")
    if (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    ):
        raise _refused(function, "does nothing when it is called", "write a plain def")
    if function.__code__.co_freevars:
        names = ", ".join(function.__code__.co_freevars)
        raise _refused(function, f"is a closure over {names}", "pass what it needs as an argument")
    scope = function.__qualname__.rpartition(".")[0]
    if scope and not scope.endswith("<locals>"):
        raise _refused(function, "is a method", "define it outside of the class")
    return function


def _outputs(main: ast.FunctionDef, module: ModuleText) -> tuple[str, ...]:
    """The names of the first parameter and of those after it that are annotated as outputs."""
    parameters = [*main.args.posonlyargs, *main.args.args]
    if not parameters:
        raise InvalidBuilder(
            f"{main.name}() has no output",
            hint=f"def {main.name}(out: hm.Out, …): its first parameter is the output that it makes",
            origin=f"{module.file}:{main.lineno}",
        )
    names = [parameters[0].arg]
    for parameter in parameters[1:]:
        if parameter.annotation is None or ast.unparse(parameter.annotation).strip("'").rpartition(".")[2] != "Out":
            break
        names.append(parameter.arg)
    return tuple(names)


class Decorator(Protocol):
    """Makes a function a builder: its first parameters are outputs, the others are those of the builder."""

    @overload
    def __call__(self, function: Callable[Concatenate[Out, Out, Out, _P], None], /) -> Builder[_P]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Out, Out, _P], None], /) -> Builder[_P]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Out, _P], None], /) -> Builder[_P]: ...


def _check_interpreter(python: object, rootfs: object) -> None:
    if isinstance(python, Derivation | Source | str):
        return
    if not isinstance(getattr(python, "rootfs", None), Derivation) or rootfs is not None:
        raise InvalidBuilder(
            f"python={python!r} does not say which interpreter",
            hint="give a derivation with bin/python3, an environment with a rootfs of its own, or a path and rootfs=",
            origin=user_line(),
        )


def builder(
    *,
    python: Derivation | Source | HasRootfs | str,
    name: str | None = None,
    packages: Mapping[str, Derivation | Source | str] | None = None,
    tools: Sequence[Derivation | Source | str] = (),
    rootfs: Derivation | str | None = None,
    env: Mapping[str, str] | None = None,
    checks: Mapping[str, OutputChecks] | OutputChecks | None = None,
    meta: Meta | None = None,
) -> Decorator:
    """Makes a function of this module a builder: calling it gives a derivation, and its code runs inside the sandbox.

    Args:
        python: the interpreter: a derivation with ``bin/python3``, an environment whose ``rootfs`` has one, or a path.
        name: of the derivations; that of the function where none is given.
        packages: modules that it may import beside the standard library, each with a tree that has it.
        tools: packages whose ``bin`` directories make its PATH.
        rootfs: a tree at ``/``, for tools.
        env: further variables.
        checks: of its outputs.
        meta: what people want to know of what it makes.

    Raises:
        InvalidBuilder: the function is of a kind that cannot run there.
        SourceUnavailable: its text cannot be read.
    """
    _check_interpreter(python, rootfs)
    settings = Settings(
        python=python,
        name=name,
        packages=dict(sorted((packages or {}).items())),
        tools=tuple(tools),
        rootfs=rootfs,
        env=dict(env or {}),
        checks=checks,
        meta=meta or Meta(),
    )

    def decorate(function: Callable[..., None]) -> Builder[Any]:
        return Builder(function, settings)

    return cast("Decorator", decorate)
