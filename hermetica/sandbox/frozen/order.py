"""What a tracer is told to hold still, as a value that crosses to its process as JSON. Pure."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import attrs

from hermetica.sandbox.world import DirectoryOrder

if TYPE_CHECKING:
    from hermetica.sandbox.world import World


@attrs.frozen(kw_only=True)
class Order:
    """Where things stand; None leaves one as it is.

    Attributes:
        clock_s: the wall clock. file_time_s: the time of files that were made since the build began. directory_order:
        sorted, reversed or shuffled; directory_seed: which shuffling. kernel_name: release and version. random_seed:
        of all random numbers. uptime_s, memory_bytes: what sysinfo says.
    """

    clock_s: int | None = None
    file_time_s: int | None = None
    directory_order: str | None = None
    directory_seed: int = 0
    kernel_name: tuple[str, str] | None = None
    random_seed: int | None = None
    uptime_s: int | None = None
    memory_bytes: int | None = None

    def to_json(self) -> bytes:
        """The order as JSON."""
        return json.dumps(attrs.asdict(self)).encode()

    @classmethod
    def from_json(cls, document: bytes) -> Order:
        """An order from its JSON."""
        fields: dict[str, Any] = json.loads(document)
        name = fields.pop("kernel_name")
        return cls(**fields, kernel_name=None if name is None else (name[0], name[1]))


def _number_after(text: str | None, label: str) -> int | None:
    """The first whole number after a label; None without one."""
    words = (text or "").split()
    if label and label in words:
        words = words[words.index(label) + 1 :]
    elif label:
        return None
    number = words[0].partition(".")[0] if words else ""
    return int(number) if number.isdecimal() else None


@functools.lru_cache(maxsize=64)
def order_for(world: World) -> Order:
    """What a world asks of a tracer."""
    memory_kb = _number_after(world.memory_info, "MemTotal:")
    has_order = world.directory_order is not DirectoryOrder.HOST
    return Order(
        clock_s=world.clock_s,
        file_time_s=world.file_time_s,
        directory_order=world.directory_order.value if has_order else None,
        directory_seed=world.directory_seed,
        kernel_name=world.kernel_name,
        random_seed=world.random_seed,
        uptime_s=_number_after(world.uptime, ""),
        memory_bytes=None if memory_kb is None else memory_kb * 1024,
    )
