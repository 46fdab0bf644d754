"""Real processes that each hold an open store and do what they are told over a pipe; they can be killed any time."""

from __future__ import annotations

import multiprocessing
import traceback
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import attrs

import hermetica as hm
from hermetica_store import HermeticaError, Lease, NotRegistered, ObjectStore, StorePath
from tests.behaviours.conftest import TOOLS
from tests.concurrency.model import DONE, REFERENCES, Command

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

_FORKSERVER: Final = multiprocessing.get_context("forkserver")
_ANSWERS_WITHIN_S: Final = 60


def content(item: str, paths: dict[str, StorePath]) -> bytes:
    """The bytes of an object that is added."""
    return "\n".join([item, *(str(paths[each]) for each in REFERENCES[item])]).encode()


class Worker:
    """What happens in a process."""

    def __init__(self, root: Path, paths: dict[str, StorePath]) -> None:
        self._paths = paths
        self._stack = ExitStack()
        self._store = self._stack.enter_context(ObjectStore.open(root))
        self._lease = self._stack.enter_context(ExitStack())
        self._held: Lease = self._lease.enter_context(self._store.lease())

    def close(self) -> None:
        """Lets go of the store."""
        self._stack.close()

    def do(self, command: Command) -> Any:
        """The answer to a command."""
        act: Callable[[Command], Any] = getattr(self, f"_{command.verb}")
        try:
            answer = act(command)
        except HermeticaError as error:
            return type(error).__name__
        return DONE if answer is None else answer

    def _add(self, command: Command) -> None:
        references = [self._paths[each] for each in REFERENCES[command.item]]
        data = content(command.item, self._paths)
        self._store.add_bytes(data, command.item, lease=self._held, references=references)
        self._store.flush()

    def _realize(self, command: Command) -> str:
        with hm.evaluation():
            text = wanted = hm.text("text", "some text")
            if command.item == "built":
                busybox = hm.source(TOOLS, name="busybox")
                wanted = hm.derivation(
                    name="built",
                    builder=f"{busybox}/bin/sh",
                    args=("-euc", "cat $text > $out; echo $text >> $out"),
                    env={"text": f"{text}"},
                )
            outcome = str(hm.Store(self._store).realize(wanted).outcome)
        self._store.flush()  # the lease of the run is gone only now
        return outcome

    def _hold(self, command: Command) -> None:
        path = self._paths[command.item]
        if not self._held.hold([path]):
            raise NotRegistered(path)

    def _drop(self, _command: Command) -> None:
        self._lease.close()
        self._store.flush()
        self._held = self._lease.enter_context(self._store.lease())

    def _root(self, command: Command) -> None:
        self._store.add_root(command.name, self._paths[command.item])

    def _unroot(self, command: Command) -> None:
        self._store.remove_root(command.name)

    def _delete(self, command: Command) -> None:
        self._store.delete([self._paths[command.item]])

    def _collect(self, _command: Command) -> tuple[str, ...]:
        return tuple(sorted(path.name for path in self._store.collect().paths))

    def _verify(self, _command: Command) -> str:
        kinds = {problem.kind for problem in self._store.verify().problems} - {"unregistered"}
        return ",".join(sorted(kinds)) or DONE

    def _look(self, _command: Command) -> tuple[dict[str, StorePath], dict[str, StorePath]]:
        """What is there: objects and roots by name."""
        objects = {path.name: path for path in self._store.paths()}
        return objects, {root.name: root.path for root in self._store.roots()}

    def _problems(self, _command: Command) -> tuple[str, ...]:
        """What verification says when nothing else goes on."""
        return tuple(sorted({problem.kind for problem in self._store.verify().problems}))


def serve(connection: Connection) -> None:
    """Opens stores and obeys until the pipe is closed."""
    worker: Worker | None = None
    while True:
        try:
            message: Command | tuple[Path, dict[str, StorePath]] | None = connection.recv()
        except EOFError:
            return
        try:
            if worker is not None and isinstance(message, Command):
                connection.send(worker.do(message))
                continue
            if worker is not None:
                worker.close()
            worker = Worker(*message) if isinstance(message, tuple) else None
            connection.send(DONE)
        except BaseException:  # noqa: BLE001 -- told to the test
            connection.send(traceback.format_exc())


@attrs.define(eq=False)
class Handle:
    """A process, seen from the test."""

    process: Any
    connection: Any

    @classmethod
    def start(cls) -> Handle:
        """A fresh one."""
        _FORKSERVER.set_forkserver_preload([__name__, "hermetica.realize", "lmdb", "hermetica_store.collect"])
        ours, theirs = _FORKSERVER.Pipe()
        process = _FORKSERVER.Process(target=serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        return cls(process, ours)

    def tell(self, message: object) -> None:
        """Asks something; the answer comes later."""
        self.connection.send(message)

    def answer(self) -> Any:
        """What it says."""
        assert self.connection.poll(_ANSWERS_WITHIN_S), "a process hangs"
        return self.connection.recv()

    def ask(self, message: object) -> Any:
        """Asks, and waits for the answer."""
        self.tell(message)
        return self.answer()

    def kill(self) -> None:
        """SIGKILL; returns when it is dead."""
        self.process.kill()
        self.process.join()
        self.connection.close()
