"""Which binary packages a set of names needs: the closure over ``Pre-Depends`` and ``Depends``.

Pure, and independent of the order of indices. An alternative that is already chosen wins; else the first that exists.
Where several packages provide what no package is called, nothing is guessed: the caller is told to name one.
Essential packages are in no closure, for nothing declares them: ask for those that are used. Source: Debian Policy 7.
"""

from __future__ import annotations

import difflib
from collections import deque
from typing import TYPE_CHECKING, Final

from hermetica.errors import HermeticaError
from hermetica.fetch.debian_control import Wanted
from hermetica.fetch.debian_index import provides

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermetica.fetch.debian_index import BinaryPackage, PackageIndex

_Group = tuple["Wanted", ...]
_OWN: Final = frozenset({"", "any"})  # the architecture qualifiers that a set of one architecture can satisfy


class UnresolvedPackages(HermeticaError):
    """Names for which the indices offer no set of packages that fits."""

    code = "HM426"


def resolve(index: PackageIndex, names: Iterable[str]) -> tuple[BinaryPackage, ...]:
    """The packages that ``names`` need, these included, ascending by name.

    Raises:
        UnresolvedPackages: a name is unknown, a need cannot be met or only ambiguously, or chosen packages conflict.
    """
    chosen = {name: _requested(index, name) for name in sorted(set(names))}
    pending = deque(chosen.values())
    undecided: list[tuple[BinaryPackage, _Group, Sequence[BinaryPackage]]] = []
    while pending:
        package = pending.popleft()
        for group in package.needs:
            if _is_met(group, chosen.values()):
                continue
            candidates = _candidates(index, group)
            if len(candidates) == 1:
                chosen[candidates[0].name] = candidates[0]
                pending.append(candidates[0])
            else:
                undecided.append((package, group, candidates))
    for package, group, candidates in undecided:
        if not _is_met(group, chosen.values()):
            raise _unmet(package, group, candidates)
    _refuse_conflicts(chosen)
    return tuple(chosen[name] for name in sorted(chosen))


def _requested(index: PackageIndex, name: str) -> BinaryPackage:
    package = index.find(name)
    if package is not None:
        return package
    if providers := index.providers(Wanted(name=name)):
        offered = ", ".join(each.name for each in providers)
        raise UnresolvedPackages(
            f"no package is called {name!r}, which others provide",
            details=(("provided by", offered),),
            hint="name one of these",
        )
    close = difflib.get_close_matches(name, index.stanzas, n=3)
    raise UnresolvedPackages(
        f"the indices have no package {name!r}", hint=f"did you mean {', '.join(close)}?" if close else None
    )


def _takes(candidate: BinaryPackage, wanted: Wanted) -> bool:
    return candidate.name == wanted.name and wanted.takes(candidate.version)


def _is_met(group: _Group, chosen: Iterable[BinaryPackage]) -> bool:
    own = [wanted for wanted in group if wanted.architecture in _OWN]
    return any(_takes(each, wanted) or provides(each, wanted) for each in chosen for wanted in own)


def _candidates(index: PackageIndex, group: _Group) -> Sequence[BinaryPackage]:
    """Who can meet the first alternative that anybody can meet."""
    for wanted in group:
        if wanted.architecture not in _OWN:
            continue
        real = index.find(wanted.name)
        if real is not None and _takes(real, wanted):
            return (real,)
        if providers := index.providers(wanted):
            return providers
    return ()


def _unmet(package: BinaryPackage, group: _Group, candidates: Sequence[BinaryPackage]) -> UnresolvedPackages:
    need = " | ".join(map(str, group))
    if not candidates:
        return UnresolvedPackages(f"{package.name} {package.version} needs {need}, which the indices cannot give")
    names = ", ".join(candidate.name for candidate in candidates)
    return UnresolvedPackages(
        f"{package.name} {package.version} needs {need}, which several packages provide",
        details=(("provided by", names),),
        hint="name the one you want among the packages",
    )


def _refuse_conflicts(chosen: dict[str, BinaryPackage]) -> None:
    for package in chosen.values():
        for (wanted,) in (group for group in package.refuses if len(group) == 1):
            for other in chosen.values():
                if other is not package and (_takes(other, wanted) or provides(other, wanted)):
                    raise UnresolvedPackages(
                        f"{package.name} {package.version} conflicts with {other.name} {other.version}",
                        details=(("it refuses", str(wanted)),),
                        hint="both are needed by what you asked for: drop the package that brings one of them",
                    )
