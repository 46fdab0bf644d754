"""Libraries for data: a database in a file, and XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica_derivations.environment import FULL
from hermetica_derivations.packages.recipe import AUTOTOOLS, tarball
from hermetica_derivations.packages.terminal import readline

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["expat", "make_expat", "make_sqlite", "sqlite"]

_SQLITE_FLAGS = (
    "-O2 -DSQLITE_ENABLE_COLUMN_METADATA=1 -DSQLITE_ENABLE_DBSTAT_VTAB=1 -DSQLITE_ENABLE_RTREE=1 "
    "-DSQLITE_ENABLE_UNLOCK_NOTIFY=1 -DSQLITE_SECURE_DELETE=1"
)


def make_expat(**changes: Any) -> hm.Derivation:
    """Expat, with its tests in C and C++."""
    return tarball(
        "expat",
        changes,
        description="Reads XML as a stream",
        licence="MIT",
        homepage="https://libexpat.github.io/",
        supplier="The Expat developers",
        environment=FULL,
        outputs=("out", "dev"),
        source_root="expat",
        before_configure="run ./buildconf.sh",
        configure_flags=[*AUTOTOOLS, "--disable-static", "--without-docbook"],
        do_check=True,
    )


def make_sqlite(readline: hm.Derivation, **changes: Any) -> hm.Derivation:
    """SQLite: the shell in ``out``, the library in ``lib``; its tests take hours."""
    return tarball(
        "sqlite",
        changes,
        pin="sqlite3",
        description="A database in a file",
        licence="blessing",
        homepage="https://www.sqlite.org/",
        supplier="The SQLite developers",
        environment=FULL,
        outputs=("out", "dev", "lib"),
        inputs=[readline],
        configure_flags=[
            *("--disable-static", "--disable-tcl", "--enable-fts5", f"CFLAGS={_SQLITE_FLAGS}"),
            *("--with-readline-inc=-DHAVE_READLINE=1", "--with-readline-lib=-lreadline"),
        ],
    )


expat = make_expat()
sqlite = make_sqlite(readline)
