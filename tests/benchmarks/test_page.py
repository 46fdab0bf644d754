"""The page of performance: what results become."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.page import page, read

if TYPE_CHECKING:
    from pathlib import Path


def line(benchmark: str, own_s: float, nix_s: float, place: str) -> str:
    """A result as a benchmark prints it."""

    def figure(wall_s: float) -> dict[str, float]:
        return {"wall_s": wall_s, "wall_min_s": wall_s, "wall_max_s": wall_s, "peak_memory_bytes": 1e6}

    row: dict[str, Any] = {
        "benchmark": benchmark,
        "figures": {"hermetica": figure(own_s), "nix": figure(nix_s)},
        "ratios": {"hermetica/nix": own_s / nix_s},
        "skipped": {"rm -rf": "not installed"},
        "machine": {"cores": 2, "cpu": "a", "kernel": "b", "python": "c", "file_system": place},
    }
    return json.dumps(row) + "\n"


def written(tmp_path: Path, *lines: str) -> str:
    (tmp_path / "results.jsonl").write_text("".join(lines))
    return "\n".join(page(read(tmp_path / "results.jsonl")))


def test_the_last_result_of_a_benchmark_counts(tmp_path: Path) -> None:
    text = written(tmp_path, line("collect", 9.0, 1.0, "tmpfs"), line("collect", 0.1, 1.0, "tmpfs"))
    assert "| 100 ms | nix | 1.00 s | 0.1 | 0.2 | met |" in text
    assert "9.00 s" not in text


def test_a_missed_target_says_by_how_much_and_an_absent_peer_why(tmp_path: Path) -> None:
    text = written(tmp_path, line("collect", 0.5, 1.0, "tmpfs"))
    assert "| 500 ms | nix | 1.00 s | 0.5 | 0.2 | **missed**, 2.5 times |" in text
    assert "| rm -rf | - | - | 1.1 | not installed |" in text


def test_results_on_another_file_system_are_a_table_of_their_own(tmp_path: Path) -> None:
    text = written(tmp_path, line("collect", 0.5, 1.0, "tmpfs"), line("collect", 0.6, 6.0, "ext4, new for each sample"))
    first, again = text.split("### Again, with samples on ext4, new for each sample")
    assert "| 0.5 | 0.2 | **missed**, 2.5 times |" in first
    assert "| 0.1 | 0.2 | met |" in again


def clock_line(benchmark: str, t2_s: float, **more: Any) -> str:
    """A result of the clock's benchmark, where libfaketime is missing and the running clock took two seconds."""
    figures = {
        name: {"wall_s": wall_s, "wall_min_s": wall_s, "wall_max_s": wall_s, "peak_memory_bytes": 0}
        for name, wall_s in (("T0", 2.0), ("T2", t2_s), ("T3", 2.4), ("strace -f", 6.0))
    }
    ratios: dict[str, dict[str, Any]] = {
        f"{name}/T0": {"wall": each["wall_s"] / 2, "cpu": 1.25} for name, each in figures.items() if name != "T0"
    }
    ratios["strace -f/T0"]["cpu"] = None
    row = json.loads(line(benchmark, 1.0, 1.0, "tmpfs"))
    return json.dumps({**row, "figures": figures, "ratios": ratios, "skipped": {"libfaketime": "?"}, **more}) + "\n"


def test_a_standing_clock_is_held_to_its_target_beside_what_others_cost(tmp_path: Path) -> None:
    text = written(tmp_path, clock_line("clock-zlib", 2.1), clock_line("clock-hello", 2.2))
    assert "| zlib | 2.00 s | 1.05 (1.25) | 1.20 (1.25) | - | 3.00 | 1.06 | met |" in text
    assert "| hello | 2.00 s | 1.10 (1.25) | 1.20 (1.25) | - | 3.00 | 1.06 | **missed**, 1.04 times |" in text


def test_trivial_builds_by_a_standing_clock_are_told_without_a_target(tmp_path: Path) -> None:
    text = written(tmp_path, clock_line("clock-trivial", 2.1, builds=200))
    assert "| 200 trivial builds | 2.00 s | 1.05 (1.25) | 1.20 (1.25) | - | 3.00 |  |  |" in text
    assert "stands still" not in written(tmp_path, line("collect", 0.5, 1.0, "tmpfs"))
