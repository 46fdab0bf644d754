"""``python -m tests.fuzz NAME --seconds N`` feeds one target (or ``all``) and says what broke, if anything did.

With atheris (dependency group ``fuzz``) coverage guides the inputs; without it, or with ``--engine mutate``,
mutations of the corpus do, repeatable from ``--seed``. An input that breaks a promise is written below ``--found``;
once mended it belongs into the corpus.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fuzz.corpus import CORPUS, inputs

if TYPE_CHECKING:
    from collections.abc import Sequence


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("name", nargs="?", default="all", help="a target; all; or list")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=("auto", "atheris", "mutate"), default="auto")
    parser.add_argument("--found", type=Path, default=Path(tempfile.gettempdir()) / "hermetica-fuzz-found")
    return parser


def mutate(name: str, options: argparse.Namespace) -> int:
    """Feed mutations; 1 where one broke a promise."""
    from tests.fuzz.mutate import campaign
    from tests.fuzz.targets import TARGETS

    running = campaign(TARGETS[name], list(inputs(name).values()), options.seed)
    found = running.run(seconds=options.seconds)
    print(f"{name}: {running.fed:,} inputs, {running.taken:,} taken, {'BROKEN' if found else 'all promises held'}")
    if found is None:
        return 0
    options.found.mkdir(parents=True, exist_ok=True)
    place = options.found / f"{name}-{hashlib.sha256(found.data).hexdigest()[:12]}"
    place.write_bytes(found.data)
    traceback.print_exception(found.error)
    print(f"{name}: {len(found.data)} bytes in {place}: {found.data[:200]!r}")
    return 1


def guided(name: str, options: argparse.Namespace) -> int:
    """Let atheris feed, in a process of its own: it ends the process."""
    options.found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hermetica-fuzz-corpus-") as fresh:
        words = [sys.executable, "-m", "tests.fuzz.guided", name, fresh, str(CORPUS / name)]
        words += [
            f"-max_total_time={options.seconds:.0f}",
            f"-seed={options.seed}",
            f"-artifact_prefix={options.found}/{name}-",
        ]
        ended = subprocess.run(words, check=False, stderr=subprocess.PIPE, text=True, errors="replace")
    lines = ended.stderr.splitlines()
    print(f"{name}: {next((line for line in reversed(lines) if line.startswith('Done ')), 'BROKEN')}")
    if ended.returncode:
        print("\n".join(lines[-60:]))
    return int(ended.returncode != 0)


def main(words: Sequence[str]) -> int:
    """Feed what the words name; 1 where a promise broke."""
    options: Any = _parser().parse_args(words)
    from tests.fuzz.targets import TARGETS

    if options.name == "list":
        print(*TARGETS, sep="\n")
        return 0
    names = list(TARGETS) if options.name == "all" else [options.name]
    if unknown := [name for name in names if name not in TARGETS]:
        print(f"no target {unknown[0]!r}; there are {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    has_atheris = importlib.util.find_spec("atheris") is not None
    if options.engine == "atheris" and not has_atheris:
        print("atheris is not installed: it is in the dependency group fuzz", file=sys.stderr)
        return 2
    feed = guided if options.engine == "atheris" or (has_atheris and options.engine == "auto") else mutate
    return max([feed(name, options) for name in names])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
