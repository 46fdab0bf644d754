"""A small Python for builders in Python, from pinned packages: there in seconds, where ``cpython`` takes minutes."""

from __future__ import annotations

import py_compile
from importlib.util import cache_from_source
from pathlib import Path
from typing import Final

import attrs

import hermetica as hm
from hermetica_derivations.pins import debs

__all__ = ["DEBIAN_PYTHON", "Interpreter"]

_PACKAGES: Final = frozenset(
    {
        *("python3-minimal", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"),
        *("libc6", "libexpat1", "libssl3", "zlib1g", "libbz2-1.0", "liblzma5", "libsqlite3-0", "libffi8", "libuuid1"),
    }
)
_debs: Final = [deb for deb in debs("base-cxx") if deb.name.split("_")[0] in _PACKAGES]


@attrs.frozen(kw_only=True)
class Interpreter:
    """Python at ``/usr/bin/python3`` of a tree, with its standard library.

    Attributes:
        rootfs: the tree, which appears at ``/``.
    """

    rootfs: hm.Derivation


@hm.builder(python=Interpreter(rootfs=hm.debian_rootfs("debian-python-packages", _debs)))
def _byte_code(out: hm.Out, library: str) -> None:
    """What packages leave to scripts, which never run here; found by name, as the times of sources say nothing."""
    for source in sorted(Path(library).rglob("*.py")):
        compiled = Path(f"{out}{cache_from_source(str(source))}")
        compiled.parent.mkdir(parents=True, exist_ok=True)
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(source), str(compiled), doraise=True, invalidation_mode=unchecked)


DEBIAN_PYTHON: Final = Interpreter(
    rootfs=hm.debian_rootfs("debian-python", _debs, trees=[_byte_code("/usr/lib/python3.11")])
)
"""Python 3.11 of Debian: 12 MB to fetch."""
