"""Watches what an evaluation reads, so that it can be remembered, or says why it cannot.

Python tells audit hooks of every file it opens and every directory it lists; functions that only look (``os.stat`` and
its kind) and the environment tell nobody, and are wrapped for the time. An event that is not known to be harmless ends
the remembering, not the evaluation. Source: PEP 578; the Python library's audit event table.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from importlib.util import source_from_cache
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.cli.recall.states import ALL_VARIABLES, state
from hermetica.readings import listener

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

_HARMLESS: Final = frozenset(
    {
        *(
            "import",
            "exec",
            "compile",
            "marshal.load",
            "marshal.loads",
            "marshal.dumps",
            "code.__new__",
            "function.__new__",
        ),
        *("object.__getattr__", "object.__setattr__", "object.__delattr__", "builtins.id", "array.__new__"),
        *("sys._getframe", "sys._getframemodulename", "sys._current_frames", "sys.settrace", "sys.setprofile"),
        *("glob.glob", "glob.glob/2", "pathlib.Path.glob", "pathlib.Path.rglob", "os.walk", "time.sleep"),
        *("gc.get_objects", "gc.get_referrers", "gc.get_referents", "pickle.find_class", "mmap.__new__"),
        *("sys.monitoring.register_callback", "_thread.start_new_thread", "_thread.start_joinable_thread"),
    }
)
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_stat: Final = os.stat  # as it is when nobody watches
_COMPILED: Final = f"{os.sep}__pycache__{os.sep}"  # where imports write what they compiled
_WITHOUT_STAMPS: Final = (b"/proc/", b"/sys/")
STANDARD: Final = f"{os.path.dirname(os.path.realpath(os.__file__))}{os.sep}"  # noqa: PTH120 -- compared as text


def is_standard(path: str) -> bool:
    """Whether a file is of Python's own library, which its version stands for."""
    if not path.startswith((STANDARD, f"{os.path.dirname(os.__file__)}{os.sep}")):  # noqa: PTH120 -- compared as text
        return False
    return f"{os.sep}site-packages{os.sep}" not in path and f"{os.sep}dist-packages{os.sep}" not in path


def _has_no_stamp(path: bytes) -> bool:
    """Whether something can change and look as before: what the kernel makes up, devices, pipes."""
    if path.startswith(_WITHOUT_STAMPS):
        return True
    try:
        status = _stat(path)
        return status.st_dev in {_stat(each).st_dev for each in _WITHOUT_STAMPS} or not (
            S_ISREG(status.st_mode) or S_ISDIR(status.st_mode)
        )
    except OSError:
        return False


@attrs.define(eq=False)
class Watch:
    """What was read, and what stands against remembering it.

    Attributes:
        started_ns: when it began, in nanoseconds since the epoch.
        reads: (kind, name) -> its state just before it was read, where that is cheap to tell; the kinds are those of
            ``states``.
        search: the places in which modules were looked for.
        sources: the root of each source -> the relative paths of what was chosen; None where it is a file.
        refusal: why nothing may be remembered; empty where nothing stands against it.
    """

    started_ns: int = attrs.field(factory=time.time_ns)
    reads: dict[tuple[str, bytes], bytes | None] = attrs.field(factory=dict[tuple[str, bytes], "bytes | None"])
    search: dict[str, None] = attrs.field(factory=dict[str, None])
    sources: dict[str, set[str] | None] = attrs.field(factory=dict[str, "set[str] | None"])
    refusal: str = ""
    _active: bool = attrs.field(init=False, default=False)
    _paused: int = attrs.field(init=False, default=0)

    @contextmanager
    def watching(self) -> Generator[None]:
        """The time of the evaluation."""
        sys.addaudithook(self._hook)  # there is no taking it away; it does nothing afterwards
        token = listener.set(self)
        self.search.update(dict.fromkeys(sys.path))
        with _wrapped(self):
            self._active = True
            try:
                yield
            finally:
                self._active = False
                listener.reset(token)

    def refuse(self, why: str) -> None:
        """Nothing may be remembered; the first reason stays."""
        if self._active and not self._paused and not self.refusal:
            self.refusal = why

    def note(self, kind: str, path: object) -> None:
        """Something is read."""
        if not self._active or self._paused:
            return
        if isinstance(path, int):
            if kind in {"e", "n"}:
                self.refuse("it lists a directory by descriptor")
            return  # what a descriptor leads to was opened before
        name = os.fsencode(os.fspath(path)) if path is not None else b"."  # type: ignore[call-overload]  # foreign
        whole = name if name.startswith(b"/") else os.path.join(os.getcwdb(), name)  # noqa: PTH109, PTH118 -- bytes
        if kind != "l" and _has_no_stamp(whole):
            self.refuse(f"it reads {os.fsdecode(whole)}, which says nothing of its changes")
        if kind in {"n", "e"}:
            self.reads.setdefault((kind, whole), None)
            kind = "s"  # that it is there at all
        if (kind, whole) not in self.reads:
            self.reads[kind, whole] = state(kind, whole)

    def variable(self, name: bytes) -> None:
        """A variable of the environment is looked at."""
        if self._active and not self._paused:
            self.reads.setdefault(("v", name), None)

    @contextmanager
    def reading_ourselves(self) -> Generator[None]:
        """A time in which what is read is told of afterwards."""
        self._paused += 1
        try:
            yield
        finally:
            self._paused -= 1

    def source(self, root: str, files: Sequence[str] | None) -> None:
        """A source was read."""
        known = self.sources.get(root)
        self.sources[root] = None if files is None else {*(known or ()), *files}

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._active or self._paused or event in _HARMLESS:
            if event == "import" and self._active and arguments[2] is not None:
                self.search.update(dict.fromkeys(arguments[2]))
        elif event == "open":
            self._opened(*arguments[:3])
        elif event == "os.listdir":
            self.note("n", arguments[0])
        elif event == "os.scandir":
            self.note("e", arguments[0])
        elif event in {"os.mkdir", "os.rename"} and _COMPILED in f"{arguments[0]!s}/":
            pass
        else:
            self.refuse(f"it does what cannot be remembered ({event})")

    def _opened(self, path: object, mode: object, flags: object) -> None:
        if isinstance(flags, int) and flags & _WRITING:
            if _COMPILED not in str(path):
                self.refuse(f"it writes {path!s}")
        elif isinstance(path, int):
            self.refuse("it opens a descriptor")
        elif mode is None and not os.path.isabs(os.fsdecode(path)):  # type: ignore[arg-type]  # noqa: PTH117 -- foreign
            self.refuse(f"it opens {path!s}, perhaps below a descriptor")
        elif not is_standard(file := os.fsdecode(path)):  # type: ignore[arg-type]  # foreign
            self.note("s", path)
            if _COMPILED in file and file.endswith(".pyc"):  # it is not even looked into where its source changed
                try:
                    self.note("s", source_from_cache(file))
                except ValueError:
                    self.refuse(f"it reads {file}, whose source cannot be told")


