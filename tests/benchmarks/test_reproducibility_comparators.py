"""What other tools say, read and held against the truth in their own words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.reproducibility.case import named, read_cases
from benchmarks.reproducibility.comparators import REPROTEST, NixCheck, Reprotest, in_words_of_reprotest, read_reprotest
from benchmarks.reproducibility.truth import FACTORS, parse_cause, write_truth

if TYPE_CHECKING:
    from benchmarks.reproducibility.truth import Truth


def truth(*causes: str) -> Truth:
    return frozenset(map(parse_cause, causes))


def test_what_reprotest_calls_a_factor_is_a_factor_of_ours() -> None:
    assert set(REPROTEST) < FACTORS


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (truth("uid", "gid", "username"), ["user_group"]),
        (truth("tz", "clock"), ["time", "timezone"]),
        (truth("home+tz"), ["home+timezone"]),
        (truth("cpus+jobs"), ["num_cpus"]),
        (truth("clock", "mtime+tz"), ["time"]),
        (truth("random"), ["random"]),
    ],
)
def test_a_truth_is_told_in_the_words_of_reprotest_and_stays_minimal(ours: Truth, theirs: list[str]) -> None:
    assert write_truth(in_words_of_reprotest(ours)) == theirs


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("Reproducible, even when varying as much as reprotest knows how to! :)\n", []),
        ("Not reproducible, even when fixing as much as reprotest knows how to. :(\n", ["race"]),
        ("Observed unreproducibility when varying each of the following:\numask time\nThe\n", ["time", "umask"]),
    ],
)
def test_what_reprotest_says_is_read(output: str, told: list[str]) -> None:
    causes, failed = read_reprotest(f"diff -ru a b\n{output}")
    assert (write_truth(causes), failed) == (told, "")


def test_a_reprotest_that_fails_is_told_with_its_last_words() -> None:
    assert read_reprotest("Traceback\nAutopkgtestError: it broke\n") == (frozenset(), "AutopkgtestError: it broke")


@pytest.mark.slow
@pytest.mark.skipif(Reprotest().absent() is not None, reason="reprotest is not installed")
def test_reprotest_finds_an_umask(tmp_path: Path) -> None:
    marked = Reprotest().ask(named(read_cases(), ["umask"])[0], tmp_path)
    assert marked.is_exact
    assert marked.builds > 2


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    """The tools of this machine, as a tree that Nix shows to builders."""
    place = tmp_path / "rootfs"
    (place / "etc").mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "usr"):
        if (Path("/") / name).exists():
            (place / name).symlink_to(f"/{name}")
    (place / "etc" / "alternatives").symlink_to("/etc/alternatives")
    return place


@pytest.mark.slow
@pytest.mark.skipif(NixCheck(Path("/")).absent() is not None, reason="Nix is not installed")
@pytest.mark.parametrize(("case", "told"), [("urandom", ("differs",)), ("careful-tar", ())])
def test_nix_sees_whether_a_second_build_differs(
    rootfs: Path, tmp_path: Path, case: str, told: tuple[str, ...]
) -> None:
    marked = NixCheck(rootfs).ask(named(read_cases(), [case])[0], tmp_path)
    assert (marked.failed, marked.told, marked.is_exact, marked.builds) == ("", told, True, 2)
