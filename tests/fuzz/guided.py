"""One target under atheris, which instruments the sources as they are imported: this module imports none itself."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def main(words: list[str]) -> None:
    """Feed the target ``words[0]``; the rest goes to libFuzzer. Does not return."""
    engine: Any = importlib.import_module("atheris")
    with engine.instrument_imports(include=["hermetica", "hermetica_store"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[words[0]]

    def feed(data: bytes) -> None:
        target.check(data)

    limits = ["-max_len=65536", "-timeout=20", "-rss_limit_mb=4096"]
    engine.Setup([sys.argv[0], *words[1:], *limits], feed)
    engine.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
