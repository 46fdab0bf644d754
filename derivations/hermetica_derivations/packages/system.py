"""Systems: C libraries, shells, and the small tools of every day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica_derivations.environment import FULL
from hermetica_derivations.packages.recipe import AUTOTOOLS, LIBRARY, tarball

if TYPE_CHECKING:
    import hermetica as hm

__all__ = [
    "busybox",
    "dash",
    "gdbm",
    "make_busybox",
    "make_dash",
    "make_gdbm",
    "make_musl",
    "make_popt",
    "make_tree",
    "musl",
    "popt",
    "tree",
]


def make_musl(**changes: Any) -> hm.Derivation:
    """The C library musl, with its headers and start files. The tarball has no tests."""
    return tarball(
        "musl",
        changes,
        description="Small C library for static programs",
        licence="MIT",
        homepage="https://musl.libc.org/",
        supplier="Rich Felker and the musl authors",
        outputs=LIBRARY,
        configure_flags=["--syslibdir=$out/lib", "--disable-wrapper", "CC=/usr/bin/gcc"],
    )


def make_busybox(**changes: Any) -> hm.Derivation:
    """BusyBox, linked dynamically, with a link for every applet.

    Of its own tests, 15 want a network, a host's name, or setuid bits: they do not run.
    """
    return tarball(
        "busybox",
        changes,
        description="The tools of a small system in one program",
        licence="GPL-2.0-only",
        homepage="https://busybox.net/",
        supplier="The BusyBox authors",
        environment=FULL,
        env={"KCONFIG_NOTIMESTAMP": "1"},
        configure_phase="make defconfig",
        check_phase="./busybox sh -c 'echo $((6 * 7))' | grep -x 42",
        install_flags=["CONFIG_PREFIX=$out"],
    )


def make_dash(**changes: Any) -> hm.Derivation:
    """The Debian Almquist shell. The tarball has no tests."""
    return tarball(
        "dash",
        changes,
        description="Small POSIX shell",
        licence="BSD-3-Clause AND GPL-2.0-or-later",
        homepage="http://gondor.apana.org.au/~herbert/dash/",
        supplier="Herbert Xu",
        configure_flags=AUTOTOOLS,
    )


def make_tree(**changes: Any) -> hm.Derivation:
    """The program ``tree``. The tarball has no tests."""
    return tarball(
        "tree",
        changes,
        description="Shows directories as a tree",
        licence="GPL-2.0-or-later",
        homepage="http://mama.indstate.edu/users/ice/tree/",
        supplier="Steve Baker",
        make_flags=["CC=cc", "PREFIX=$out"],
    )


def make_popt(**changes: Any) -> hm.Derivation:
    """The library of rpm that parses options."""
    return tarball(
        "popt",
        changes,
        description="Parses command lines",
        licence="MIT",
        homepage="https://github.com/rpm-software-management/popt",
        supplier="The rpm authors",
        outputs=LIBRARY,
        configure_flags=[*AUTOTOOLS, "--disable-static"],
        do_check=True,
    )


def make_gdbm(**changes: Any) -> hm.Derivation:
    """GNU dbm. Its tests need DejaGnu."""
    return tarball(
        "gdbm",
        changes,
        description="Hash tables in files",
        licence="GPL-3.0-or-later",
        homepage="https://www.gnu.org.ua/software/gdbm/",
        supplier="GNU Project",
        outputs=LIBRARY,
        configure_flags=[*AUTOTOOLS, "--disable-static", "--enable-libgdbm-compat"],
    )


musl = make_musl()
busybox = make_busybox()
dash = make_dash()
tree = make_tree()
popt = make_popt()
gdbm = make_gdbm()
