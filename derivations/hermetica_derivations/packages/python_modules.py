"""Python projects with native code, built from their sdists against CPython and libraries of this set.

Their pins come from ``locks/python-native/pylock.toml``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import hermetica as hm
from hermetica_derivations.builders.python import installed, mk_virtual_environment, mk_wheel
from hermetica_derivations.packages.languages import libyaml
from hermetica_derivations.packages.python import libffi
from hermetica_derivations.packages.python_build import BUILD_REQUIREMENTS
from hermetica_derivations.pins import lock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# fmt: off
__all__ = [
    "cffi", "greenlet", "kiwisolver", "make_cffi", "make_greenlet", "make_kiwisolver", "make_markupsafe",
    "make_msgpack", "make_psutil", "make_pycparser", "make_pyyaml", "markupsafe", "msgpack", "psutil", "pycparser",
    "pyyaml",
]
# fmt: on

_PYTEST: Final = ("iniconfig", "packaging", "pluggy", "pygments", "pytest")


def _module(
    name: str,
    changes: Mapping[str, Any],
    *,
    description: str,
    licence: str,
    homepage: str,
    supplier: str,
    requires: Sequence[str | hm.Derivation] = (),
    tests: str = "",
    **settings: Any,
) -> hm.Derivation:
    """The project of this name at the version that is pinned, built from its sdist by setuptools and ``requires``.

    Of ``requires``, names are those of build requirements; ``tests`` are arguments of pytest.
    """
    pin = lock().group("python-native").pin(name, kind="sdist")
    defaults: dict[str, Any] = {
        "name": f"{name}-{pin.version}",
        "src": pin.fetch(),
        "requires": [
            each if isinstance(each, hm.Derivation) else BUILD_REQUIREMENTS[each]
            for each in ("setuptools", *requires, *(_PYTEST if tests else ()))
        ],
        "meta": hm.Meta(
            description=description,
            homepage=homepage,
            licence=licence,
            purl=f"pkg:pypi/{name}@{pin.version}",
            supplier=supplier,
        ),
        **({"check_phase": f"run $python -P -m pytest -q -p no:cacheprovider {tests}"} if tests else {}),
        **settings,
    }
    wheel = mk_wheel(**{**defaults, **changes})
    return installed(wheel, name=wheel.name)


def make_cffi(libffi: hm.Derivation, **changes: Any) -> hm.Derivation:
    """CFFI."""
    return _module(
        "cffi",
        changes,
        description="Calls C from Python",
        licence="MIT",
        homepage="https://cffi.readthedocs.io/",
        supplier="Armin Rigo, Maciej Fijalkowski",
        inputs=[libffi],
        import_check="_cffi_backend",
        tests="src/c",
    )


def make_greenlet(psutil: hm.Derivation, **changes: Any) -> hm.Derivation:
    """Greenlet, in C++; its tests count threads and objects with ``psutil`` and objgraph."""
    return _module(
        "greenlet",
        changes,
        description="Coroutines that switch where they like",
        licence="MIT AND PSF-2.0",
        homepage="https://greenlet.readthedocs.io/",
        supplier="The greenlet authors",
        requires=["objgraph", psutil],
        import_check="greenlet._greenlet",
        check_phase="run $python -P -m unittest discover -s $tested/greenlet/tests -t $tested",
    )


def make_kiwisolver(**changes: Any) -> hm.Derivation:
    """Kiwi, in C++."""
    return _module(
        "kiwisolver",
        changes,
        description="Solves linear constraints, as layouts need it",
        licence="BSD-3-Clause",
        homepage="https://kiwisolver.readthedocs.io/",
        supplier="The Nucleic Development Team",
        requires=["cppy", "packaging", "setuptools-scm"],
        import_check="kiwisolver",
        tests="py/tests",
    )


def make_markupsafe(**changes: Any) -> hm.Derivation:
    """MarkupSafe."""
    return _module(
        "markupsafe",
        changes,
        description="Text that is safe in HTML",
        licence="BSD-3-Clause",
        homepage="https://markupsafe.palletsprojects.com/",
        supplier="The Pallets Projects",
        import_check="markupsafe._speedups",
        tests="tests",
    )


def make_msgpack(**changes: Any) -> hm.Derivation:
    """MessagePack for Python."""
    return _module(
        "msgpack",
        changes,
        description="Reads and writes MessagePack",
        licence="Apache-2.0",
        homepage="https://msgpack.org/",
        supplier="Inada Naoki",
        import_check="msgpack._cmsgpack",
        tests="test",
    )


def make_psutil(**changes: Any) -> hm.Derivation:
    """Psutil. Its tests look at the machine, of which a sandbox shows nothing."""
    return _module(
        "psutil",
        changes,
        description="Tells of processes and the system they run on",
        licence="BSD-3-Clause",
        homepage="https://github.com/giampaolo/psutil",
        supplier="Giampaolo Rodola",
        import_check="psutil._psutil_linux",
    )


def make_pycparser(**changes: Any) -> hm.Derivation:
    """Pycparser, which has no native code; cffi needs it to read declarations."""
    return _module(
        "pycparser",
        changes,
        description="Parses C, in Python",
        licence="BSD-3-Clause",
        homepage="https://github.com/eliben/pycparser",
        supplier="Eli Bendersky",
        import_check="pycparser.c_parser",
        tests="tests",
    )


def make_pyyaml(libyaml: hm.Derivation, **changes: Any) -> hm.Derivation:
    """PyYAML with its parser in C."""
    return _module(
        "pyyaml",
        changes,
        description="Reads and writes YAML",
        licence="MIT",
        homepage="https://pyyaml.org/",
        supplier="Kirill Simonov and the YAML community",
        requires=["cython"],
        inputs=[libyaml],
        import_check="yaml._yaml",
        tests="tests",
    )


cffi = make_cffi(libffi)
kiwisolver = make_kiwisolver()
markupsafe = make_markupsafe()
msgpack = make_msgpack()
psutil = make_psutil()
greenlet = make_greenlet(psutil)
pycparser = make_pycparser()
pyyaml = make_pyyaml(libyaml)

environment: Final = mk_virtual_environment(
    "python-native", [cffi, greenlet, kiwisolver, markupsafe, msgpack, psutil, pycparser, pyyaml]
)
"""All of these in one environment."""
