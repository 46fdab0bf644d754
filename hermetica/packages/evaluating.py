"""Calling package functions: what is being evaluated right now, so that a package that needs itself is found out.

A function asks for the packages it needs while it runs, so a long chain of packages is a deep stack. Where half of
the stack that Python allows is used, evaluation goes on in a thread of its own, which has another: the limits of the
interpreter stay what they are, and no stack has to be large.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Final, TypeVar

from hermetica.model.origin import user_line
from hermetica.packages.errors import EvaluationRecursion

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_R = TypeVar("_R")
_T = TypeVar("_T")
_STEPS_BETWEEN_LOOKS: Final = 8
_NESTED_MAX: Final = 30_000
_SHOWN_MAX: Final = 12
_path: ContextVar[dict[Hashable, object] | None] = ContextVar("hermetica_packages", default=None)


def evaluate(key: Hashable, subject: object, call: Callable[[_T], _R], argument: _T) -> _R:
    """What ``call(argument)`` returns, unless it is being called already.

    Args:
        key: what it computes.
        subject: the same for people, as its text.
        call: computes it.
        argument: of the call.

    Raises:
        EvaluationRecursion: it needs itself.
    """
    path = _path.get()
    if path is None:
        reset = _path.set({key: subject})
        try:
            return call(argument)
        finally:
            _path.reset(reset)
    depth = len(path)
    if key in path or depth >= _NESTED_MAX:
        raise _recursion(path, key, subject)
    path[key] = subject
    try:
        if depth % _STEPS_BETWEEN_LOOKS == 0 and _is_deep():
            return _on_another_stack(lambda: call(argument))
        return call(argument)
    finally:
        del path[key]


def _recursion(path: dict[Hashable, object], key: Hashable, subject: object) -> EvaluationRecursion:
    keys, names, name = list(path), [str(each) for each in path.values()], str(subject)
    way = [*names[keys.index(key) if key in path else 0 :], name]
    if len(way) > _SHOWN_MAX:
        half = _SHOWN_MAX // 2
        way = [*way[:half], f"({len(way) - 2 * half} more)", *way[-half:]]
    what = f"{name} needs itself" if key in path else f"{name} is needed {len(path):,} packages deep"
    return EvaluationRecursion(
        f"{what}: {' -> '.join(way)}",
        hint="break the circle: one of them has to be made without the others, as type(self).cc(self, libc=first_libc)",
        origin=user_line(),
    )


def _is_deep() -> bool:
    """Whether half of the stack that Python allows is used."""
    try:
        sys._getframe(sys.getrecursionlimit() // 2)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- as in model.origin
    except ValueError:
        return False
    return True


def _on_another_stack(call: Callable[[], _R]) -> _R:
    """Calls in a new thread, with the context of this one, and waits."""
    from threading import Thread  # noqa: PLC0415 -- few chains are so long

    results: list[_R] = []
    failures: list[BaseException] = []
    context = copy_context()

    def carry_out() -> None:
        try:
            results.append(context.run(call))
        except BaseException as error:  # noqa: BLE001 -- raised again below
            failures.append(error)

    thread = Thread(target=carry_out, name="hermetica-evaluation", daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures.pop()
    return results[0]
