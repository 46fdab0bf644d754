"""On what a study was carried out: versions and facts of the machine, for whoever repeats it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hermetica.realize.step import host_system
from hermetica.sandbox import CONTRACT_VERSION
from hermetica.sandbox.facts import bwrap_version
from hermetica.sandbox.locate import find_bwrap, os_release


def host_facts() -> dict[str, Any]:
    """What a study says of the program that carried it out and the machine that it ran on.

    Raises:
        SandboxUnavailable: there is no bubblewrap.
    """
    return {
        "hermetica": _version(),
        "sandbox_contract": CONTRACT_VERSION,
        "python": platform.python_version(),
        "bubblewrap": ".".join(map(str, bwrap_version(find_bwrap()))),
        "system": host_system(),
        "distribution": os_release().get("PRETTY_NAME", ""),
        "kernel": platform.release(),
        "processor": _processor(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def _version() -> str:
    """Which hermetica is installed; empty where it runs from files that nobody installed."""
    try:
        return version("hermetica-build")
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    """The model, as the kernel names it; empty where it names none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
