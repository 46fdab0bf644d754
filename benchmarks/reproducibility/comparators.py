"""Other tools on the same cases: reprotest, and ``nix-build --check``; what they answer, in their own words.

reprotest varies single factors of its own against a build in which it fixes them, with the tools of this machine. Its
names are coarser than ours in places (`REPROTEST`), so the truth is told in its words before it is held against it:
that does it no wrong. Nix builds twice in one sandbox and says whether the outputs are the same, and nothing of causes.
Sources: reprotest(1) 0.7, the manual of Nix 2.8.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import attrs

from benchmarks.peers import missing
from benchmarks.reproducibility.scoring import WHOLE, Answer, Mark, mark_whole
from benchmarks.reproducibility.truth import Truth, minimal
from hermetica.sandbox import RACE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.reproducibility.case import Case

REPROTEST: Final[Mapping[str, str]] = {
    "aslr": "aslr",
    "build_path": "build_path",
    "clock": "time",
    "cpus": "num_cpus",
    "domainname": "domain_host",
    "env": "environment",
    "gid": "user_group",
    "home": "home",
    "hostname": "domain_host",
    "jobs": "num_cpus",
    "kernel": "kernel",
    "locale": "locales",
    "mtime": "time",
    "path": "exec_path",
    "readdir": "fileordering",
    "tz": "timezone",
    "uid": "user_group",
    "umask": "umask",
    "username": "user_group",
}
"""Our factors -> what reprotest calls them; those it does not know are left out."""

DIFFERS: Final = frozenset({frozenset({"differs"})})
"""What is told of an output by a tool that knows no causes."""

_TIMEOUT_S: Final = 300
_NOT_FIXED: Final = "Not reproducible, even when fixing"
_REPRODUCIBLE: Final = "Reproducible, even when varying"
_OBSERVED: Final = re.compile(r"Observed unreproducibility when varying each of the following:\n(?P<names>.*)\n")


def in_words_of_reprotest(truth: Truth) -> Truth:
    """The truth with reprotest's names for factors, and ours where it has none."""
    return minimal(frozenset(REPROTEST.get(factor, factor) for factor in cause) for cause in truth)


class Comparator(Protocol):
    """A tool that is asked about cases."""

    name: ClassVar[str]

    def absent(self) -> str | None:
        """Why it cannot take part here, or None."""
        ...

    def ask(self, case: Case, place: Path) -> Mark:
        """Lets it look at a case, in a directory that is there and empty."""
        ...


@attrs.frozen
class Reprotest:
    """``reprotest --auto-build``: which of its variations change the output.

    Attributes:
        variations: what it varies. ``user_group`` needs another user and a sudo that takes ``-h`` with a command,
            which that of Debian 12 refuses since it was mended against CVE-2025-32462.
    """

    name: ClassVar[str] = "reprotest"
    variations: str = "+all,-user_group"

    def absent(self) -> str | None:
        """Unless it is installed, with what its variations need."""
        return missing("reprotest", "faketime", "disorderfs", "unshare")

    def ask(self, case: Case, place: Path) -> Mark:
        """Runs it on a copy of the case; the number of jobs is that of processors, as it has no jobs."""
        source = place / "source"
        source.mkdir()
        case.write(source)
        build = "export HERMETICA_BUILD_CORES=$(nproc) out=$PWD/out; mkdir out; sh -e build.sh"
        words = ["reprotest", "--auto-build", "--no-diffoscope", "--verbosity", "1", "--variations", self.variations]
        ended, wall_s = _run([*words, "-c", build, os.fspath(source), "out/*"], {})
        told, failed = read_reprotest(ended.stdout + ended.stderr)
        answer = Answer(
            files={WHOLE: told} if told else {},
            builds=ended.stderr.count("starting build with source directory"),
            wall_s=wall_s,
            failed=failed,
        )
        return mark_whole(case, answer, in_words_of_reprotest(case.truth))


def read_reprotest(output: str) -> tuple[Truth, str]:
    """The causes that reprotest told, and why it told none where it failed.

    What differs although reprotest fixes what it can counts as chance: it says so in other words.
    """
    if found := _OBSERVED.search(output):
        return frozenset(frozenset({name}) for name in found["names"].split()), ""
    if _NOT_FIXED in output:
        return frozenset({frozenset({RACE})}), ""
    if _REPRODUCIBLE in output:
        return frozenset(), ""
    return frozenset(), output.strip().rpartition("\n")[2][-300:] or "it says nothing"


@attrs.frozen
class NixCheck:
    """``nix-build``, and ``nix-build --check``: whether a second build gives the same.

    Attributes:
        rootfs: a tree of tools on the disk, which its sandbox shows at ``/``.
    """

    name: ClassVar[str] = "nix-build --check"
    rootfs: Path

    def absent(self) -> str | None:
        """Unless it is installed."""
        return missing("nix-build")

    def ask(self, case: Case, place: Path) -> Mark:
        """Builds twice in a private store."""
        source = place / "source"
        source.mkdir()
        case.write(source)
        (place / "case.nix").write_text(_EXPRESSION, encoding="utf-8")
        words = ["nix-build", "--no-out-link", *self._options(place), os.fspath(place / "case.nix")]
        environment = {"NIX_REMOTE": ""}
        first, first_s = _run(words, environment)
        again, again_s = _run([*words, "--check"], environment) if first.returncode == 0 else (first, 0.0)
        same, differs = again.returncode == 0, "may not be deterministic" in again.stderr
        answer = Answer(
            files={WHOLE: DIFFERS} if differs else {},
            builds=2,
            wall_s=first_s + again_s,
            failed="" if same or differs else again.stderr.strip().rpartition("\n")[2][-300:],
        )
        shutil.rmtree(place / "nix", ignore_errors=True)
        return mark_whole(case, answer, DIFFERS if case.truth else frozenset())

    def _options(self, place: Path) -> list[str]:
        """A private store, no substituters, its sandbox with the tree's directories; links at the top are followed."""
        tops = [each for each in sorted(self.rootfs.iterdir()) if each.name != "etc"]
        paths = [f"/{each.name}={each.resolve()}" for each in tops]
        return [
            "--store", f"local?root={place / 'nix'}", "--option", "substituters", "", "--option", "sandbox", "true",
            "--option", "build-users-group", "", "--option", "sandbox-paths",
            " ".join([*paths, f"/etc/alternatives={self.rootfs / 'etc' / 'alternatives'}"]),
        ]  # fmt: skip


_EXPRESSION: Final = """
derivation {
  name = "case"; system = "x86_64-linux"; builder = "/bin/sh"; src = ./source;
  args = ["-euc" ''
    export PATH=/usr/bin:/bin:$PATH HERMETICA_BUILD_CORES=$NIX_BUILD_CORES
    mkdir "$out"; cp --preserve=timestamps "$src"/* .; exec /bin/sh -e build.sh
  ''];
}
"""


def _run(words: list[str], environment: Mapping[str, str]) -> tuple[subprocess.CompletedProcess[str], float]:
    """A command to its end, and how long it took; one that takes too long has ended with status 124."""
    started = time.perf_counter()
    try:
        ended = subprocess.run(
            words,
            env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        ended = subprocess.CompletedProcess(words, 124, "", f"it took more than {_TIMEOUT_S} s")
    return ended, time.perf_counter() - started
