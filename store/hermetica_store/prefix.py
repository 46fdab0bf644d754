"""Where two texts begin to differ. Pure."""

from __future__ import annotations


def common_prefix(first: bytes | str, second: bytes | str) -> int:
    """How many bytes or characters two texts have in common at their beginning."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
