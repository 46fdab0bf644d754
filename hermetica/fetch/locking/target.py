"""For what Python the pins are: which wheels fit it, and which projects it needs.

Tags and markers are left to the ``packaging`` library, which is an extra: only who pins Python projects needs it.
Sources: PEP 425, PEP 600; the dependency specifiers of the Python Packaging User Guide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

import attrs

from hermetica.errors import HermeticaError
from hermetica.fetch.lock_pin import Pin
from hermetica.fetch.locking.foreign import ForeignLockError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.tags import Tag

    from hermetica.fetch.locking.python import Offer, Project

Preference = Literal["wheel", "sdist"]
_OLD_MANYLINUX: Final = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_GLIBC_MINOR_MIN: Final = 5


class PackagingMissing(HermeticaError):
    """Pinning Python projects needs a library that is not installed."""

    code = "HM471"


@attrs.frozen(kw_only=True)
class PythonTarget:
    """A CPython on Linux with glibc.

    Attributes:
        version: major and minor.
        machine: such as ``x86_64``.
        glibc: the newest version that wheels may ask for.
    """

    version: tuple[int, int] = (3, 11)
    machine: str = "x86_64"
    glibc: tuple[int, int] = (2, 36)

    @classmethod
    def parse(cls, version: str, machine: str = "x86_64", glibc: str = "2.36") -> PythonTarget:
        """The target that these texts name.

        Raises:
            ForeignLockError: one is no version.
        """
        numbers: list[tuple[int, int]] = []
        for what, text in (("Python", version), ("glibc", glibc)):
            found = re.fullmatch(r"(\d{1,3})\.(\d{1,3})", text)
            if found is None:
                raise ForeignLockError(f"not a version of {what}: {text!r}", hint="such as 3.11 and 2.36")
            numbers.append((int(found[1]), int(found[2])))
        return cls(version=numbers[0], machine=machine, glibc=numbers[1])

    def platforms(self) -> tuple[str, ...]:
        """The platform tags it takes, best first."""
        found: list[str] = []
        for minor in range(self.glibc[1], _GLIBC_MINOR_MIN - 1, -1):
            found.append(f"manylinux_{self.glibc[0]}_{minor}_{self.machine}")
            if (old := _OLD_MANYLINUX.get((self.glibc[0], minor))) is not None:
                found.append(f"{old}_{self.machine}")
        return (*found, f"linux_{self.machine}")

    def tags(self) -> tuple[Tag, ...]:
        """The wheel tags it takes, best first.

        Raises:
            PackagingMissing: the library is not installed.
        """
        try:
            from packaging.tags import compatible_tags, cpython_tags  # noqa: PLC0415 -- an extra
        except ImportError as error:
            raise _missing() from error
        platforms, interpreter = self.platforms(), f"cp{self.version[0]}{self.version[1]}"
        return (
            *cpython_tags(self.version, [interpreter], platforms),
            *compatible_tags(self.version, interpreter, platforms),
        )

    def needs(self, marker: str) -> bool:
        """Whether a project with this marker is needed.

        Raises:
            ForeignLockError: it is no marker.
            PackagingMissing: the library is not installed.
        """
        if not marker:
            return True
        try:
            from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName  # noqa: PLC0415 -- an extra
        except ImportError as error:
            raise _missing() from error
        text = f"{self.version[0]}.{self.version[1]}"
        environment = {
            "implementation_name": "cpython",
            "implementation_version": f"{text}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{text}.0",
            "python_version": text,
            "sys_platform": "linux",
        }
        try:
            return Marker(marker).evaluate(environment)
        except (InvalidMarker, UndefinedEnvironmentName) as error:
            raise ForeignLockError(f"not a marker: {marker!r}", details=(("cause", str(error)),)) from error


def _missing() -> PackagingMissing:
    return PackagingMissing(
        "pinning Python projects needs the Python package packaging, which cannot be loaded",
        hint="install hermetica's extra python, or the package packaging",
    )


def python_pins(projects: Iterable[Project], target: PythonTarget, prefer: Preference, where: str) -> tuple[Pin, ...]:
    """One file of every project that the target needs.

    Args:
        projects: what the lock has.
        target: for what.
        prefer: ``wheel`` takes the best wheel that fits, else the sdist; ``sdist`` takes sdists alone.
        where: what errors call the lock.

    Raises:
        ForeignLockError: a project has no file that fits.
        PackagingMissing: the library is not installed.
    """
    ranks = {str(tag): rank for rank, tag in enumerate(target.tags())}
    made: list[Pin] = []
    for project in projects:
        if not target.needs(project.marker):
            continue
        offer = _choose(project, ranks, prefer)
        if offer is None:
            version = f"{target.version[0]}.{target.version[1]}"
            raise ForeignLockError(
                f"{where}: nothing of {project.name} {project.version} fits Python {version} on {target.machine}",
                details=tuple(("has", each.file) for each in project.offers),
                hint="another --python, or a lock that has its sdist",
                origin=where,
            )
        made.append(
            Pin(
                kind="wheel" if offer.is_wheel else "sdist",
                name=project.name,
                version=project.version or "0",
                algorithm="sha256",
                hash=offer.sha256,
                size_bytes=offer.size_bytes,
                addresses=(offer.address,),
            )
        )
    return tuple(sorted(set(made)))


def _choose(project: Project, ranks: dict[str, int], prefer: Preference) -> Offer | None:
    wheels = [(rank, offer) for offer in project.offers if (rank := _rank(offer, ranks)) is not None]
    sdists = [offer for offer in project.offers if not offer.is_wheel]
    if prefer == "wheel" and wheels:
        return min(wheels, key=lambda each: (each[0], each[1].file))[1]
    return sdists[0] if sdists else None


def _rank(offer: Offer, ranks: dict[str, int]) -> int | None:
    """How well a wheel fits, lower is better; None where it does not, or is no wheel."""
    if not offer.is_wheel:
        return None
    parts = offer.file.removesuffix(".whl").rsplit("-", 3)
    if len(parts) != 4:
        return None
    names = (
        f"{python}-{abi}-{platform}"
        for python in parts[1].split(".")
        for abi in parts[2].split(".")
        for platform in parts[3].split(".")
    )
    return min((ranks[name] for name in names if name in ranks), default=None)