class _Variables(dict[bytes, bytes]):
    """The data of ``os.environ``, which tells of every look at it."""

    def __init__(self, data: dict[bytes, bytes], watch: Watch) -> None:
        super().__init__(data)
        self._watch = watch

    def _all(self) -> None:
        for name in self.keys():
            self._watch.variable(name)
        self._watch.variable(ALL_VARIABLES)

    def __getitem__(self, name: bytes) -> bytes:
        self._watch.variable(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        if isinstance(name, bytes):
            self._watch.variable(name)
        return super().__contains__(name)

    def __iter__(self) -> Any:
        self._all()
        return super().__iter__()

    def __len__(self) -> int:
        self._watch.variable(ALL_VARIABLES)
        return super().__len__()


class _Stream:
    """A standard stream, which tells that somebody uses it."""

    def __init__(self, stream: Any, watch: Watch, why: str) -> None:
        self._stream = stream
        self._watch = watch
        self._why = why

    def __getattr__(self, name: str) -> Any:
        self._watch.refuse(self._why)
        return getattr(self._stream, name)


@contextmanager
def _wrapped(watch: Watch) -> Generator[None]:
    looks: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in ("stat", "lstat", "readlink", "access")}
    streams = {"stdin": "it reads its standard input", "stdout": "it prints", "stderr": "it prints"}
    before = {name: getattr(sys, name) for name in streams}
    data = _replace_variables(None)
    variables = _Variables(data, watch)
    abilities = (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids)
    added: list[tuple[set[Any], Callable[..., Any]]] = []
    try:
        for name, look in looks.items():
            wrapper = _telling(name, look, watch)
            added += [(ability, wrapper) for ability in abilities if look in ability]
            setattr(os, name, wrapper)
        for ability, wrapper in added:
            ability.add(wrapper)
        for name, why in streams.items():
            setattr(sys, name, _Stream(before[name], watch, why))
        _replace_variables(variables)
        yield
    finally:
        _replace_variables(data)
        now = variables.copy()
        if now != data:
            data.clear()
            data.update(now)
        for name, stream in before.items():
            if isinstance(getattr(sys, name), _Stream):
                setattr(sys, name, stream)
        for ability, wrapper in added:
            ability.discard(wrapper)
        for name, look in looks.items():
            setattr(os, name, look)


def _replace_variables(data: dict[bytes, bytes] | None) -> dict[bytes, bytes]:
    """Puts other data behind ``os.environ``, where some are given; those that were there."""
    views: Any = (os.environ, os.environb)
    before: dict[bytes, bytes] = views[0]._data  # noqa: SLF001 -- nothing public tells of a look at them
    if data is not None:
        for view in views:
            view._data = data  # noqa: SLF001 -- nothing public tells of a look at them
    return before


def _telling(name: str, look: Callable[..., Any], watch: Watch) -> Callable[..., Any]:
    """``os.stat`` or one of its kind, which tells what it is asked about."""
    of_itself = "l" if name in {"lstat", "readlink"} else "s"

    def tell(path: Any, *arguments: Any, **options: Any) -> Any:
        if options.get("dir_fd") is not None:
            watch.refuse(f"it calls os.{name} below a descriptor")
        watch.note("l" if options.get("follow_symlinks") is False else of_itself, path)
        return look(path, *arguments, **options)

    return tell
