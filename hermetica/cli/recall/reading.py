"""An evaluation's account of itself: what it read, how all that looks, and what stands against remembering it.

It is taken where the evaluation is, in this process or in a child of it. Source:
docs/adr/0009-builds-are-remembered-by-what-their-evaluation-read.md.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

import hermetica
import hermetica_store
from hermetica.cli.recall.impure import impure_name
from hermetica.cli.recall.states import SKIPPED, state_and_age
from hermetica.cli.recall.watch import Watch, is_standard

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

_TICK_NS: Final = 20_000_000  # two ticks of the slowest kernel clock
_COARSE_NS: Final = 2_000_000_000  # file systems that keep whole seconds
_SECOND_NS: Final = 1_000_000_000
_ROOMS: Final = tuple(Path(str(package.__file__)).parent for package in (hermetica, hermetica_store))
_OWN: Final = tuple(f"{place}{os.sep}" for room in _ROOMS for place in (room.absolute(), room.resolve()))
_SITE: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


@attrs.frozen
class Account:
    """What an evaluation read.

    Attributes:
        states: (kind, name) of what was read -> its state.
        refusal: why nothing may be remembered; empty where nothing stands against it.
    """

    states: Mapping[tuple[str, bytes], bytes] = attrs.field(factory=dict[tuple[str, bytes], bytes])
    refusal: str = ""


@attrs.define(eq=False)
class Reading:
    """Watches an evaluation, and gives account of it.

    Attributes:
        states: (kind, name) of what was read -> its state.
    """

    states: dict[tuple[str, bytes], bytes] = attrs.field(init=False, factory=dict[tuple[str, bytes], bytes])
    watch: Watch = attrs.field(init=False, factory=Watch)

    @contextmanager
    def watching(self) -> Generator[Watch]:
        """The time of the evaluation."""
        with self.watch.watching():
            yield self.watch

    def close(self) -> None:
        """Takes the states of what was read; to be called as soon as the evaluation is over."""
        if not self.watch.refusal:
            self._look([*self.watch.reads, *_sources(self.watch), *_search(self.watch)])
            self._compare()

    def account(self, *, code: bool = False) -> Account:
        """The account, modules included.

        Args:
            code: whether to look at what the code of the user could use that has no trace.
        """
        self._look([("s", os.fsencode(file)) for file in module_files()])
        if code:
            self._look_at_code()
        return Account(self.states, self.watch.refusal)

    def _look(self, names: Sequence[tuple[str, bytes]]) -> None:
        """Takes the states; what changed too short before the evaluation to tell whether it does again is refused."""
        for kind, name in names:
            state, changed_ns = state_and_age(kind, name)
            granularity_ns = _TICK_NS if changed_ns % _SECOND_NS else _COARSE_NS
            if changed_ns and changed_ns > self.watch.started_ns - granularity_ns and not self.watch.refusal:
                self.watch.refusal = f"{os.fsdecode(name)} changed just before"
            self.states[kind, name] = state

    def _compare(self) -> None:
        """What was not, before it was read, as it is now cannot be told from what it was when it was read."""
        for read, before in self.watch.reads.items():
            if before is not None and self.states[read] != before and not self.watch.refusal:
                self.watch.refusal = f"{os.fsdecode(read[1])} changed meanwhile"

    def _look_at_code(self) -> None:
        """Refuses where code of the user could look at what has no trace."""
        scripts = {os.fsdecode(name) for kind, name in self.states if kind == "s" and name.endswith(b".py")}
        for file in sorted({*scripts, *_users_modules()}):
            if is_standard(file) or file.startswith(_OWN) or any(site in file for site in _SITE):
                continue
            impure = _impurity(file)
            if impure is not None and not self.watch.refusal:
                self.watch.refusal = f"{file} may use {impure}"


def _impurity(file: str) -> str | None:
    """What the code in a file could use that has no trace."""
    if not file.endswith(".py"):
        return "what is not Python"
    try:
        return impure_name(compile(Path(file).read_bytes(), file, "exec", dont_inherit=True))
    except (OSError, SyntaxError, ValueError):  # what nothing can have run
        return None


def _users_modules() -> Iterator[str]:
    """The files of modules; those of the command itself left out."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and name != "__main__":
            yield os.path.abspath(file)  # noqa: PTH100 -- not resolved


def module_files() -> Iterator[str]:
    """The files of all modules but Python's own."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and not is_standard(file):
            yield os.path.abspath(file)  # noqa: PTH100 -- not resolved: the link counts too


def _search(watch: Watch) -> Iterator[tuple[str, bytes]]:
    """The directories in which a module with another content could appear."""
    places = [os.path.abspath(place) for place in watch.search if not is_standard(f"{place}{os.sep}x")]  # noqa: PTH100 -- not resolved: the link counts too
    tops = {name.partition(".")[0] for name in list(sys.modules)}
    for place in places:
        yield "n", os.fsencode(place)
        for name in os.listdir(place) if Path(place).is_dir() else ():  # noqa: PTH208 -- names alone
            if name in tops and name not in sys.stdlib_module_names and Path(place, name).is_dir():
                yield "n", os.fsencode(f"{place}/{name}")


def _sources(watch: Watch) -> Iterator[tuple[str, bytes]]:
    from hermetica.fetch.git import NoGit  # noqa: PLC0415 -- loaded where there are sources
    from hermetica.fetch.git_state import git_state  # noqa: PLC0415 -- only where something is to be kept

    for root, files in watch.sources.items():
        place = Path(root)
        above: list[Path] = [place, *place.parents] if files is not None else []
        yield from (("l", os.fsencode(each / ".git")) for each in above)
        skipped: list[str] = []
        if any(os.path.lexists(each / ".git") for each in above):
            try:
                state = git_state(place, os.environ)
            except NoGit as error:
                watch.refusal = watch.refusal or f"of the source {root} git says: {error}"
                return
            yield from (("s", os.fsencode(file)) for file in (*state.files, *_programs("git")))
            chosen: Any = files or set[str]()
            skipped = [name for name in state.ignored if not any(each.startswith(f"{name}/") for each in chosen)]
        yield "t", SKIPPED.join(os.fsencode(each) for each in (root, *skipped))


def _programs(name: str) -> Iterator[str]:
    """Where a program is looked for, up to where it is."""
    for place in os.environ.get("PATH", "").split(os.pathsep):
        file = os.path.join(place, name)  # noqa: PTH118 -- an empty place is the working directory
        yield os.path.abspath(file)  # noqa: PTH100 -- not resolved
        if os.access(file, os.X_OK):
            return
