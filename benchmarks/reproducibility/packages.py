"""Thirty-five real packages, pinned: C and C++ as somebody would type it, and wheels from sdists.

Nothing in the recipes makes a build reproducible: no dates are set, no paths mapped, no archives cleaned, and a
declared date is taken away. What makes their output the same is the world alone, which is what is measured.
"""

from __future__ import annotations

from typing import Final

import attrs

import hermetica as hm
from benchmarks.reproducibility.derived import LOCK

_CONFIGURE: Final = './configure --prefix="$out" --disable-nls'
_MAKE: Final = 'make "-j$HERMETICA_BUILD_CORES"'
_GNU: Final = f"{_CONFIGURE}; {_MAKE}; {_MAKE} install"
_UNPACK: Final = """\
PATH=/usr/bin:/bin:$PATH
unset SOURCE_DATE_EPOCH
tar --no-same-owner -xf "$src" --strip-components=1
"""
_WHEEL: Final = """\
mkdir "$out"
python3 -c "
import os
from setuptools import build_meta
build_meta.build_wheel(os.environ['out'])
"
"""


@attrs.frozen(kw_only=True)
class Package:
    """A package and how it is built by hand.

    Attributes:
        name: of the package. pin: what the lock calls it.
        script: shell text, run with -eu in the unpacked source; installs into ``$out``. Empty for a wheel.
        requires: wheels that the build backend needs besides setuptools.
        env: variables that its build asks for.
    """

    name: str
    pin: str = ""
    script: str = ""
    requires: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()

    @property
    def is_wheel(self) -> bool:
        """Whether it is an sdist to be made a wheel."""
        return not self.script


PACKAGES: Final = (
    Package(name="bc", script=_GNU),
    Package(name="bzip2", script=f'{_MAKE}; make install PREFIX="$out"'),
    Package(name="cjson", script=f'{_MAKE}; make install PREFIX="$out"'),
    Package(name="dash", script=_GNU),
    Package(name="duktape", script=f'{_MAKE} -f Makefile.cmdline; mkdir -p "$out/bin"; cp duk "$out/bin/"'),
    Package(name="ed", script=_GNU),
    Package(name="figlet", script=f'{_MAKE} prefix="$out"; make install prefix="$out"'),
    Package(name="flex", script=_GNU),
    Package(name="gzip", script=_GNU),
    Package(name="hello", script=_GNU),
    Package(name="libdeflate", script=f'{_MAKE} PREFIX="$out" install'),
    Package(name="lua", pin="lua5.4", script=f'{_MAKE} linux; make install INSTALL_TOP="$out"'),
    Package(name="lz4", script=f'{_MAKE} -C lib PREFIX="$out" BUILD_SHARED=no install'),
    Package(name="mawk", script=_GNU),
    Package(name="mujs", script=f'{_MAKE} HAVE_READLINE=no release; make install prefix="$out" HAVE_READLINE=no'),
    Package(name="sed", script=_GNU),
    Package(
        name="tinyxml2",
        script=f'mkdir build; cd build; cmake -DCMAKE_INSTALL_PREFIX="$out" -DBUILD_TESTING=OFF ..; {_MAKE} install',
    ),
    Package(name="xxhash", script=f'{_MAKE} prefix="$out"; make install prefix="$out"'),
    Package(name="xz", pin="xz-utils", script=_GNU),
    Package(name="zlib", script=f'./configure --prefix="$out"; {_MAKE}; make install'),
    Package(name="zopfli", script=f'{_MAKE} zopfli zopflipng; mkdir -p "$out/bin"; cp zopfli zopflipng "$out/bin/"'),
    Package(name="zstd", pin="libzstd", script=f'{_MAKE} -C programs PREFIX="$out" install'),
    Package(name="bitarray"),
    Package(name="coverage"),
    Package(name="greenlet"),
    Package(name="lmdb", env=(("LMDB_PURE", "1"),)),
    Package(name="markupsafe"),
    Package(name="msgpack"),
    Package(name="multidict"),
    Package(name="psutil"),
    Package(name="regex"),
    Package(name="simplejson"),
    Package(name="tornado"),
    Package(name="ujson", requires=("packaging", "setuptools-scm", "vcs-versioning")),
    Package(name="wrapt"),
)


def derive(package: Package, rootfs: hm.Derivation) -> hm.Derivation:
    """The build of a package.

    Args:
        package: what to build.
        rootfs: the tools, with the headers of Python.
    """
    lock = hm.Lock.read(LOCK)
    kind, group = ("sdist", "wheels") if package.is_wheel else ("debian-source", "sources")
    pin = lock.group(group).pin(package.pin or package.name, kind=kind)
    requires = ("setuptools", *package.requires) if package.is_wheel else ()
    wheels = [hm.unpack(_wheel(name), strip_components=0) for name in requires]
    return hm.derivation(
        name=f"{package.name}-{pin.version.replace(':', '-').replace('~', '-')}",
        builder="/bin/sh",
        args=["-euc", _UNPACK + (package.script or _WHEEL)],
        env={
            "src": str(pin.fetch()),
            **dict(package.env),
            **({"PYTHONPATH": ":".join(map(str, wheels))} if wheels else {}),
        },
        rootfs=rootfs,
    )


def _wheel(name: str) -> hm.Derivation:
    return hm.Lock.read(LOCK).group("build-requirements").pin(name, kind="wheel").fetch()
