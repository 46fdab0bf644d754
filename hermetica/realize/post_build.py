"""What a post-build hook is told: one derivation that was made and is durable. Source: docs/hooks.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.model.record import to_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath

    from hermetica.model import Derivation
    from hermetica.realize.outcome import Outcome
    from hermetica_store.path import StorePath

FORMAT: Final = "hermetica.post-build/1"


@attrs.frozen(kw_only=True)
class PostBuild:
    """A derivation that this run made, its outputs registered and on the disk for good.

    Attributes:
        derivation: what was made.
        outcome: how it ended; ``built``.
        outputs: output name -> store path, default first.
        on_disk: output name -> where it lies on this machine.
        duration_s: how long it took.
        log_path: where its log lies, compressed by zstd; None where it wrote nothing.
        store: the root of the store.
        resolved_id: the digest by which substituters are asked for it, hexadecimal.
    """

    derivation: Derivation
    outcome: Outcome
    outputs: Mapping[str, StorePath]
    on_disk: Mapping[str, PurePath]
    duration_s: float
    log_path: PurePath | None
    store: PurePath
    resolved_id: str = ""

    def variables(self) -> dict[str, str]:
        """What a program gets in its environment."""
        return {
            "HERMETICA_DRV": self.derivation.id.hex,
            "HERMETICA_NAME": self.derivation.name,
            "HERMETICA_OUTCOME": str(self.outcome),
            "HERMETICA_OUTPUTS": " ".join(self.outputs),
            "HERMETICA_OUT_PATHS": " ".join(str(path) for path in self.outputs.values()),
            "HERMETICA_OUT_PLACES": "\n".join(str(self.on_disk[output]) for output in self.outputs),
            "HERMETICA_LOG": "" if self.log_path is None else str(self.log_path),
            "HERMETICA_STORE": str(self.store),
            "HERMETICA_RESOLVED_ID": self.resolved_id,
        }

    def to_json(self) -> dict[str, Any]:
        """What a program gets on its standard input, as ``hermetica.post-build/1``."""
        record = to_record(self.derivation)
        return {
            "format": FORMAT,
            "drv": self.derivation.id.hex,
            "name": self.derivation.name,
            "origin": record["origin"],
            "outcome": str(self.outcome),
            "outputs": {
                output: {"path": str(path), "on_disk": str(self.on_disk[output])}
                for output, path in self.outputs.items()
            },
            "duration_s": self.duration_s,
            "log_path": None if self.log_path is None else str(self.log_path),
            "store": str(self.store),
            "resolved_id": self.resolved_id,
            "derivation": record["derivation"],
            "meta": record["meta"],
        }
