"""What a builder takes along: its own text, that of the definitions it uses, imports, and constants of plain data.

Found by name in its module, from one definition to the next. Whatever else it would need is refused, with the line
that needs it: the sandbox has none of it, and no id could cover it.
"""

from __future__ import annotations

import builtins
import inspect
import sys
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.functions.errors import CapturedState, ForeignModule, UndefinedName
from hermetica.functions.names import Definition, uses_of, without_defaults
from hermetica.functions.texts import Import, starts_at
from hermetica.functions.values import NoPlainData, encode

if TYPE_CHECKING:
    import ast
    from collections.abc import Collection, Mapping
    from types import FunctionType

    from hermetica.functions.names import Use
    from hermetica.functions.texts import ModuleText
    from hermetica.model.canonical import Json

_BUILTINS: Final = frozenset(dir(builtins))
_MISSING: Final = object()


@attrs.frozen(kw_only=True)
class Text:
    """One definition that runs inside.

    Attributes:
        name: what it defines.
        text: dedented.
        line: of its file, on which it begins.
    """

    name: str
    text: str
    line: int


@attrs.frozen(kw_only=True)
class Constant:
    """A name that some definition reads, and that no definition or import binds.

    Attributes:
        name: of the module.
        user: the definition that reads it.
        line: where it does.
    """

    name: str
    user: str
    line: int


@attrs.frozen(kw_only=True)
class Program:
    """What runs inside, but for its arguments.

    Attributes:
        texts: in the order of the module.
        imports: statements, ascending.
        constants: ascending by name.
    """

    texts: tuple[Text, ...]
    imports: tuple[str, ...]
    constants: tuple[Constant, ...]


@attrs.define(eq=False)
class _Search:
    """Goes from definition to definition."""

    namespace: Mapping[str, Any]
    main: ast.FunctionDef
    module: ModuleText
    packages: Collection[str]
    found: dict[int, Text] = attrs.field(factory=dict[int, Text])  # by line
    imports: set[str] = attrs.field(factory=set[str])
    constants: dict[str, Constant] = attrs.field(factory=dict[str, "Constant"])

    def take(self, definition: Definition) -> None:
        """Takes a definition, and what it uses."""
        is_main = definition is self.main
        text, line = self.module.text_of(definition, decorated=not is_main)
        if line in self.found:
            return
        self.found[line] = Text(name=definition.name, text=text, line=line)
        uses = uses_of(without_defaults(self.main) if is_main else definition)
        for use in uses.modules:
            self._check_module(use.name, use.line, definition.name)
        if uses.written:
            use = uses.written[0]
            raise _captured(self.module, use, definition.name, "it assigns to it", "return the value instead")
        for use in uses.names:
            self._take_name(use, definition.name)

    def _take_name(self, use: Use, user: str) -> None:
        bindings = self.module.bindings.get(use.name, ())
        value = self.namespace.get(use.name, _MISSING)
        if use.name == self.main.name and (self.main in bindings or value is _MISSING):
            return  # it calls itself
        if use.name.startswith("__") and use.name.endswith("__") and use.name not in {"__debug__", "__import__"}:
            raise _captured(
                self.module, use, user, "it differs from place to place", "pass what you need as an argument"
            )
        if value is _MISSING:
            if use.name not in _BUILTINS:
                raise UndefinedName(
                    f"{user}() uses {use.name}, which nothing defines",
                    hint=f"define {use.name} in {self.module.file}, or pass it as an argument",
                    origin=self._at(use.line),
                )
            return
        imports = [each for each in bindings if isinstance(each, Import)]
        definitions = [each for each in bindings if each is not None and not isinstance(each, Import)]
        if imports and not definitions:
            self._take_imports(imports, use, user)
        elif definitions and len(definitions) == len(bindings):
            self._take_definition(definitions, value, use, user)
        else:
            self.constants.setdefault(use.name, Constant(name=use.name, user=user, line=use.line))

    def _take_imports(self, imports: list[Import], use: Use, user: str) -> None:
        available = [each for each in imports if self._is_available(each.module)]
        if not available:
            self._check_module(imports[0].module, use.line, user)
        self.imports.update(each.statement for each in available)

    def _take_definition(self, definitions: list[Definition], value: Any, use: Use, user: str) -> None:
        if isinstance(value, IsBuilder):
            raise _captured(self.module, use, user, "it is a builder itself", "give it the derivation as an argument")
        if len(definitions) > 1:
            line = getattr(getattr(inspect.unwrap(value), "__code__", None), "co_firstlineno", 0)
            definitions = [each for each in definitions if starts_at(each, line)]
        if not definitions:
            raise _captured(self.module, use, user, "it is defined more than once", "give each a name of its own")
        if definitions[0].name == self.main.name:
            raise _captured(self.module, use, user, "it has the name of the builder", "call one of them otherwise")
        self.take(definitions[0])

    def _at(self, line: int) -> str:
        return f"{self.module.file}:{line}"

    def _is_available(self, module: str) -> bool:
        top = module.partition(".")[0]
        return top in sys.stdlib_module_names or top in self.packages

    def _check_module(self, module: str, line: int, user: str) -> None:
        if self._is_available(module):
            return
        top = module.lstrip(".").partition(".")[0]
        loaded = sys.modules.get(top)
        theirs = getattr(loaded, "__file__", None) or ""
        if top in {"hermetica", "hermetica_derivations", "hermetica_store"}:
            cause, way = "derivations are made outside, before it runs", "pass what you need as an argument"
        elif module.startswith(".") or (theirs and "site-packages" not in theirs and "dist-packages" not in theirs):
            cause = "a module of your own is not there; text is taken from this file alone"
            way = f'move what you need into this file, or packages={{"{top or "NAME"}": hm.source("…")}}'
        else:
            cause = "its interpreter has the standard library and nothing else"
            way = f'@hm.builder(…, packages={{"{top}": …}}) with a derivation that has it, or do without'
        raise ForeignModule(
            f"{user}() imports {module}, which the sandbox does not have",
            cause=cause,
            hint=way,
            origin=self._at(line),
        )


