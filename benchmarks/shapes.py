"""Shapes of build graphs: what is built is the same for all; each contestant writes it in its own language."""

from __future__ import annotations

from typing import Final

import attrs

BUSYBOX: Final = "/bin/busybox"
BASE_FILE: Final = "base.txt"
"""The source of a graph that has one; its comments do not reach what is built from it."""


@attrs.frozen(kw_only=True)
class Shape:
    """Layers of trivial builds, each using some of the layer before.

    Attributes:
        layers: how many layers.
        width: builds in each.
        fan_in: how many of the layer before each uses.
        top: whether one more build uses the whole last layer, and is what is asked for.
        base: whether the first layer uses one more build, which strips comments from a source file.
    """

    layers: int = 1
    width: int = 1
    fan_in: int = 3
    top: bool = False
    base: bool = False

    @property
    def count(self) -> int:
        """The builds of the whole graph."""
        return self.layers * self.width + self.top + self.base

    @property
    def used(self) -> int:
        """How many builds of the layer before each uses."""
        return min(self.fan_in, self.width)

    def inputs(self, place: int) -> list[int]:
        """The places in the layer before that the build at this place uses."""
        return [(place * 7 + index * 13) % self.width for index in range(self.used)]


def independent(count: int) -> Shape:
    """Builds that use nothing but the shell."""
    return Shape(width=count)


def chain(count: int) -> Shape:
    """Each build uses the one before."""
    return Shape(layers=count, fan_in=1)


def base_text(revision: int) -> str:
    """The base file: whatever the revision, what is built from it is the same."""
    return f"# revision {revision}\nthe base\n"
