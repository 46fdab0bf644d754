"""The small files that the contract puts into every sandbox, as bytes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hermetica.sandbox.world import World

_NOBODY = 65534
_RANDOM_BYTES: Final = 1 << 16


@functools.lru_cache(maxsize=64)
def contract_etc(world: World) -> tuple[tuple[str, bytes], ...]:
    """(path, content) of the files in /etc; all are 0444."""
    where, shell = world.build_path, world.shell
    passwd = (
        f"root:x:0:0:root:{where}:{shell}\n"
        f"{world.user_name}:x:{world.uid}:{world.gid}:{world.user_name}:{where}:{shell}\n"
        f"nobody:x:{_NOBODY}:{_NOBODY}:nobody:/:{shell}\n"
    )
    group = f"root:x:0:\n{world.group_name}:x:{world.gid}:\nnogroup:x:{_NOBODY}:\n"
    names = "localhost" if world.host_name == "localhost" else f"localhost {world.host_name}"
    hosts = f"127.0.0.1 {names}\n::1 {names}\n"
    return (("/etc/passwd", passwd.encode()), ("/etc/group", group.encode()), ("/etc/hosts", hosts.encode()))


def _kernel(world: World) -> tuple[tuple[str, str], ...]:
    if world.kernel_name is None:
        return ()
    release, version = world.kernel_name
    return (
        ("/proc/sys/kernel/osrelease", f"{release}\n"),
        ("/proc/sys/kernel/version", f"{version}\n"),
        ("/proc/version", f"Linux version {release} (build@localhost) {version}\n"),
    )


def _load(world: World) -> tuple[tuple[str, str], ...]:
    """What else tells how long the machine has run, and at what."""
    if world.uptime is None or world.clock_s is None:
        return ()
    booted_s = world.clock_s - int(world.uptime.partition(".")[0])
    rows = "".join(f"cpu{name} 1 0 1 1 0 0 0 0 0 0\n" for name in (" ", *range(world.cpus or 1)))
    return (
        ("/proc/loadavg", "0.00 0.00 0.00 1/1 2\n"),
        ("/proc/stat", f"{rows}intr 0\nctxt 0\nbtime {booted_s}\nprocesses 2\nprocs_running 1\nprocs_blocked 0\n"),
    )


@functools.lru_cache(maxsize=64)
def masks(world: World) -> tuple[tuple[str, bytes], ...]:
    """(path, content) of the files of /proc that say something about the host and can be covered."""
    declared = (
        ("/proc/uptime", world.uptime),
        ("/proc/cpuinfo", world.cpu_info),
        ("/proc/meminfo", world.memory_info),
        *_kernel(world),
        *_load(world),
    )
    return (
        ("/proc/cmdline", b"hermetica\n"),
        *((path, content.encode()) for path, content in declared if content is not None),
        *(() if world.random_seed is None else _random(world.random_seed)),
    )


@functools.lru_cache(maxsize=4)
def _random(seed: int) -> tuple[tuple[str, bytes], ...]:
    """What of the random numbers can be read from files: as much as any build wants, the same from each beginning."""
    import hashlib  # noqa: PLC0415 -- studies only

    numbers = hashlib.shake_128(b"hermetica random device %d" % seed).digest(_RANDOM_BYTES)
    words = numbers[:32].hex()
    uuids = [
        f"{each[:8]}-{each[8:12]}-4{each[13:16]}-8{each[17:20]}-{each[20:]}\n" for each in (words[:32], words[32:])
    ]
    return (
        ("/dev/random", numbers),
        ("/dev/urandom", numbers),
        ("/proc/sys/kernel/random/uuid", uuids[0].encode()),
        ("/proc/sys/kernel/random/boot_id", uuids[1].encode()),
    )
