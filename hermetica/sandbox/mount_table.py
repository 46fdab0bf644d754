"""The table of mounts, and what of it no sandbox is made from. Pure.

For each mount that bubblewrap makes it reads the whole table, the host's part included: with a short table a sandbox
costs a tenth less. Source: proc(5), "/proc/pid/mountinfo".
"""

from __future__ import annotations

import re
from typing import Final

_OF_THE_KERNEL: Final = frozenset(
    {
        *("binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "efivarfs", "fusectl", "hugetlbfs"),
        *("mqueue", "pstore", "rpc_pipefs", "securityfs", "sysfs", "tracefs"),
    }
)
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


def superfluous(table: str) -> list[str]:
    """The places where file systems lie in which the kernel shows itself, and no files are; those made last first.

    Neither proc nor devpts is among them: bubblewrap needs both.

    Args:
        table: the text of a mountinfo.
    """
    places: list[str] = []
    for line in table.splitlines():
        head, _, tail = line.partition(" - ")
        if tail.partition(" ")[0] in _OF_THE_KERNEL:
            places.append(_ESCAPE.sub(lambda found: chr(int(found[1], 8)), head.split(" ")[4]))
    return places[::-1]
