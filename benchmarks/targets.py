"""What each workload is to reach: ratios of hermetica to a peer, from one run on one machine. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen
class Target:
    """One figure to be reached.

    Attributes:
        benchmark: its name.
        peer: whom hermetica is compared with; empty for its own time.
        most: the largest ratio, or time in seconds, or number of bytes, that is good.
        text: the workload, in words; the same for all targets of one.
        figure: which figure of hermetica's counts where there is no peer.
    """

    benchmark: str
    peer: str
    most: float
    text: str
    figure: str = "wall_s"


MEMORY: Final = "peak_memory_bytes"
STANDING_CLOCK: Final = 1.06
"""What a package may take at most in T2, of its time by the running clock."""
_BUILDS: Final = "1,000 independent trivial builds, cold"
_LAYERED: Final = "10 layers of 100 builds, fan-in 3, cold"
_CHAIN: Final = "a chain of 200 builds, cold"
_INGEST: Final = "take in 50,000 files, 400 MB"
_EXPORT: Final = "give out 500 objects, 500 MB"
_IMPORT: Final = "take them back"
_LUA: Final = "compile Lua, one build"
_LUA_FILES: Final = "compile Lua, one build a file"
_COLLECT: Final = "collect 10,000 objects, half dead"
TARGETS: Final = (
    Target("builds", "nix", 1 / 6, _BUILDS),
    Target("builds", "bazel", 1 / 2, _BUILDS),
    Target("builds", "make+bwrap", 1.0, _BUILDS),
    Target("layered", "nix", 1 / 4, _LAYERED),
    Target("layered", "bazel", 1 / 2.5, _LAYERED),
    Target("layered", "make+bwrap", 1.1, _LAYERED),
    Target("chain", "nix", 1.0, _CHAIN),
    Target("chain", "bwrap loop", 1.2, _CHAIN),
    Target("noop-1", "", 0.060, "nothing to do, 1 derivation"),
    Target("noop", "nix", 0.8, "nothing to do, 1,001 derivations"),
    Target("cutoff", "bazel", 0.5, "a comment changes under 1,001 builds"),
    Target("evaluate", "nix", 0.2, "evaluate and store 10,000 derivations"),
    Target("evaluate-again", "nix", 0.5, "the same again"),
    Target("collect", "nix", 0.2, _COLLECT),
    Target("collect", "rm -rf", 1.1, _COLLECT),
    Target("ingest", "cp -a and blake3", 1.2, _INGEST),
    Target("ingest-unchanged", "nix", 0.1, "the same, unchanged"),
    Target("ingest-unchanged", "find (stat of each file)", 2.0, "the same, unchanged"),
    Target("ingest-changed", "nix", 0.1, "the same, one file changed"),
    Target("ingest-large", "cp -a and blake3", 1.2, "take in one file of 2 GB"),
    Target("export", "nix", 0.5, _EXPORT),
    Target("export", "tar | zstd", 1.2, _EXPORT),
    Target("import", "nix", 0.5, _IMPORT),
    Target("import", "tar | zstd", 1.2, _IMPORT),
    Target("lua", "make+bwrap", 1.05, _LUA),
    Target("lua", "nix", 1.0, _LUA),
    Target("lua", "bazel", 1.0, _LUA),
    Target("lua", "buildstream", 1.0, _LUA),
    Target("lua-files", "make+bwrap", 1.05, _LUA_FILES),
    Target("lua-files", "nix", 1.0, _LUA_FILES),
    Target("lua-files", "bazel", 1.0, _LUA_FILES),
    Target("lua-files", "buildstream", 1.0, _LUA_FILES),
    Target("many-inputs", "bwrap", 0.6, "one build with 1,500 inputs"),
    Target("scan-1", "blake3", 1 / 0.7, "scan and hash 256 MB, on one core"),
    Target("scan-2", "blake3", 1.0, "the same on two cores, against one"),
    Target("memory-10000", "", 250e6, "memory to plan and build 10,000 derivations", MEMORY),
    Target("memory-100000", "", 1.5e9, "memory to plan and build 100,000 derivations", MEMORY),
)


def reached(target: Target, row: Mapping[str, Any]) -> float | None:
    """What a result has for a target; None where the peer took no part."""
    if not target.peer:
        return float(row["figures"]["hermetica"][target.figure])
    ratio = row.get("ratios", {}).get(f"hermetica/{target.peer}")
    return None if ratio is None else float(ratio)
