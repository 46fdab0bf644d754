"""What the child runs: evaluates what it is asked for, one line of JSON at a time, until nobody asks any more."""

from __future__ import annotations

import gc
import json
import os
import select
import sys
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hermetica.cli.apart.wire import Sender, error_row, source_row
from hermetica.cli.evaluator import Here
from hermetica.cli.members import Unmade
from hermetica.errors import HermeticaError
from hermetica.model import evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_GARBAGE_MAX = 50_000
_LIKELY = ("hermetica.cli.recall.reading", "hermetica.fetch.local", "hermetica.packages.sets")


class Inside:
    """Answers requests, each by the method of its name."""

    def __init__(self) -> None:
        self._here = Here()
        self._sender = Sender()
        self._watching = ExitStack()

    def watch(self, _request: dict[str, Any]) -> bytes:
        """From here on what is read is noted."""
        self._watching.enter_context(self._here.watching())
        return b"{}"

    def unwatch(self, _request: dict[str, Any]) -> bytes:
        """Up to here."""
        self._watching.close()
        return b"{}"

    def account(self, request: dict[str, Any]) -> bytes:
        """What was read."""
        account = self._here.account(code=request["code"])
        rows = [[kind, name.hex(), state.hex()] for (kind, name), state in account.states.items()]
        return _document({"states": rows, "refusal": account.refusal})

    def derivations(self, request: dict[str, Any]) -> bytes:
        """The derivations that targets name."""
        return self._sender.selection(self._here.derivations(request["texts"]))

    def checks(self, request: dict[str, Any]) -> bytes:
        """The checks."""
        return self._sender.selection(self._here.checks(request["texts"]))

    def beside(self, request: dict[str, Any]) -> bytes:
        """The derivations of the modules that targets are in."""
        return self._sender.selection(self._here.beside(request["texts"], Unmade[request["unmade"]]))

    def names(self, request: dict[str, Any]) -> bytes:
        """The names there."""
        return _document({"names": self._here.names(request["texts"])})

    def source(self, request: dict[str, Any]) -> bytes:
        """The source that a target names."""
        return _document({"source": source_row(self._here.source(request["text"]))})


def _document(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("utf-8", "surrogateescape")


def _answer(ask: Callable[[dict[str, Any]], bytes], request: dict[str, Any]) -> bytes:
    try:
        return ask(request)
    except HermeticaError as error:
        return _document({"error": error_row(error), "unseen": list(_unseen(error))})
    except Exception as error:  # noqa: BLE001 -- a defect of ours, told where the command tells of such
        trace, where = error.__traceback__, ""
        while trace is not None:
            where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
            trace = trace.tb_next
        return _document({"defect": f"{type(error).__name__}: {error}", "at": where})


def _unseen(error: BaseException | None) -> Iterator[tuple[str, str]]:
    """What was looked for in vain on the way to an error: (``file`` or ``variable``, its name)."""
    while error is not None:
        if isinstance(error, OSError) and error.filename is not None:
            yield "file", os.path.abspath(os.fsdecode(error.filename))  # noqa: PTH100 -- links stay
        if isinstance(error, KeyError) and error.args and _is_of_environment(error):
            yield "variable", str(error.args[0])
        error = error.__cause__ or error.__context__


def _is_of_environment(error: KeyError) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename in {os.__file__, "<frozen os>"}


def serve(asked: int, answers: int, talk: int) -> None:
    """Answers until the other end is closed.

    The first line says where modules are looked for, and how its own Python is to be strange.

    Args:
        asked: the descriptor that requests come from.
        answers: the one that answers go to.
        talk: the one of what modules say on standard error.
    """
    gc.set_threshold(_GARBAGE_MAX)
    inside, printed = Inside(), sys.stdout
    with os.fdopen(asked, "rb") as requests, os.fdopen(answers, "wb") as out, evaluation():
        out.write(b'{"ready":true}\n')
        out.flush()
        os.dup2(talk, 2)
        os.close(talk)
        _use_the_wait(asked)
        if line := requests.readline():
            _become(json.loads(line))
        for line in requests:
            request: dict[str, Any] = json.loads(line)
            answer = _answer(getattr(inside, request["ask"]), request)
            printed.flush()
            out.write(answer)
            out.write(b"\n")
            out.flush()


def _use_the_wait(asked: int) -> None:
    """Imports what modules of derivations are likely to use, as long as nothing is asked."""
    for name in _LIKELY:
        if select.select([asked], [], [], 0)[0]:
            return
        import_module(name)


def _become(given: dict[str, Any]) -> None:
    """Makes this Python what it is to be."""
    sys.path[:] = given["path"]
    os.environ.pop("PYTHONPATH", None)
    if given["any_variable"] or given["clock_shift_s"]:
        from hermetica.cli.apart import strange  # noqa: PLC0415 -- only where purity is checked

        if given["any_variable"]:
            strange.give_every_variable_a_value()
        strange.shift_clock(given["clock_shift_s"])


def main() -> None:
    """Serves at the three descriptors that its words name."""
    serve(*map(int, sys.argv[1:4]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # what the user's modules left behind is of no use to anybody
