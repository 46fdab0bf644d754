"""What a store promises to several processes at once, as a machine of small steps, and whether answers fit it.

A command takes one or more atomic steps; between them those of other processes may come. What several processes were
told is right if some interleaving of their steps gives these very answers and the state that is found afterwards.
Source: Herlihy and Wing, "Linearizability"; Claessen et al., "Finding Race Conditions in Erlang with QuickCheck and
PULSE".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: What can be in the store, with what each refers to.
REFERENCES: Final[dict[str, tuple[str, ...]]] = {
    "leaf0": (),
    "leaf1": (),
    "leaf2": (),
    "middle0": ("leaf0",),
    "middle1": ("leaf0", "leaf1"),
    "top": ("middle0", "middle1"),
    "text": (),
    "busybox": (),
    "built": ("text",),
}
ADDED: Final = ("leaf0", "leaf1", "leaf2", "middle0", "middle1", "top")
REALIZED: Final = ("text", "built")

Answer: TypeAlias = "str | tuple[str, ...]"
NOT_REGISTERED: Final = "NotRegistered"
IN_USE: Final = "InUse"
DONE: Final = "done"


@attrs.frozen(kw_only=True)
class Command:
    """What a process is asked to do.

    Attributes:
        verb: ``add``, ``realize``, ``hold``, ``drop``, ``root``, ``unroot``, ``delete``, ``collect``, ``verify``.
        item: what with; empty where the verb needs none.
        name: of a root.
    """

    verb: str
    item: str = ""
    name: str = ""


@attrs.frozen(kw_only=True)
class State:
    """What is there.

    Attributes:
        objects: registered.
        roots: (name, item).
        leases: (holder, item); the holder is a process, or a run of it, which ends with its command.
        traced: what is known to be realized.
    """

    objects: frozenset[str] = frozenset()
    roots: frozenset[tuple[str, str]] = frozenset()
    leases: frozenset[tuple[str, str]] = frozenset()
    traced: frozenset[str] = frozenset()

    @property
    def visible(self) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
        """What anybody can see."""
        return self.objects, self.roots

    def living(self) -> frozenset[str]:
        """What roots and leases reach: it must be there, whatever happens."""
        found: set[str] = set()
        pending = [item for _, item in (*self.roots, *self.leases) if item in self.objects]
        while pending:
            item = pending.pop()
            if item not in found:
                found.add(item)
                pending.extend(REFERENCES[item])
        return frozenset(found)

    def is_needed(self, item: str) -> bool:
        """Whether a root or lease names it, or an object refers to it."""
        named = {each for _, each in (*self.roots, *self.leases)}
        return item in named or any(item in REFERENCES[each] for each in self.objects)

    def without(self, item: str) -> State:
        """It is deleted; what is known of it goes too."""
        return attrs.evolve(self, objects=self.objects - {item}, traced=self.traced - {item})

    def held(self, holder: str, *items: str) -> State:
        """Those of the items that are there are held."""
        return attrs.evolve(self, leases=self.leases | {(holder, item) for item in items if item in self.objects})

    def released(self, *holders: str) -> State:
        """The holders let go of everything."""
        return attrs.evolve(self, leases=frozenset(pair for pair in self.leases if pair[0] not in holders))

    def rooted(self, name: str, item: str | None) -> State:
        """A root names an item, or no longer anything."""
        others = frozenset(pair for pair in self.roots if pair[0] != name)
        return attrs.evolve(self, roots=others if item is None else others | {(name, item)})

    def added(self, holder: str, item: str) -> State:
        """It is there, and held."""
        return attrs.evolve(self, objects=self.objects | {item}).held(holder, item)


@attrs.frozen
class Going:
    """A command under way: its next step, and what it remembers."""

    step: int = 0
    memory: tuple[str, ...] = ()


Next: TypeAlias = "Iterator[tuple[State, Going | Answer]]"


def run_of(worker: str) -> str:
    """The holder that is a run within a process."""
    return f"{worker}'s run"


def advance(state: State, worker: str, command: Command, going: Going) -> Next:
    """What the next step of a command can do: the state after it, and how it goes on, or its answer."""
    verb = command.verb
    if verb == "realize":
        yield from _realize(state, worker, command.item, going)
    elif verb == "collect":
        yield from _collect(state, going)
    elif verb == "delete":
        yield from _delete(state, command.item, going)
    else:
        yield _at_once(state, worker, command)


def _at_once(state: State, worker: str, command: Command) -> tuple[State, Answer]:
    item = command.item
    after = {
        "add": lambda: state.added(worker, item),
        "hold": lambda: state.held(worker, item),
        "drop": lambda: state.released(worker),
        "root": lambda: state.rooted(command.name, item),
        "unroot": lambda: state.rooted(command.name, None),
        "verify": lambda: state,
    }
    is_there = item in state.objects
    can_be_made = command.verb == "add" and state.objects.issuperset(REFERENCES[item])
    if item and not is_there and not can_be_made:
        return state, NOT_REGISTERED
    return after[command.verb](), DONE


def _collect(state: State, going: Going) -> Next:
    if going.step == 0:  # the snapshot
        yield state, Going(1, tuple(sorted(state.objects - state.living())))
        return
    gone: list[str] = []
    pending = list(going.memory)
    while died := [item for item in pending if item in state.objects and not state.is_needed(item)]:
        for item in died:
            state = state.without(item)
            pending.remove(item)
        gone += died
    yield state, tuple(sorted(gone))


def _delete(state: State, item: str, going: Going) -> Next:
    if going.step == 0:
        yield (state, Going(1)) if item in state.objects else (state, NOT_REGISTERED)
    elif item in state.objects and state.is_needed(item):
        yield state, IN_USE
    else:
        yield state.without(item), DONE


def _realize(state: State, worker: str, item: str, going: Going) -> Next:
    run, outcome = run_of(worker), "".join(going.memory)
    if going.step == 9:  # the run is over
        yield state.released(run), outcome
    elif item == "text":
        yield _ensure(state, run, item, Going(9))
    elif going.step == 0:  # the plan
        if item in state.traced:
            yield state.held(run, item), Going(9, ("cached",))
        else:
            yield state.held(run, *({"text"} & state.traced)), Going(1)
    elif going.step == 1:
        yield (
            (state, Going(2)) if (run, "text") in state.leases else (_ensure(state, run, "text", Going())[0], Going(2))
        )
    elif going.step == 2:  # under its claim: looked up once more
        yield (state.held(run, item), Going(9, ("cached",))) if item in state.traced else (state, Going(3))
    elif going.step == 3:
        yield state.added(run, "busybox"), Going(4)
    elif item not in state.traced:  # else somebody else built it, although we have the claim
        yield _ensure(state, run, item, Going(9))


def _ensure(state: State, run: str, item: str, going: Going) -> tuple[State, Going]:
    """Realize one thing whose inputs are there."""
    if item in state.traced:
        return state.held(run, item), attrs.evolve(going, memory=("cached",))
    made = attrs.evolve(state.added(run, item), traced=state.traced | {item})
    return made, attrs.evolve(going, memory=("built",))


def explanations(
    starts: frozenset[State],
    commands: Mapping[str, Command],
    answers: Mapping[str, Answer],
    dead: Sequence[str] = (),
) -> frozenset[State]:
    """The states that can be there afterwards, given what each process answered; empty if nothing explains it.

    Args:
        starts: those that could be there before.
        commands: process -> what it was asked, all at once.
        answers: process -> what it said; of those that were killed nothing counts.
        dead: the processes that were killed at some moment of it.
    """
    search = _Search(commands=commands, answers=answers, dead=frozenset(dead))
    pending = [_Moment(state, frozenset((worker, Going()) for worker in commands), frozenset(dead)) for state in starts]
    seen = set(pending)
    while pending:
        for each in search.following(pending.pop()):
            if each not in seen:
                seen.add(each)
                pending.append(each)
    return frozenset(moment.state for moment in seen if not moment.going and not moment.to_die)


@attrs.frozen
class _Moment:
    """What is there, which processes are where in what they do, and who is yet to be killed."""

    state: State
    going: frozenset[tuple[str, Going]]
    to_die: frozenset[str]

    def without(self, worker: str) -> frozenset[tuple[str, Going]]:
        """The others' places."""
        return frozenset(pair for pair in self.going if pair[0] != worker)


@attrs.frozen(kw_only=True)
class _Search:
    """What is looked for."""

    commands: Mapping[str, Command]
    answers: Mapping[str, Answer]
    dead: frozenset[str]

    def following(self, moment: _Moment) -> Iterator[_Moment]:
        """Every moment that can come next."""
        for worker, going in moment.going:
            others = moment.without(worker)
            for state, then in advance(moment.state, worker, self.commands[worker], going):
                if isinstance(then, Going):
                    yield _Moment(state, others | {(worker, then)}, moment.to_die)
                elif worker in self.dead or then == self.answers[worker]:
                    yield _Moment(state, others, moment.to_die)
        for worker in moment.to_die:
            state = moment.state.released(worker, run_of(worker))
            yield _Moment(state, moment.without(worker), moment.to_die - {worker})
