"""What installed distributions offer to hermetica under the names of its entry point groups; loaded when it is used.

The metadata is read by hand: ``importlib.metadata`` gives the same and costs more than most commands take. Nothing is
imported before it is loaded. Source: the entry points specification of PyPA.
"""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "COMMANDS",
    "FETCHERS",
    "GROUPS",
    "REPORTERS",
    "SUBSTITUTERS",
    "EntryPoint",
    "PluginBroken",
    "PluginClash",
    "PluginFailed",
    "UnknownPlugin",
    "find",
    "installed",
]

FETCHERS: Final = "hermetica.fetchers"
SUBSTITUTERS: Final = "hermetica.substituters"
REPORTERS: Final = "hermetica.reporters"
COMMANDS: Final = "hermetica.commands"
GROUPS: Final = {FETCHERS: "fetcher", SUBSTITUTERS: "substituter", REPORTERS: "reporter", COMMANDS: "command"}
"""Group -> what one of it is called."""
_METADATA: Final = (".dist-info", ".egg-info")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@attrs.frozen(kw_only=True)
class EntryPoint:
    """Something that a distribution offers.

    Attributes:
        group: one of ``GROUPS``.
        name: by which users ask for it.
        value: ``module:attribute``, where it is.
        distribution: who offers it.
        version: of the distribution; empty where its metadata names none.
    """

    group: str
    name: str
    value: str
    distribution: str
    version: str

    @property
    def owner(self) -> str:
        """The distribution with its version."""
        return f"{self.distribution} {self.version}".rstrip()

    def __str__(self) -> str:
        return f"the {GROUPS[self.group]} {self.name} of {self.owner}"

    def load(self) -> object:
        """What it leads to.

        Raises:
            PluginBroken: it leads nowhere, or its module cannot be imported.
        """
        module, _, attribute = self.value.partition(":")
        try:
            found: object = import_module(module.strip())
            for part in attribute.partition("[")[0].strip().split(".") if attribute else ():
                found = getattr(found, part)
        except (Exception, SystemExit) as error:
            raise PluginBroken(self, cause=said(error), at=place_of(error)) from error
        return found

    def load_callable(self, what: str) -> object:
        """What it leads to, which is to be called.

        Args:
            what: the call that is made, for the error.

        Raises:
            PluginBroken: it leads nowhere, or to what cannot be called.
        """
        found = self.load()
        if not callable(found):
            raise PluginBroken(self, cause=f"{self.value} is {type(found).__name__}, which cannot be called", what=what)
        return found


class PluginBroken(HermeticaError):
    """A plug-in that is installed and cannot be used: it does not load, or is not what its group asks for."""

    code = "HM700"

    def __init__(self, plugin: EntryPoint, *, cause: str, at: str = "", what: str = "") -> None:
        super().__init__(
            f"{plugin} cannot be used",
            details=(
                ("cause", cause),
                *((("at", at),) if at else ()),
                *((("expected", what),) if what else ()),
                ("declared", f"{plugin.name} = {plugin.value}, in [{plugin.group}]"),
            ),
            hint=f"update {plugin.distribution}, or uninstall it",
        )
        self.plugin = plugin


class PluginClash(HermeticaError):
    """Several distributions offer a plug-in of one name, so none of them is meant."""

    code = "HM701"

    def __init__(self, found: Sequence[EntryPoint]) -> None:
        kind = GROUPS[found[0].group]
        super().__init__(
            f"{len(found)} distributions offer a {kind} {found[0].name}",
            details=tuple(("offered by", f"{each.owner} ({each.value})") for each in found),
            hint="uninstall all but one of them",
        )


class UnknownPlugin(HermeticaError):
    """A plug-in is asked for that no installed distribution offers."""

    code = "HM702"

    def __init__(self, group: str, name: str, *, origin: str | None = None, about: str = "") -> None:
        kind = GROUPS[group]
        names = sorted({each.name for each in installed(group)})
        super().__init__(
            f"{about}there is no {kind} {name!r}",
            details=((f"{kind}s", ", ".join(names) or "none is installed"),),
            hint=f"install the distribution that offers it, in the environment of {sys.executable}",
            origin=origin,
        )


