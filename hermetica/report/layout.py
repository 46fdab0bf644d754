"""Where the nodes of a graph go: in layers, what uses something above it and near it; wide layers are broken. Pure.

Source: Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures" (1981): layers
by longest path, order within a layer by barycentres.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TURNS: Final = 4
_LEAST_COLUMNS: Final = 12
_SHAPE: Final = 1.6  # columns to rows of the whole, such that it fills a screen


def layered(count: int, edges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """A place for each node, (column, row).

    Columns are in halves of a node's width, around 0. Layers are two rows apart; the lines of a layer that is broken,
    between which nothing leads, one.

    Args:
        count: of nodes, numbered from 0, what is used before what uses it.
        edges: (user, what it uses).
    """
    used: list[list[int]] = [[] for _ in range(count)]
    users: list[list[int]] = [[] for _ in range(count)]
    for user, other in edges:
        used[user].append(other)
        users[other].append(user)
    layer = [0] * count
    for node in reversed(range(count)):  # users first
        layer[node] = max((layer[user] + 1 for user in users[node]), default=0)
    layers: list[list[int]] = [[] for _ in range(max(layer, default=-1) + 1)]
    for node in range(count):
        layers[layer[node]].append(node)
    _order(layers, users, used, count)
    return _lines(layers, count)


def _order(
    layers: Sequence[list[int]], users: Sequence[Sequence[int]], used: Sequence[Sequence[int]], count: int
) -> None:
    """Sorts each layer so that what belongs together is near, going down and up in turns."""
    place = [0.0] * count
    for each in layers:
        _centre(each, place)
    for turn in range(_TURNS):
        neighbours = users if turn % 2 == 0 else used
        for each in layers if turn % 2 == 0 else reversed(layers):
            each.sort(key=lambda node: _middle(neighbours[node], place, place[node]))
            _centre(each, place)


def _centre(nodes: Sequence[int], place: list[float]) -> None:
    for number, node in enumerate(nodes):
        place[node] = float(2 * number - len(nodes) + 1)


def _middle(nodes: Sequence[int], place: Sequence[float], own: float) -> float:
    return sum(place[node] for node in nodes) / len(nodes) if nodes else own


def _lines(layers: Iterable[Sequence[int]], count: int) -> list[tuple[int, int]]:
    """The places, once layers wider than what fills a screen are broken into lines of even length."""
    widest = max(_LEAST_COLUMNS, math.ceil(math.sqrt(_SHAPE * count)))
    places = [(0, 0)] * count
    row = 0
    for layer in layers:
        lines = math.ceil(len(layer) / widest)
        length = math.ceil(len(layer) / lines)
        for line in range(lines):
            nodes = layer[line * length : (line + 1) * length]
            for number, node in enumerate(nodes):
                places[node] = (2 * number - len(nodes) + 1, row + line)
        row += lines + 1
    return places
