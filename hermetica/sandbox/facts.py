"""Looks at the host: all that `refusal.classify` wants to know."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

from hermetica.sandbox.locate import os_release
from hermetica.sandbox.refusal import Facts, version_numbers


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _container() -> str:
    for path, name in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if Path(path).exists():
            return name
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    return os.environ.get("container", "")  # noqa: SIM112 -- systemd-nspawn and podman spell it so


def _has_filter() -> bool:
    return any(line.split() == ["Seccomp:", "2"] for line in _lines("/proc/self/status"))


def _proc_is_masked() -> bool:
    mount_points = (line.split()[4] for line in _lines("/proc/self/mountinfo"))
    return any(point.startswith("/proc/") for point in mount_points)


def _in_hermetica() -> bool:
    first = _lines("/proc/1/comm")
    return os.environ.get("HERMETICA_SANDBOX") == "1" or (first == ["bwrap"] and Path("/hermetica/store").is_dir())


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def bwrap_version(program: str) -> tuple[int, ...]:
    """What ``bwrap --version`` says; empty if it says nothing."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return version_numbers(answer.stdout)


def gather(bwrap: str | None) -> Facts:
    """The facts of this host; ``bwrap`` is the program, None if there is none."""
    release = os_release()
    status = Path(bwrap).stat() if bwrap else None
    return Facts(
        superuser=os.geteuid() == 0,
        distributions=(release.get("ID", ""), *release.get("ID_LIKE", "").split()),
        version=bwrap_version(bwrap) if bwrap else (),
        setuid=status is not None and bool(status.st_mode & stat.S_ISUID) and status.st_uid == 0,
        in_hermetica=_in_hermetica(),
        container=_container(),
        seccomp=_has_filter(),
        kernel_has_user_namespaces=Path("/proc/self/ns/user").exists(),
        max_user_namespaces=_number("/proc/sys/user/max_user_namespaces"),
        unprivileged_clone=_number("/proc/sys/kernel/unprivileged_userns_clone"),
        apparmor_restricts=_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        proc_is_masked=_proc_is_masked(),
    )
