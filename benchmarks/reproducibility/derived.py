"""Cases as derivations of hermetica, in a pinned tree of tools that has the locales which studies vary to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import hermetica as hm
from hermetica_derivations.pins import debs, lock
from hermetica_derivations.toolchain import base_c, ca_bundle, locales

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.reproducibility.case import Case

LOCK: Final = Path(__file__).parent / "hermetica.lock"
LOCALES: Final = ("et_EE.UTF-8", "fr_CH.UTF-8", "tr_TR.UTF-8")
"""What a study may vary the locale to; a program that finds none of its name falls back to C, and nothing varies."""

_BUILD: Final = """\
PATH=/usr/bin:/bin:$PATH
mkdir "$out"
cp --preserve=timestamps "$src"/* .
exec /bin/sh -e build.sh
"""


def tools(names: Sequence[str] = LOCALES) -> hm.Derivation:
    """Debian's compilers, archivers, shells, Perl and Python with its headers; locales where programs look for them.

    Args:
        names: of the locales.
    """
    place = 'mkdir -p "$out/usr/lib" && cp -r "$made/lib/locale" "$out/usr/lib/"'
    placed = hm.run("locales-in-place", place, rootfs=base_c, made=locales(*names))
    have = {pin.name for pin in lock().group("full").pins}
    headers = [pin.fetch() for pin in hm.Lock.read(LOCK).group("python-headers").pins if pin.name not in have]
    return hm.debian_rootfs("study-tools", [*debs("full"), *headers], trees=[ca_bundle, placed])


def derive(case: Case, rootfs: hm.Derivation, directory: Path) -> hm.Derivation:
    """The build of a case; nothing but its files is declared, and all else that it sees is the world's.

    Args:
        case: what to build.
        rootfs: see `tools`.
        directory: for the files; they must stay there until the derivation is realized.
    """
    place = directory / case.name
    place.mkdir(parents=True, exist_ok=True)
    case.write(place)
    return hm.derivation(
        name=f"case-{case.name}",
        builder="/bin/sh",
        args=["-euc", _BUILD],
        env={"src": str(hm.source(place))},
        rootfs=rootfs,
    )
