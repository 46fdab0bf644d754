"""Making the outputs of one derivation in a scratch directory: by its builder in the sandbox, or by Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.realize.build import Built, build
from hermetica.realize.context import Usage
from hermetica.realize.plan import Work, work_of
from hermetica_store import Candidate

if TYPE_CHECKING:
    from hermetica.model import Resolved
    from hermetica.realize.context import RunContext
    from hermetica.realize.logs import BuildLog
    from hermetica.sandbox import World
    from hermetica_store import Scratch


def make(resolved: Resolved, context: RunContext, scratch: Scratch, log: BuildLog, world: World | None = None) -> Built:
    """Makes the outputs of ``resolved``; nothing of them is registered.

    Args:
        resolved: what to make.
        context: the run.
        scratch: an empty directory.
        log: takes what a builder says.
        world: the surroundings of a builder; None is the default one.

    Raises:
        RealizeError: it failed.
        SandboxUnavailable: this host offers no sandbox.
        WorldUnavailable: this host cannot give the world.
        TierUnavailable: likewise, of its clock, times, directory order, kernel name or randomness.
    """
    derivation = resolved.derivation
    if work_of(derivation) is Work.BUILD:
        built = build(resolved, context, scratch, log, world)
    else:
        built = _run_builtin(resolved, context, scratch)
    fixed, tree = derivation.fixed, built.candidates[0].tree
    if fixed is not None and fixed.method == "flat" and tree.is_file() and not tree.is_symlink():
        tree.chmod(0o644)  # a contract on bytes says nothing of modes: never executable
    return built


def _run_builtin(resolved: Resolved, context: RunContext, scratch: Scratch) -> Built:
    from hermetica.realize.builtin import run_builtin  # noqa: PLC0415 -- fetching brings much that builds do not need

    name = resolved.derivation.store_name("out")
    output = scratch.path / name
    composed = run_builtin(resolved, context, output)
    candidate = Candidate(tree=output, name=name, scratch_digest=None, output="out", composed=composed)
    return Built(candidates=(candidate,), usage=Usage())
