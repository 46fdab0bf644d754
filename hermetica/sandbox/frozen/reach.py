"""How far this host goes: the highest tier that it gives, found out by a sandbox whose program reads the clock.

The program is a few instructions of the machine, so that nothing has to be installed for it.
"""

from __future__ import annotations

import contextlib
import functools
import platform
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.sandbox.errors import FrozenClockFailed, SandboxError, TierUnavailable
from hermetica.sandbox.factors import CLOCK_S, fixed_world
from hermetica.sandbox.frozen.process import check_machine
from hermetica.sandbox.run import run
from hermetica.sandbox.spec import Mount, SandboxSpec
from hermetica.sandbox.world import Tier, World

if TYPE_CHECKING:
    from collections.abc import Generator

_BASE: Final = 0x400000
_PLACE: Final = "/hermetica/store/reads-clocks"
_TIMEOUT_S: Final = 30.0

_READ_CLOCKS: Final = bytes.fromhex(
    "4883ec60"  # sub rsp, 96
    "b8c9000000 31ff 0f05 48890424"  # time(NULL) -> [rsp]
    "b8e4000000 31ff 488d742408 0f05"  # clock_gettime(CLOCK_REALTIME, rsp+8)
    "b860000000 488d7c2418 31f6 0f05"  # gettimeofday(rsp+24, NULL)
    "b83e010000 488d7c2428 be08000000 31d2 0f05"  # getrandom(rsp+40, 8, 0)
    "b801000000 bf01000000 4889e6 ba30000000 0f05"  # write(1, rsp, 48)
    "b83c000000 31ff 0f05"  # exit(0)
)


@attrs.frozen(kw_only=True)
class Reach:
    """How far a host goes.

    Attributes:
        tier: the highest that it gives.
        cause: why it gives no higher one; empty where it gives all.
    """

    tier: Tier
    cause: str = ""


def _program() -> bytes:
    """The program, as a static ELF file for x86-64."""
    size = 64 + 56 + len(_READ_CLOCKS)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, _BASE + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 4096) + _READ_CLOCKS


@contextlib.contextmanager
def _spec() -> Generator[SandboxSpec]:
    with tempfile.TemporaryDirectory(prefix="hermetica-reach-") as scratch:
        store, build, program = (Path(scratch, name) for name in ("store", "build", "program"))
        store.mkdir()
        build.mkdir()
        program.write_bytes(_program())
        program.chmod(0o755)
        mounts = (Mount(str(program), _PLACE),)
        yield SandboxSpec(builder=_PLACE, inputs=mounts, store_dir=str(store), build_dir=str(build))


def _read(spec: SandboxSpec, world: World) -> tuple[tuple[int, ...], bytes]:
    """What the program reads of the clock, and its random number."""
    output = bytearray()
    run(attrs.evolve(spec, world=world), log=output.extend, timeout_s=_TIMEOUT_S)
    if len(output) != 48:
        raise FrozenClockFailed("the trial of the clock did not end", "the program wrote nothing")
    return struct.unpack("<5q", output[:40]), bytes(output[40:])


@functools.cache
def reach() -> Reach:
    """How far this host goes; tried once in a process."""
    try:
        check_machine(platform.machine())
        with _spec() as spec:
            clock, _ = _read(spec, World(clock_s=CLOCK_S))
            if clock != (CLOCK_S, CLOCK_S, 0, CLOCK_S, 0):
                return Reach(tier=Tier.T0, cause=f"a program still reads another clock: {clock[0]}")
            (clock, first), (_, second) = (_read(spec, fixed_world(Tier.T3)) for _ in range(2))
            if clock[0] != CLOCK_S or first != second:
                return Reach(tier=Tier.T2, cause="random numbers could not be seeded")
    except TierUnavailable as error:
        return Reach(tier=Tier.T0, cause=error.cause)
    except (SandboxError, OSError) as error:
        return Reach(tier=Tier.T0, cause=str(error).splitlines()[0])
    return Reach(tier=Tier.T3)