class PluginFailed(HermeticaError):
    """A plug-in raised what it should have handled, or gave what it may not."""

    code = "HM703"

    def __init__(self, plugin: EntryPoint, error: BaseException | str) -> None:
        failure = (("raised", said(error)), ("at", place_of(error))) if isinstance(error, BaseException) else ()
        details = failure or (("it", str(error)),)
        super().__init__(
            f"{plugin} failed",
            details=(*((label, text) for label, text in details if text), *getattr(error, "details", ())),
            hint=f"tell the makers of {plugin.distribution}; hermetica did what it had to",
        )
        self.plugin = plugin


def said(error: BaseException) -> str:
    """An exception in one line: its class and what it says."""
    text = error.message if isinstance(error, HermeticaError) else str(error)
    return f"{type(error).__name__}: {text}".removesuffix(": ")


def place_of(error: BaseException) -> str:
    """``file:line`` of where it was raised; empty where that is in no file, or in Python's import system."""
    trace, where = error.__traceback__, ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith("<") and not file.endswith(("/importlib/__init__.py", "/hermetica/entry_points.py")):
            where = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where


def find(group: str, name: str) -> EntryPoint | None:
    """The plug-in of a name; None where there is none.

    Raises:
        PluginClash: several distributions offer one.
    """
    found = [each for each in installed(group) if each.name == name]
    if len(found) > 1:
        raise PluginClash(found)
    return found[0] if found else None


def require(group: str, name: str, *, origin: str | None = None, about: str = "") -> EntryPoint:
    """The plug-in of a name.

    Args:
        group: its group.
        name: its name.
        origin: the user's line that asks for it.
        about: what the error's message begins with.

    Raises:
        UnknownPlugin: no distribution offers it.
        PluginClash: several do.
    """
    found = find(group, name)
    if found is None:
        raise UnknownPlugin(group, name, origin=origin, about=about)
    return found


def installed(group: str | None = None, path: Sequence[str] | None = None) -> tuple[EntryPoint, ...]:
    """The plug-ins of a group, or of all groups, ascending by group, name and distribution.

    Of two distributions with one name the first on the path counts, as everywhere in Python.

    Args:
        group: which; None for all.
        path: directories to look in; ``sys.path`` where none are given.
    """
    seen: set[str] = set()
    found: list[EntryPoint] = []
    for place in dict.fromkeys(sys.path if path is None else path):
        for project, version, text in _distributions(place or os.curdir):
            key = re.sub(r"[-_.]+", "-", project).lower()
            if key not in seen:
                seen.add(key)
                found += _parsed(text, project.replace("_", "-"), version)
    chosen = (each for each in found if group is None or each.group == group)
    return tuple(sorted(chosen, key=lambda each: (each.group, each.name, each.distribution)))


def _distributions(place: str) -> Iterator[tuple[str, str, str]]:
    """(project, version, text of its entry points) of each distribution whose metadata is in ``place``."""
    try:
        names = sorted(os.listdir(place))  # noqa: PTH208 -- names alone, and many of them
    except NotADirectoryError:
        yield from _in_archive(place)
        return
    except OSError:
        return
    for name in names:
        if name.endswith(_METADATA):
            project, _, version = name.rpartition(".")[0].partition("-")
            yield project, version, _text(f"{place}/{name}/entry_points.txt")


def _in_archive(place: str) -> Iterator[tuple[str, str, str]]:
    from importlib.metadata import distributions  # noqa: PLC0415 -- slow, and hardly anybody imports from archives

    for each in distributions(path=[place]):
        yield each.name, each.version, each.read_text("entry_points.txt") or ""


def _text(file: str) -> str:
    try:
        with open(file, encoding="utf-8") as opened:  # noqa: PTH123 -- one of many, and a Path costs more than the file
            return opened.read()
    except (OSError, UnicodeDecodeError):
        return ""


def _parsed(text: str, distribution: str, version: str) -> Iterator[EntryPoint]:
    if "hermetica." not in text:
        return
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[] ")
            continue
        name, equals, value = map(str.strip, line.partition("="))
        if group in GROUPS and equals and _NAME.fullmatch(name):
            yield EntryPoint(
                group=group, name=name, value=value, distribution=distribution, version=version.partition("-py")[0]
            )
