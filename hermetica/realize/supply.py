"""Making damaged objects again: their derivations built anew, their sources copied anew, from what the store recorded.

The trace is not asked whether the object is there, for it is, and damaged. What is made takes the names that the first
build got, so that it is equal to the byte where the derivation is reproducible. Nothing is registered.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from hermetica.errors import HermeticaError
from hermetica.model import evaluation, resolve
from hermetica.model.identity import contract_id
from hermetica.model.outputs import FixedOutput
from hermetica.model.placeholder import digest_text, parse
from hermetica.model.record import from_record
from hermetica.realize.context import RunContext
from hermetica.realize.events import RebuildStarted
from hermetica.realize.history import records_of_objects
from hermetica.realize.kept_records import KeptRecords
from hermetica.realize.logs import BuildLog
from hermetica.realize.make import make
from hermetica.realize.sources import add_sources
from hermetica.realize.spawners import Spawners
from hermetica.realize.step import host_system
from hermetica_store import Candidate, StorePath, Table
from hermetica_store.copy import copy_tree
from hermetica_store.digest import Digest
from hermetica_store.rebuilt import take_rebuilt
from hermetica_store.remove import remove_tree
from hermetica_store.repair import CannotSupply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermetica.fetch.reach import Network
    from hermetica.model import Derivation, Token
    from hermetica.realize.events import Event
    from hermetica.realize.options import Options
    from hermetica.realize.store import Store
    from hermetica.sandbox import Cancellation
    from hermetica_store import Lease, Scratch

_LOG = ".log"
_UNKNOWN = "the store keeps neither a build record of it nor a source that is still there"


@attrs.frozen(kw_only=True)
class _Build:
    """A build that made an object.

    Attributes:
        key: of its derivation.
        output: which output the object was.
        outputs: what each of them was.
    """

    key: bytes
    output: str
    outputs: Mapping[str, StorePath]


@attrs.define(eq=False)
class _Recipes:
    """What a store knows of how its objects were made.

    Attributes:
        store: which.
        kept: reads its derivations.
        sources: object -> the row that says from where on the host it was copied.
        by_text: digest text of a placeholder -> key of the derivation's row.
    """

    store: Store
    kept: KeptRecords
    sources: dict[StorePath, Mapping[str, Any]] = attrs.field(factory=dict["StorePath", "Mapping[str, Any]"])
    by_text: dict[str, bytes] = attrs.field(factory=dict[str, bytes])

    @classmethod
    def of(cls, store: Store) -> _Recipes:
        """Everything that is recorded."""
        found = cls(store, KeptRecords(store.objects))
        for key, value in store.objects.items(Table.DERIVATIONS):
            found.by_text[digest_text(Digest(key))] = key
            record = json.loads(value)
            for source in record["sources"]:
                if source["root"] is not None and Path(source["root"]).exists():
                    found.sources[StorePath.parse(source["path"])] = source
            if (fixed := record["derivation"].get("fixed")) is not None:
                contract = contract_id(record["derivation"]["name"], FixedOutput(**fixed))
                found.by_text[digest_text(contract)] = key
        return found

    def builds(self, path: StorePath) -> list[_Build]:
        """The builds that made an object, newest first."""
        found: list[_Build] = []
        for record in reversed(records_of_objects(self.store.objects, [path])):
            outputs = {output: StorePath.parse(row["path"]) for output, row in record["outputs"].items()}
            output = next(output for output, each in outputs.items() if each == path)
            found.append(_Build(key=bytes.fromhex(record["drv"]), output=output, outputs=outputs))
        return found

    def derivation(self, key: bytes) -> Derivation | None:
        """A derivation that is kept, with its inputs; None where one of them is not. To be used in ``evaluation()``."""
        order: dict[bytes, dict[str, Any]] = {}
        pending = [key]
        while pending:
            key = pending.pop()
            value = self.store.objects.get(Table.DERIVATIONS, key)
            if value is None:
                return None
            record = self.kept.read(value)
            order.pop(key, None)  # what is needed more than once comes before all that need it
            order[key] = record
            for text in record["derivation"].get("inputs", ()):
                found = self.by_text.get(parse(text).digest)
                if found is None:
                    return None
                pending.append(found)
        derivation = None
        for record in reversed(order.values()):
            derivation = from_record(record)
        return derivation


class Remaking:
    """Supplies trees of damaged objects; to be left when it is no longer needed."""

    def __init__(
        self,
        store: Store,
        lease: Lease,
        *,
        options: Options,
        network: Callable[[], Network],
        cancellation: Cancellation,
        on_event: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._recipes: _Recipes | None = None
        self._spawners = Spawners()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="hermetica-repair")
        self._context = RunContext(
            store=store.objects,
            trace=store.trace,
            lease=lease,
            options=options,
            network=network,
            cancellation=cancellation,
            spawner=self._spawners.get,
            emit=on_event,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        self._spawners.__exit__(None, None, None)

    def __call__(self, path: StorePath, room: Scratch, damaged: frozenset[StorePath]) -> Path:
        """A right tree of ``path`` below ``room``, made anew. As `hermetica_store.repair.Supply`."""
        if self._recipes is None:
            self._recipes = _Recipes.of(self._store)
        recipes = self._recipes
        why: HermeticaError | None = None
        with evaluation():
            for built in recipes.builds(path):
                try:
                    derivation = recipes.derivation(built.key)
                    if derivation is None:
                        why = why or CannotSupply(path, "the recipe of something that it was built with is not kept")
                        continue
                    return self._rebuild(derivation, built, room, damaged)
                except HermeticaError as error:
                    why = error
        if path in recipes.sources:
            return self._copy(path, room, recipes)
        if isinstance(why, CannotSupply):
            raise why
        if why is not None:
            raise CannotSupply(path, why.message, hint=why.hint) from why
        raise CannotSupply(path, _UNKNOWN)

    def _rebuild(self, derivation: Derivation, built: _Build, room: Scratch, damaged: frozenset[StorePath]) -> Path:
        """Build a derivation again.

        Raises:
            CannotSupply: something that it needs is damaged, or it is for another system.
            HermeticaError: it failed.
        """
        path = built.outputs[built.output]
        if derivation.system not in {"any", host_system()}:
            raise CannotSupply(path, f"it is for {derivation.system}", hint="repair it on a machine of that kind")
        paths = self._inputs(derivation, path)
        resolved = resolve(derivation, paths.__getitem__)
        add_sources(derivation, self._store.objects, self._context.lease)
        used = set(self._store.objects.closure(resolved.inputs))
        if used & damaged:
            raise CannotSupply(path, "what it was built with is damaged too", waits_for=used & damaged)
        self._context.lease.hold(used)
        for left in list(room.path.iterdir()):  # by an attempt that failed
            remove_tree(left)

        self._context.emit(
            RebuildStarted(
                time_s=time.time(), drv=derivation.id.hex, name=derivation.name, number=1, total=1, against="store"
            )
        )

        def work() -> Path:
            with (room.path / _LOG).open("wb") as file:
                log = BuildLog(file, lambda text: self._context.log(derivation, text))
                candidates = make(resolved, self._context, room, log).candidates
            rebuilt = take_rebuilt(self._store.objects.root, candidates, built.outputs)
            return next(each.tree_on_disk for each in rebuilt if each.output == built.output)

        return self._pool.submit(work).result()

    def _inputs(self, derivation: Derivation, path: StorePath) -> Mapping[Token, StorePath]:
        """What the inputs realised to; those that are gone are realized again."""
        wanted = {each.input_id: each for _, each in derivation.inputs.derivations}
        keys = [(each.input_id, token.output) for token, each in derivation.inputs.derivations]
        if None in self._store.trace.unresolved_many(keys):
            results = self._store.realize_all(list(wanted.values()), cancellation=self._context.cancellation)
            for failure in (*results.failures, *results.failed):
                if failure.error is not None:
                    raise failure.error
        found = self._store.trace.unresolved_many(keys)
        paths = {token: each for token, each in zip(derivation.inputs.tokens, found, strict=True) if each is not None}
        if len(paths) != len(set(derivation.inputs.tokens)):
            raise CannotSupply(path, "what it was built with cannot be realized")
        return paths

    def _copy(self, path: StorePath, room: Scratch, recipes: _Recipes) -> Path:
        """Copy a source from the host again."""
        row, tree = recipes.sources[path], room.path / "source"
        copy_tree(Path(row["root"]), tree, recipes.kept.files(row))
        candidate = Candidate(tree=tree, name=path.name, discard_references=True, check_writers=False)
        return take_rebuilt(self._store.objects.root, [candidate], {candidate.output: path})[0].tree_on_disk
