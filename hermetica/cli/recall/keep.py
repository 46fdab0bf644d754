"""Keeps what a build led to, where all that its evaluation read can be looked at again."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

import hermetica
import hermetica_store
from hermetica.cli.recall.answer import key_of
from hermetica.cli.recall.form import Evaluated, decode
from hermetica.cli.recall.impure import impure_name
from hermetica.cli.recall.states import SKIPPED, state_and_age
from hermetica.cli.recall.watch import Watch, is_standard
from hermetica.cli.reporting import reporters_of
from hermetica.config.load import config_file
from hermetica_store import Row, StoreError, StorePath, Table

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from contextlib import AbstractContextManager

    from hermetica.cli.session import Session
    from hermetica.model import Derivation

_TICK_NS: Final = 20_000_000  # two ticks of the slowest kernel clock
_COARSE_NS: Final = 2_000_000_000  # file systems that keep whole seconds
_SECOND_NS: Final = 1_000_000_000
_ROOMS: Final = tuple(Path(str(package.__file__)).parent for package in (hermetica, hermetica_store))
_OWN: Final = tuple(f"{place}{os.sep}" for room in _ROOMS for place in (room.absolute(), room.resolve()))
_SITE: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


@attrs.define(eq=False)
class Memory:
    """One command's way into the cache: watches its evaluation, and keeps what it led to.

    Attributes:
        session: of the command.
        states: (kind, name) of what was read -> its state.
    """

    session: Session
    states: dict[tuple[str, bytes], bytes] = attrs.field(init=False, factory=dict[tuple[str, bytes], bytes])
    _watch: Watch = attrs.field(init=False, factory=Watch)
    _key: bytes | None = attrs.field(init=False, default=None)

    @property
    def is_wanted(self) -> bool:
        """Whether the command is of a kind that can be remembered, and the user lets it."""
        options = self.session.options
        repeats = options.check or options.rounds > 1
        changes = options.dry_run or options.fix_hashes
        return not (options.no_eval_cache or changes or repeats or options.ui == "json")

    def watching(self) -> AbstractContextManager[None]:
        """The time of the evaluation."""
        return self._watched() if self.is_wanted else nullcontext()

    @contextmanager
    def _watched(self) -> Generator[None]:
        self._key = key_of(self.session.options.words)
        with self._watch.watching():
            if (settings := config_file(os.environ, Path.cwd())) is not None:
                self._watch.note("s", settings)
            with self._watch.reading_ourselves():  # the variables among the settings count in any case
                is_allowed = self.session.config.eval_cache and not reporters_of(self.session)
            yield
        if not is_allowed:
            self._key = None
        elif self._key is not None and not self._watch.refusal:
            self._look([*self._watch.reads, *_sources(self._watch), *_search(self._watch)])
            self._compare()
            self.session.console.transcript = []

    def keep(
        self, derivations: Sequence[Derivation], paths: Sequence[StorePath], links: Sequence[str], *, cached: bool
    ) -> None:
        """Keeps a command that succeeded.

        Args:
            derivations: what was asked for.
            paths: what is to be in the store.
            links: where links to them lie, in the same order; empty where none were made.
            cached: whether nothing had to be done.
        """
        transcript, key = self.session.console.transcript, self._key
        if transcript is not None and key is not None and paths:
            self._look([("s", os.fsencode(file)) for file in _module_files()])
            evaluated = _evaluated(self, derivations, paths, links)
            evaluated.confirmed = cached and self._was_the_same(key, evaluated)
            if evaluated.confirmed:
                self._look_at_code()
            if not self._watch.refusal:
                self._write(key, evaluated)
        if self.session.options.verbose and self._watch.refusal:
            self.session.console.say(f"evaluation: not remembered, because {self._watch.refusal}")

    def _look(self, names: Sequence[tuple[str, bytes]]) -> None:
        """Takes the states; what changed too short before the evaluation to tell whether it does again is refused."""
        for kind, name in names:
            state, changed_ns = state_and_age(kind, name)
            granularity_ns = _TICK_NS if changed_ns % _SECOND_NS else _COARSE_NS
            if changed_ns and changed_ns > self._watch.started_ns - granularity_ns and not self._watch.refusal:
                self._watch.refusal = f"{os.fsdecode(name)} changed just before"
            self.states[kind, name] = state

    def _compare(self) -> None:
        """What was not, before it was read, as it is now cannot be told from what it was when it was read."""
        for read, before in self._watch.reads.items():
            if before is not None and self.states[read] != before and not self._watch.refusal:
                self._watch.refusal = f"{os.fsdecode(read[1])} changed meanwhile"

    def _was_the_same(self, key: bytes, evaluated: Evaluated) -> bool:
        """Whether the evaluation before led to the same derivations."""
        former = self.session.objects.get(Table.ATTRIBUTES, key)
        known = None if former is None else decode(former)
        return known is not None and [row[0] for row in known.traces] == [row[0] for row in evaluated.traces]

    def _look_at_code(self) -> None:
        """Refuses where code of the user could look at what has no trace."""
        scripts = {os.fsdecode(name) for kind, name in self.states if kind == "s" and name.endswith(b".py")}
        for file in sorted({*scripts, *_users_modules()}):
            if is_standard(file) or file.startswith(_OWN) or any(site in file for site in _SITE):
                continue
            impure = _impurity(file)
            if impure is not None and not self._watch.refusal:
                self._watch.refusal = f"{file} may use {impure}"

    def _write(self, key: bytes, evaluated: Evaluated) -> None:
        objects, paths = self.session.objects, _paths(evaluated.objects)
        with suppress(StoreError), objects.lease() as lease:  # what was built is there, remembered or not
            lease.hold(paths)  # which notes that they were used
            objects.put([Row(Table.ATTRIBUTES, key, evaluated.encode(), paths[0])]).wait()


def _impurity(file: str) -> str | None:
    """What the code in a file could use that has no trace."""
    if not file.endswith(".py"):
        return "what is not Python"
    try:
        return impure_name(compile(Path(file).read_bytes(), file, "exec", dont_inherit=True))
    except (OSError, SyntaxError, ValueError):  # what nothing can have run
        return None


def _paths(bases: Sequence[bytes]) -> list[StorePath]:
    return [StorePath.parse_base(base.decode()) for base in bases]


def _evaluated(
    memory: Memory, derivations: Sequence[Derivation], paths: Sequence[StorePath], links: Sequence[str]
) -> Evaluated:
    from hermetica.cli.links import root_name  # noqa: PLC0415 -- only where something is kept

    session = memory.session
    places = [Path(link).parent.resolve() / Path(link).name for link in links]
    return Evaluated(
        confirmed=False,
        told=bool(session.options.verbose),
        reads=[(kind, name, state) for (kind, name), state in memory.states.items()],
        traces=[row for derivation in derivations for row in session.store.trace.rows_of(derivation)],
        objects=[path.base.encode() for path in dict.fromkeys(paths)],
        links=[
            (
                os.fsencode(root_name(place)),
                path.base.encode(),
                os.fsencode(place),
                os.fsencode(session.objects.on_disk(path)),
            )
            for place, path in zip(places, paths, strict=False)
        ],
        output=os.fsencode("".join(session.console.transcript or ())),
    )


def _users_modules() -> Iterator[str]:
    """The files of modules; those of the command itself left out."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and name != "__main__":
            yield os.path.abspath(file)  # noqa: PTH100 -- not resolved


def _module_files() -> Iterator[str]:
    """The files of all modules but Python's own."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and not is_standard(file):
            yield os.path.abspath(file)  # noqa: PTH100 -- not resolved: the link counts too


def _search(watch: Watch) -> Iterator[tuple[str, bytes]]:
    """The directories in which a module with another content could appear."""
    places = [os.path.abspath(place) for place in watch.search if not is_standard(f"{place}{os.sep}x")]  # noqa: PTH100
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
