"""What to do about the usual causes of builds that differ: twelve of them, each with the factors that show it. Pure.

Source: docs/guides/twelve-causes.md, which has a before and an after of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE: Final = "docs/guides/twelve-causes.md"


@attrs.frozen(kw_only=True)
class Advice:
    """One of the usual causes.

    Attributes:
        number: on the page, from 1.
        title: what goes wrong.
        factors: those that show it.
        fix: what to do, in a sentence or two.
        anchor: of its section on the page.
    """

    number: int
    title: str
    factors: tuple[str, ...]
    fix: str

    @property
    def anchor(self) -> str:
        """Where its section on the page is."""
        return f"{PAGE}#{self.title.lower().replace(',', '').replace(' ', '-')}"


USUAL: Final = (
    Advice(
        number=1,
        title="The time of the build",
        factors=("clock",),
        fix="take the time from SOURCE_DATE_EPOCH, or none at all: date -u -d @$SOURCE_DATE_EPOCH; gcc and most "
        "documentation tools read the variable themselves, unless the build unsets it",
    ),
    Advice(
        number=2,
        title="Times of files in archives",
        factors=("mtime", "src_mtime"),
        fix="let archivers write fixed times: tar --mtime=@$SOURCE_DATE_EPOCH, gzip -n, zip -X after touch -d, "
        "ar with D, python -m compileall --invalidation-mode checked-hash; in Python a filter for tarfile, mtime=0 "
        "for gzip, ZipInfo with a date for zipfile",
    ),
    Advice(
        number=3,
        title="The order of directories",
        factors=("readdir",),
        fix="sort what a directory lists before it is used: tar --sort=name, sort after find, sorted(os.listdir(…)), "
        "$(sort $(wildcard …))",
    ),
    Advice(
        number=4,
        title="The path of the build",
        factors=("build_path",),
        fix="keep paths relative, or map them: -ffile-prefix-map=$PWD=., $ORIGIN in rpaths, "
        "--remap-path-prefix for Rust, -trimpath for Go",
    ),
    Advice(
        number=5,
        title="The locale",
        factors=("locale",),
        fix="export LC_ALL=C.UTF-8 around what sorts, formats or translates; sort -s with LC_ALL=C",
    ),
    Advice(
        number=6,
        title="The time zone",
        factors=("tz",),
        fix="write times in UTC: date -u, gmtime instead of localtime, export TZ=UTC; zip stores local times",
    ),
    Advice(
        number=7,
        title="Random numbers and hash order",
        factors=("random",),
        fix="fix the seed, or sort what a hash table gives: PYTHONHASHSEED=0, sorted(set), PERL_HASH_SEED=0, "
        "-frandom-seed=NAME for gcc; name temporary files yourself",
    ),
    Advice(
        number=8,
        title="Users and permissions",
        factors=("uid", "gid", "username", "umask"),
        fix="write no owner and fixed modes: tar --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw, "
        "install -m, umask 022 at the beginning",
    ),
    Advice(
        number=9,
        title="Facts of the machine",
        factors=("hostname", "domainname", "kernel", "cpuinfo", "meminfo", "uptime", "fs", "ulimit"),
        fix="leave host and kernel names out, and choose by what is declared instead of by what the machine has: "
        "no -march=native, no uname in version texts",
    ),
    Advice(
        number=10,
        title="Parallel jobs and races",
        factors=("jobs", "cpus", "race"),
        fix="declare every dependency between steps, and give each step a file of its own that is put together in a "
        "fixed order; until then -j1 for that step",
    ),
    Advice(
        number=11,
        title="What the environment says",
        factors=("env", "home", "path", "shell", "tty"),
        fix="do not store the environment, PATH or HOME: build texts from declared values; in sh, printf instead of "
        "echo, and no bashisms",
    ),
    Advice(
        number=12,
        title="Addresses and process numbers",
        factors=("aslr", "pid"),
        fix="print no pointers, and sort by name instead of by address; name temporary files without $$",
    ),
)


def advice_for(factors: Iterable[str]) -> tuple[Advice, ...]:
    """What to do about these factors, in the order of the page; each cause once."""
    wanted = set(factors)
    return tuple(each for each in USUAL if wanted & set(each.factors))