class IsBuilder:
    """The base of builders, by which one that another captures is known."""

    __slots__ = ()


def _captured(module: ModuleText, use: Use | Constant, user: str, cause: str, way: str) -> CapturedState:
    return CapturedState(
        f"{user}() captures {use.name} of its module",
        details=(("cause", cause),),
        hint=way,
        origin=f"{module.file}:{use.line}",
    )


def program_of(function: FunctionType, main: ast.FunctionDef, module: ModuleText, packages: Collection[str]) -> Program:
    """What ``function`` takes along.

    Args:
        function: the builder.
        main: its definition.
        module: where that is.
        packages: modules that the sandbox has beside the standard library.

    Raises:
        CapturedState: it uses state.
        ForeignModule: it imports what is not there.
        UndefinedName: it uses what nobody defines.
    """
    search = _Search(namespace=function.__globals__, main=main, module=module, packages=packages)
    search.take(main)
    return Program(
        texts=tuple(text for _, text in sorted(search.found.items())),
        imports=tuple(sorted(search.imports)),
        constants=tuple(use for _, use in sorted(search.constants.items())),
    )


def value_of(constant: Constant, function: FunctionType, module: ModuleText) -> Json:
    """What a constant is now, as JSON.

    Raises:
        CapturedState: it is no plain data, or can change.
    """
    value = function.__globals__[constant.name]
    try:
        return encode(value, constant.name, changeable=False)
    except NoPlainData as error:
        if getattr(value, "__name__", "") == "<lambda>":
            cause, way = "it is a lambda, which has no text of its own", "write a def"
        else:
            cause, way = f"{error.where} is {error.what}", error.way
            if not module.bindings.get(constant.name) and "*" in module.bindings:
                way = f"import {constant.name} by name, not with a star"
        raise _captured(module, constant, constant.user, cause, way) from None
