"""A model of a disk that may lose power: what was done, what of it must have survived, and what else may have.

What is modelled. Data of a file is durable once fsync or fdatasync of it, or syncfs, began after the write had ended
and is over; the same for its size, and but for fdatasync its mode and times. A name is durable after fsync of its
directory or syncfs; flushing a file does not keep its name. A rename is atomic, also between directories. Everything
else may be lost or not: bytes by pages of 4 KiB, each with its own history, and a size without its bytes reads as
zeros; names in the order of a journal or, weaker than any journal, each on its own, so long as one file's moves and
one name's meanings keep their order. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

PAGE: Final = 4096
POLICIES: Final = ("nothing", "everything", "journal", "any", "names-without-data")


@attrs.define(eq=False)
class Node:
    """A file, directory or link.

    Attributes:
        kind: which.
        mode: that it is made with.
        target: of a link.
        now: the entries of a directory, as running programs see them.
        data: the bytes of a file, likewise.
    """

    kind: str
    mode: int
    target: bytes = b""
    now: dict[bytes, Node] = attrs.field(factory=dict[bytes, "Node"], repr=False)
    data: bytearray = attrs.field(factory=bytearray, repr=False)


@attrs.define(eq=False)
class Step:
    """One operation.

    Attributes:
        start_s: when it began.
        end_s: when it had ended.
        names: entries that it sets, all or none: directory, name, what is there then.
        node: whose bytes, size or attributes it sets.
        kind: ``names``, ``write``, ``size``, ``mode``, ``mtime`` or ``sync``.
        offset: of bytes.
        data: bytes, or the new size, mode or time.
        durable_from: index of the step from which on it is durable.
    """

    start_s: float
    end_s: float
    kind: str
    names: tuple[tuple[Node, bytes, Node | None], ...] = ()
    node: Node | None = None
    offset: int = 0
    data: Any = None
    durable_from: int = 1 << 60


@attrs.define
class Disk:
    """Everything that was done, in order.

    Attributes:
        root: the directory that is followed.
        steps: what was done to it.
    """

    root: Node = attrs.field(factory=lambda: Node("directory", 0o755))
    steps: list[Step] = attrs.field(factory=list[Step])
    _pending: list[Step] = attrs.field(factory=list[Step])
    _start_s: float = 0.0
    _end_s: float = 0.0

    def now(self, start_s: float, end_s: float) -> None:
        """When the next steps happen."""
        self._start_s, self._end_s = start_s, end_s

    def _add(self, kind: str, **more: Any) -> None:
        step = Step(self._start_s, self._end_s, kind, **more)
        self.steps.append(step)
        self._pending.append(step)

    def create(self, parent: Node, name: bytes, kind: str, mode: int, target: bytes = b"") -> Node:
        """A new entry."""
        node = parent.now[name] = Node(kind, mode, target)
        self._add("names", names=((parent, name, node),))
        return node

    def link(self, node: Node, parent: Node, name: bytes) -> None:
        """Another name."""
        parent.now[name] = node
        self._add("names", names=((parent, name, node),))

    def rename(self, old: tuple[Node, bytes], new: tuple[Node, bytes]) -> None:
        """Another name in place of one."""
        node = old[0].now.pop(old[1])
        new[0].now[new[1]] = node
        self._add("names", names=((*old, None), (*new, node)))

    def remove(self, parent: Node, name: bytes) -> None:
        """No longer there."""
        del parent.now[name]
        self._add("names", names=((parent, name, None),))

    def write(self, node: Node, offset: int, data: bytes) -> None:
        """Bytes of a file, page by page; the size that they give it is a fact of its own."""
        if offset + len(data) > len(node.data):
            self._add("size", node=node, data=offset + len(data))
        _put(node.data, offset, data)
        at = 0
        while at < len(data):
            size = min(PAGE - (offset + at) % PAGE, len(data) - at)
            self._add("write", node=node, offset=offset + at, data=data[at : at + size])
            at += size

    def resize(self, node: Node, size: int) -> None:
        """Another size of a file."""
        if size != len(node.data):
            _resize(node.data, size)
            self._add("size", node=node, data=size)

    def attribute(self, node: Node, kind: str, value: int) -> None:
        """Another mode or time."""
        self._add(kind, node=node, data=value)

    def sync(self, node: Node | None, *, attributes: bool, own: int | None = None) -> None:
        """What was over when this began is durable from now on: of one file or directory, or everything.

        Args:
            node: the file or directory; None for everything.
            attributes: whether mode and times are, too.
            own: the step from which on it is a synchronous write itself, which returns when it is durable.
        """
        itself = self.steps[own:] if own is not None else []
        self.steps.append(Step(self._start_s, self._end_s, "sync"))
        left: list[Step] = []
        for step in self._pending:
            ours = node is None or step.node is node or any(parent is node for parent, _, _ in step.names)
            over = step.end_s <= self._start_s or step in itself
            if ours and over and (attributes or step.kind not in {"mode", "mtime"}):
                step.durable_from = len(self.steps)
            else:
                left.append(step)
        self._pending = left

    def after(self, cut: int, policy: str, rng: random.Random) -> State:
        """What may be there if the power went before step ``cut``, by one of `POLICIES`."""
        done = self.steps[:cut]
        pending = [step for step in done if step.durable_from > cut and step.kind != "sync"]
        kept = {id(step) for step in done} - {id(step) for step in pending}
        kept |= {id(step) for step in _CHOICES[policy](pending, rng)}
        state = State(self.root)
        for step in done:
            if id(step) in kept:
                state.apply(step)
        return state


def _nothing(pending: list[Step], rng: random.Random) -> list[Step]:
    del pending, rng
    return []


def _everything(pending: list[Step], rng: random.Random) -> list[Step]:
    del rng
    return pending


def _journal(pending: list[Step], rng: random.Random) -> list[Step]:
    """Names, sizes and attributes up to some moment; bytes by chance."""
    metadata = [step for step in pending if step.kind != "write"]
    return metadata[: rng.randint(0, len(metadata))] + _pages(pending, rng)


def _any(pending: list[Step], rng: random.Random) -> list[Step]:
    """Everything by chance, but for what must keep its order."""
    kept: list[Step] = _pages(pending, rng)
    bound: set[Any] = set()
    for step in reversed([step for step in pending if step.kind != "write"]):
        keys: set[Any] = {(id(parent), name) for parent, name, _ in step.names} | {
            id(node) for _, _, node in step.names if node
        }
        keys |= {(id(step.node), step.kind)} if step.node is not None else set()
        if keys & bound or rng.random() < 0.5:
            kept.append(step)
            bound |= keys
    return kept


def _names_without_data(pending: list[Step], rng: random.Random) -> list[Step]:
    """Every name and size, and not a byte: what delayed allocation is known for."""
    del rng
    return [step for step in pending if step.kind != "write"]


def _pages(pending: list[Step], rng: random.Random) -> list[Step]:
    """Of every page the writes up to some moment."""
    pages: dict[tuple[int, int], list[Step]] = {}
    for step in pending:
        if step.kind == "write":
            pages.setdefault((id(step.node), step.offset // PAGE), []).append(step)
    return [step for writes in pages.values() for step in writes[: rng.randint(0, len(writes))]]


_CHOICES: Final[dict[str, Callable[[list[Step], random.Random], list[Step]]]] = dict(
    zip(POLICIES, (_nothing, _everything, _journal, _any, _names_without_data), strict=True)
)


@attrs.define(eq=False)
class State:
    """A tree that may be found after the power came back.

    Attributes:
        root: its directory.
        entries: directory -> name -> node.
        data: bytes of files.
        modes: where they were set.
        mtimes: likewise.
    """

    root: Node
    entries: dict[Node, dict[bytes, Node]] = attrs.field(factory=dict[Node, dict[bytes, Node]])
    data: dict[Node, bytearray] = attrs.field(factory=dict[Node, bytearray])
    modes: dict[Node, int] = attrs.field(factory=dict[Node, int])
    mtimes: dict[Node, int] = attrs.field(factory=dict[Node, int])

    def apply(self, step: Step) -> None:
        """Carry out a step."""
        for parent, name, node in step.names:
            below = self.entries.setdefault(parent, {})
            if node is None:
                below.pop(name, None)
            else:
                below[name] = node
        if step.node is None:
            return
        if step.kind == "write":
            _put(self.data.setdefault(step.node, bytearray()), step.offset, step.data)
        elif step.kind == "size":
            _resize(self.data.setdefault(step.node, bytearray()), step.data)
        else:
            (self.modes if step.kind == "mode" else self.mtimes)[step.node] = step.data


def _put(data: bytearray, offset: int, new: bytes) -> None:
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(new)] = new


def _resize(data: bytearray, size: int) -> None:
    del data[size:]
    data.extend(bytes(size - len(data)))
