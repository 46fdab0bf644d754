"""One build in the sandbox: what the builder gets, running it, and naming what went wrong."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.model import with_own_paths
from hermetica.realize import kept
from hermetica.realize.context import Usage
from hermetica.realize.ending import check_exit
from hermetica.realize.errors import (
    BuildCancelled,
    BuildFailed,
    CommandNotFound,
    LeftOutOfSource,
    OutputMissing,
    RealizeError,
)
from hermetica.realize.lacks import files_named, in_words
from hermetica.realize.places import Spelling
from hermetica.sandbox import BuilderNotFound, Limits, Mount, SandboxSpec, Tier, World, run
from hermetica_store import STORE_PREFIX, Candidate
from hermetica_store.digest import Digest, path_digest_text
from hermetica_store.refusals import lack_of_room

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from hermetica.model import Derivation, Resolved
    from hermetica.realize.context import RunContext
    from hermetica.realize.logs import BuildLog
    from hermetica.realize.options import Options
    from hermetica_store import ObjectStore, Scratch

_SCRATCH_CONTEXT: Final = "hermetica 2026-11 scratch path v1"
_ATTRIBUTES_FILE: Final = ".attrs.json"


@attrs.frozen(kw_only=True)
class Built:
    """What a builder left.

    Attributes:
        candidates: one an output, in the order of the derivation.
        usage: what it used up.
        world: its surroundings; None is the default one, or none at all.
    """

    candidates: tuple[Candidate, ...]
    usage: Usage
    world: World | None = None


def scratch_digest(resolved: Resolved, output: str) -> str:
    """What stands in for the digest of an output while it is built: the same in every build of the same thing."""
    return _stand_in(resolved.id.raw + output.encode())


@functools.lru_cache(maxsize=256)  # asked for before a builder runs, and after
def _stand_in(identity: bytes) -> str:
    return path_digest_text(Digest.derive(_SCRATCH_CONTEXT, identity))


def _own_paths(resolved: Resolved) -> dict[str, str]:
    derivation = resolved.derivation
    return {
        output: f"{STORE_PREFIX}/{scratch_digest(resolved, output)}-{derivation.store_name(output)}"
        for output in derivation.outputs
    }


def _references_graph(store: ObjectStore, resolved: Resolved) -> dict[str, str]:
    files: dict[str, str] = {}
    for name, path in resolved.export_references:
        rows: list[dict[str, Any]] = []
        for member in store.closure([path]):
            info = store.info(member)
            rows.append(
                {
                    "path": str(member),
                    "references": [str(reference) for reference in store.references(member)],
                    "size_bytes": 0 if info is None else info.size_bytes,
                    "tree": "" if info is None else info.tree.hex,
                }
            )
        files[name] = json.dumps({"format": "hermetica.references/1", "closure": rows}, indent=1, sort_keys=True)
    return files


def _variables_and_files(
    resolved: Resolved, own: Mapping[str, str], store: ObjectStore, world: World
) -> tuple[dict[str, str], dict[str, str]]:
    """The environment and the files of the build directory that a builder is given."""
    files = _references_graph(store, resolved)
    variables = {**own, "HERMETICA_BUILD_CORES": str(world.jobs)}
    for name, declared in resolved.env:
        value = with_own_paths(declared, own)
        if name in resolved.derivation.pass_as_file:
            files[f".attr-{name}"] = value
            variables[f"{name}Path"] = f"{world.build_path}/.attr-{name}"
        else:
            variables[name] = value
    if resolved.structured is not None:
        attributes = {"outputs": dict(own), **resolved.structured}
        text = json.dumps(attributes, indent=1, sort_keys=True, ensure_ascii=False)
        files[_ATTRIBUTES_FILE] = with_own_paths(text, own)
        variables["HERMETICA_ATTRS"] = f"{world.build_path}/{_ATTRIBUTES_FILE}"
    return variables, files


def prepare_spec(
    resolved: Resolved, store: ObjectStore, options: Options, scratch: Path, world: World | None = None
) -> SandboxSpec:
    """The sandbox of ``resolved``, its directories made below ``scratch`` and filled.

    Args:
        resolved: what is to be built.
        store: where its inputs are.
        options: the caller's choices.
        scratch: an empty directory.
        world: the surroundings; None is the default one, with the cores of the options.
    """
    own = _own_paths(resolved)
    world = world or _default_world(options.cores)
    variables, files = _variables_and_files(resolved, own, store, world)
    build_dir, store_dir = f"{scratch}/build", f"{scratch}/store"
    os.mkdir(build_dir, 0o755)  # noqa: PTH102 -- a thousand times; so are paths made of text here
    os.mkdir(store_dir, 0o755)  # noqa: PTH102 -- a thousand times, as the line before
    for name, text in files.items():
        file = Path(build_dir, name)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)  # whatever the umask of this process is
    return SandboxSpec(
        builder=with_own_paths(resolved.builder, own),
        args=tuple(with_own_paths(argument, own) for argument in resolved.args),
        env=tuple(sorted(variables.items())),
        inputs=tuple(Mount(str(store.on_disk(path)), str(path)) for path in store.closure(resolved.inputs)),
        store_dir=store_dir,
        build_dir=build_dir,
        rootfs=None if resolved.rootfs is None else str(store.on_disk(resolved.rootfs)),
        world=world,
        limits=_limits(options.build_limit_bytes, options.build_limit_entries),
    )


@functools.lru_cache(maxsize=8)
def _default_world(cores: int) -> World:
    return World(jobs=cores)


@functools.lru_cache(maxsize=8)
def _limits(written_bytes: int | None, written_entries: int | None) -> Limits:
    return Limits(written_bytes=written_bytes, written_entries=written_entries)


def build(
    resolved: Resolved, context: RunContext, scratch: Scratch, log: BuildLog, world: World | None = None
) -> Built:
    """Runs the builder of ``resolved``; in the default world where it is given none.

    Raises:
        RealizeError: it failed, ran too long, was cancelled, or left an output out.
        SandboxUnavailable: this host offers no sandbox.
        WorldUnavailable: nor this world.
        TierUnavailable: nor a clock that stands still, which the derivation requires.
    """
    world = world or _required_world(resolved.derivation, context.options)
    with prepared(resolved, context.store, context.options, scratch, world) as spec:
        built = _run_builder(spec, resolved, context, scratch, log)
    return built if world is None else attrs.evolve(built, world=world)


def _required_world(derivation: Derivation, options: Options) -> World | None:
    """The world that a derivation requires, or the caller prefers; None where that is the default one."""
    if not derivation.features and options.clock == "running":
        return None
    from hermetica.realize.tiers import tier_for, world_at  # noqa: PLC0415 -- where a clock is to stand still

    tier = tier_for(derivation, options.clock)
    return None if tier is Tier.T0 else world_at(tier, options.cores)


@contextlib.contextmanager
def prepared(
    resolved: Resolved, store: ObjectStore, options: Options, scratch: Scratch, world: World | None = None
) -> Generator[SandboxSpec]:
    """The sandbox of ``resolved`` in a world, or in the default one; what lies in memory is gone when it is left.

    Raises:
        WorldUnavailable: this host has not what the world needs.
    """
    if world is None:
        yield prepare_spec(resolved, store, options, scratch.path)
        return
    from hermetica.realize.worlds import dated, directories, sources_of  # noqa: PLC0415 -- other worlds only

    with directories(world, scratch) as room:
        yield dated(prepare_spec(resolved, store, options, room, world), sources_of(resolved), room)


def _run_builder(spec: SandboxSpec, resolved: Resolved, context: RunContext, scratch: Scratch, log: BuildLog) -> Built:
    derivation, options = resolved.derivation, context.options
    started = time.monotonic()
    spelling = Spelling(log.write, derivation.places)
    try:
        ended = run(
            spec,
            log=spelling.write if derivation.places else log.write,
            timeout_s=options.timeout_s,
            silence_timeout_s=options.silence_timeout_s,
            log_limit_bytes=options.log_limit_bytes,
            cancellation=context.cancellation,
            spawner=context.spawner(),
        )
        spelling.end()
        check_exit(derivation, ended, log.tail(), options)
        if spec.world.in_memory:
            from hermetica.realize.worlds import bring_home  # noqa: PLC0415 -- other worlds only

            bring_home(spec, scratch)
        candidates = _find_outputs(resolved, scratch.path / "store", options.build_limit_bytes)
    except BuilderNotFound as error:
        raise CommandNotFound(
            derivation, f"the builder {spec.builder} cannot be run", details=error.details, hint=error.hint
        ) from error
    except RealizeError as error:
        if spec.world.clock_s is not None:
            from hermetica.realize.tiers import advise  # noqa: PLC0415 -- where a clock stands still

            advise(error)
        clearer = _explained(error, resolved, context, scratch)
        if options.keep_failed and not isinstance(error, BuildCancelled) and kept.can_keep(spec.world):
            clearer.kept = str(kept.keep(scratch, spec, derivation.name, time.monotonic() - started))
            clearer.details = (
                *clearer.details,
                ("kept", clearer.kept),
                ("enter", f"hermetica develop --failed {clearer.kept}"),
            )
        if clearer is error:
            raise
        raise clearer from error
    usage = Usage(
        cpu_user_s=ended.cpu_user_s, cpu_system_s=ended.cpu_system_s, peak_memory_bytes=ended.peak_memory_bytes
    )
    return Built(candidates=candidates, usage=usage)


def _explained(error: RealizeError, resolved: Resolved, context: RunContext, scratch: Scratch) -> RealizeError:
    """The failure itself, or what is behind it."""
    if not isinstance(error, BuildFailed):
        return error
    if lack := lack_of_room(scratch.path, context.store.root, error.message):
        raise lack from error
    if context.options.trace_files is not None:
        _trace(error, resolved, context, Path(context.options.trace_files))
    return _left_out(error) or error


def _left_out(error: BuildFailed) -> LeftOutOfSource | None:
    """The same failure, where a file is missing that a source of the derivation leaves out."""
    names = (*files_named(error.log_tail), *(lack.name for lack in error.lacks))
    if not names or not any(source.files for source in error.derivation.sources):
        return None
    from hermetica.fetch.left_out import missed  # noqa: PLC0415 -- only where something failed

    found = {file: why for source in error.derivation.sources for file, why in missed(source, names).items()}
    if not found:
        return None
    files = list(found)
    return LeftOutOfSource(
        error.derivation,
        f"{files[0]} is not in its source",
        details=(*(("exists", f"{file}, {why}") for file, why in found.items()), *error.details),
        hint=f"hm.source(…, include=[…, {', '.join(map(repr, files))}]), or let git know of it",
        log_tail=error.log_tail,
        lacks=error.lacks,
    )


def _trace(error: BuildFailed, resolved: Resolved, context: RunContext, record: Path) -> None:
    """Adds to a failure what the builder looked for in vain, in a second run of it."""
    from hermetica.realize.tracing import trace_files  # noqa: PLC0415 -- few ask for it

    with context.store.scratch() as second:
        spec = prepare_spec(resolved, context.store, context.options, second.path)
        room = second.path / "traced"
        room.mkdir()
        try:
            traced = trace_files(spec, resolved.derivation, context, record, room)
        except HermeticaError as refused:
            error.details = (*error.details, ("not traced", refused.message))
            return
    error.lacks = tuple(dict.fromkeys((*error.lacks, *traced.lacks)))
    error.details = (
        *error.details,
        *([("looked for", in_words(traced.lacks))] if traced.lacks else []),
        *([("not declared", f"{', '.join(traced.elsewhere)}: this machine has it")] if traced.elsewhere else []),
        ("all it opened", str(record)),
    )


def _find_outputs(resolved: Resolved, store_dir: Path, size_limit_bytes: int | None) -> tuple[Candidate, ...]:
    derivation = resolved.derivation
    candidates: list[Candidate] = []
    missing: list[str] = []
    for output in derivation.outputs:
        digest, name = scratch_digest(resolved, output), derivation.store_name(output)
        tree = store_dir / f"{digest}-{name}"
        if not os.path.lexists(tree):
            missing.append(output)
        candidates.append(
            Candidate(
                tree=tree,
                name=name,
                scratch_digest=digest,
                output=output,
                discard_references=bool(resolved.checks.get(output, {}).get("discard_references")),
                size_limit_bytes=size_limit_bytes,
            )
        )
    if missing:
        raise OutputMissing(
            derivation,
            f"the builder succeeded and did not make {', '.join(missing)}",
            hint="".join(f"create ${output}; " for output in missing).rstrip("; "),
        )
    return tuple(candidates)
