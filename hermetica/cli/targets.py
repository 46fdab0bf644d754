"""From targets to derivations and objects: evaluates modules, looks into the store, suggests what could be meant."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.cli.members import Unmade, checks_in, derivations_in, is_set, names_in, select
from hermetica.cli.modules import blaming, load_file, load_name
from hermetica.cli.sets import FILE, TABLE, find_sets
from hermetica.cli.target import Kind, Target, narrowed, object_in_path, parse
from hermetica.errors import HermeticaError
from hermetica.model import Derivation
from hermetica.spelling import close_names, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

    from hermetica.model import Source
    from hermetica_store import ObjectStore, StorePath


_OF_MODULES: Final = frozenset({Kind.MODULE, Kind.SET})
_CHECK: Final = "@hm.check over a method of a package set makes one; is it reproducible? hermetica check --explain"


class UnknownTarget(HermeticaError):
    """A target that leads nowhere."""

    code = "HM221"


class NotADerivation(HermeticaError):
    """A target that leads to something else than was asked for."""

    code = "HM222"


@attrs.frozen(kw_only=True)
class Selected:
    """A derivation that a target names.

    Attributes:
        name: the target that names it alone, such as ``./pkgs.py:zlib``.
        path: its attribute path, the same however its module was named: ``/home/me/pkgs.py:zlib``.
        derivation: what it is.
        outputs: those wanted, default first.
    """

    name: str
    path: str
    derivation: Derivation
    outputs: tuple[str, ...]


@attrs.define(eq=False)
class Targets:
    """Resolves targets; each module is evaluated once. To be used inside one ``evaluation()``.

    Attributes:
        objects: opens the store, for targets that name what is in it.
    """

    _modules: dict[str, ModuleType] = attrs.field(init=False, factory=dict[str, "ModuleType"])

    def derivations(self, texts: Iterable[str]) -> list[Selected]:
        """The derivations that targets name, each once.

        Raises:
            UnknownTarget: one leads nowhere.
            NotADerivation: one leads to something else.
            ModuleFailed: a module cannot be evaluated.
        """
        found: dict[tuple[object, tuple[str, ...]], Selected] = {}
        for text in texts:
            for selected in self._of(parse(text)):
                found.setdefault((selected.derivation.id, selected.outputs), selected)
        return list(found.values())

    def one(self, text: str) -> Selected:
        """The one derivation that a target names.

        Raises:
            NotADerivation: it names several.
        """
        return sole(text, self.derivations([text]))

    def checks(self, texts: Iterable[str]) -> list[Selected]:
        """The checks of package sets at targets, or below them.

        Raises:
            UnknownTarget: there is none.
        """
        found: dict[str, Selected] = {}
        for target in map(parse, texts):
            known = checks_in(self.module(target)) if target.kind in _OF_MODULES else []
            names = [each for each in (narrowed(target.attribute, name) for name in known) if each is not None]
            if not names:
                raise UnknownTarget(
                    f"{target.text} names no check",
                    hint=did_you_mean(target.attribute, known) or f"{_CHECK} {target.text}",
                )
            found |= {each.name: each for name in names for each in self._of(parse(target.named(name)))}
        return list(found.values())

    def names(self, texts: Iterable[str]) -> list[str]:
        """Every name at the places of targets that could be one itself; packages of sets are not made for it.

        Raises:
            UnknownTarget: there is no such place.
            ModuleFailed: a module cannot be evaluated.
        """
        places = {target.everything: target for target in map(parse, texts) if target.kind in _OF_MODULES}
        return [target.named(name) for target in places.values() for name in names_in(self.module(target))]

    def beside(self, texts: Iterable[str], unmade: Unmade = Unmade.LEAVE) -> list[Selected]:
        """The derivations of the modules that targets are in, in the order of definition; of sets those made by now."""
        places = {target.everything: parse(target.everything) for target in map(parse, texts)}
        return [
            each
            for target in places.values()
            for each in self._named(target, derivations_in(self.module(target), unmade=unmade))
        ]

    def source(self, text: str) -> Source:
        """The source of local files that a target names.

        Raises:
            UnknownTarget: it leads nowhere.
            NotADerivation: it leads to something else, or to a source without local files.
        """
        from hermetica.model import Source  # noqa: PLC0415 -- only here

        target = parse(text)
        if target.kind not in _OF_MODULES or not target.attribute:
            raise NotADerivation(f"{text} names no source", hint="name it as ./FILE.py:NAME, or give a directory")
        found = list(select(self.module(target), target.attribute))
        if not found:
            raise UnknownTarget(f"{target.place} has no {target.attribute!r}")
        name, value = found[0]
        if len(found) > 1 or not isinstance(value, Source) or value.root is None:
            kind = f"{len(found)} values" if len(found) > 1 else f"a {type(value).__name__}"
            raise NotADerivation(
                f"{target.named(name)} is {kind}, not what hm.source(…) gives",
                hint="bind the source to a name of its own" if isinstance(value, Derivation) else None,
            )
        return value

    def _of(self, target: Target) -> list[Selected]:
        if target.kind not in _OF_MODULES:
            raise NotADerivation(
                f"{target.text} names {'an object' if target.kind is Kind.OBJECT else 'a derivation by its id'}, "
                "not a derivation of a module",
                hint="name it as ./FILE.py:NAME; show, log, query and why-depends also take objects and ids",
            )
        module = self.module(target)
        found = blaming(target.text, lambda: self._below(target, module))  # a set makes its packages only now
        return self._named(target, found)

    def _named(self, target: Target, found: Iterable[tuple[str, Derivation]]) -> list[Selected]:
        file = getattr(self.module(target), "__file__", None) or target.place
        return [
            Selected(
                name=target.named(name),
                path=f"{file}:{name}",
                derivation=derivation,
                outputs=_outputs(derivation, target),
            )
            for name, derivation in found
        ]

    def _below(self, target: Target, module: ModuleType) -> list[tuple[str, Derivation]]:
        if not target.attribute:
            everything = list(derivations_in(module))
            if not everything:
                raise UnknownTarget(f"{target.place} has no public derivation", hint=_way_out(module))
            return everything
        reached = list(select(module, target.attribute))
        if not reached:
            known = names_in(module)
            way_out = (
                did_you_mean(target.attribute, known) or f"hermetica ls {quote(target.everything)} lists what it has"
            )
            raise UnknownTarget(f"{target.place} has no {target.attribute!r}", hint=way_out)
        found = [each for name, value in reached for each in derivations_in(value, name)]
        if not found:
            name, value = reached[0]
            hint = f"call it: a target is a value, such as zlib = {name}()" if callable(value) else None
            if is_set(value):
                hint = f"a target is a set, not its class: pkgs = {name}()"
            kind = "class" if isinstance(value, type) else type(value).__name__
            raise NotADerivation(f"{target.named(name)} is a {kind}, not a derivation", hint=hint)
        return found

    def module(self, target: Target) -> ModuleType:
        """The module of a target, evaluated."""
        key = target.named("")
        if key not in self._modules:
            is_set = target.kind is Kind.SET
            self._modules[key] = _load_set(target.place) if is_set else _load(target.place)
        return self._modules[key]


def sole(text: str, found: Sequence[Selected]) -> Selected:
    """The one of what a target names.

    Raises:
        NotADerivation: there are several.
    """
    if len(found) > 1:
        names = ", ".join(each.name for each in found[:5]) + (" …" if len(found) > 5 else "")
        raise NotADerivation(f"{text} names {len(found)} derivations, one is wanted", details=(("names", names),))
    return found[0]


def anchored(text: str, directory: str) -> str:
    """A target with the place of its file made absolute, as seen from a directory; another one as it is."""
    target = parse(text)
    place = os.path.join(directory, target.place)  # noqa: PTH118 -- compared with what the user wrote
    if target.kind is not Kind.MODULE or not os.path.lexists(place):
        return text
    return text.replace(target.place, os.path.abspath(place), 1)  # noqa: PTH100 -- links stay


def _way_out(module: ModuleType) -> str:
    classes = [name for name, value in vars(module).items() if is_set(value) and value.__module__ == module.__name__]
    if classes:
        return f"a target is a set, not its class: pkgs = {classes[-1]}()"
    return "names that it imports are public where its __all__ has them"


def _load_set(name: str) -> ModuleType:
    sets = find_sets(Path.cwd())
    module = sets.modules.get(name)
    if module is None:
        hint = did_you_mean(name, list(sets.modules)) or f'[{TABLE}] of {FILE} names sets: {name} = "package.module"'
        where = f"{sets.file} has" if sets.file is not None else f"there is no {FILE} here or above, and so"
        raise UnknownTarget(f"{where} no set {name!r}", hint=hint)
    file = sets.root / module
    if module.endswith(".py") or "/" in module:
        if not file.is_file():
            raise UnknownTarget(f"the set {name} of {sets.file} is in no file: {module}", hint=_near_file(file))
        return load_file(file)
    try:
        return load_name(module, sets.root)
    except ModuleNotFoundError as error:
        raise UnknownTarget(f"the set {name} of {sets.file} is in no module: {module}") from error


def _load(place: str) -> ModuleType:
    file = Path(place)
    for candidate in (file, Path(f"{place}.py")):  # what is looked at below
        try:
            candidate.lstat()
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) not in {errno.ENOENT, errno.ENOTDIR}:
                raise UnknownTarget(f"{place} cannot be looked at", details=(("cause", str(error)),)) from error
    if file.is_dir() and (file / "__init__.py").exists():
        file = file / "__init__.py"
    if file.is_file():
        return load_file(file)
    if file.is_dir():
        raise UnknownTarget(f"{place} is a directory", hint=_near_file(file / "pkgs.py") or "name a file in it")
    if place.endswith(".py") or "/" in place or not place:
        raise UnknownTarget(f"no file {place or '(empty)'}", hint=_near_file(file))
    try:
        return load_name(place)
    except ModuleNotFoundError as error:
        beside = Path(f"{place}.py")
        hint = f"did you mean ./{beside}?" if beside.is_file() else _near_file(beside) or _in_usual_file(place)
        raise UnknownTarget(f"no module {place!r}", hint=hint) from error


def _in_usual_file(name: str) -> str | None:
    return f"a name in pkgs.py is written ./pkgs.py:{name}" if Path("pkgs.py").is_file() else None


def _near_file(file: Path) -> str | None:
    directory = file.parent
    if not directory.is_dir():
        return None
    close = close_names(file.name, sorted(each.name for each in directory.glob("*.py")))
    return f"did you mean {' or '.join(f'./{directory / name}' for name in close)}?" if close else None


def _outputs(derivation: Derivation, target: Target) -> tuple[str, ...]:
    if not target.outputs or target.outputs == ("*",):
        return derivation.outputs
    for output in target.outputs:
        if output not in derivation.outputs:
            raise UnknownTarget(
                f"{derivation.name} has no output {output!r}",
                details=(("outputs", ", ".join(derivation.outputs)),),
                hint=did_you_mean(output, list(derivation.outputs)),
            )
    return target.outputs


def find_object(text: str, objects: ObjectStore) -> StorePath | None:
    """The registered object that a digest prefix, a store path or a path into the store names.

    Returns:
        None where the text names something else.

    Raises:
        UnknownTarget: it has the form of an object's name, and there is none, or several.
    """
    target = parse(text)
    place = target.place
    if target.kind is not Kind.OBJECT:
        if target.kind is Kind.DERIVATION or not os.path.lexists(text):
            return None
        place = object_in_path(os.path.realpath(text)) or ""
        if not place:
            return None
    digest, _, name = place.partition("-")
    found = [path for path in objects.find(digest) if not name or path.name == name]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UnknownTarget(f"no object {place} in the store {objects.root}", hint="hermetica store ls lists them")
    raise UnknownTarget(
        f"{place} is the beginning of {len(found)} objects",
        details=tuple(("object", str(path)) for path in found[:5]),
        hint="write more of it",
    )


def find_record(text: str, objects: ObjectStore) -> dict[str, Any] | None:
    """The kept derivation whose id begins with ``text``, as its record; None where the text is no id.

    Raises:
        UnknownTarget: no derivation, or several, have such an id.
    """
    from hermetica_store import Table  # noqa: PLC0415 -- only for ids

    target = parse(text)
    if target.kind is not Kind.DERIVATION:
        return None
    whole = bytes.fromhex(text[: len(text) // 2 * 2])
    rows = [value for key, value in objects.items(Table.DERIVATIONS, whole) if key.hex().startswith(text)]
    if len(rows) != 1:
        count = "no derivation" if not rows else f"{len(rows)} derivations"
        raise UnknownTarget(f"{count} with an id that begins with {text}")
    record: dict[str, Any] = json.loads(rows[0])
    return record
