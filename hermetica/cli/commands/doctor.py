"""``hermetica doctor``: whether this machine can build, found out by trying, and what to do if it cannot."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hermetica.cli.status import ENVIRONMENT
from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from hermetica.cli.session import Session

_LITTLE_BYTES: Final = 2 << 30
_LITTLE_FILES: Final = 50_000
_NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "--world", action="store_true", help="try every factor of a build's world: that it can be fixed, and varied"
    )
    parser.epilog = f"Exit status {ENVIRONMENT} where nothing can be built, or with --world a factor cannot be had."


def run(session: Session) -> int:
    """Prints every finding; ``ENVIRONMENT`` where one keeps builds from starting."""
    if session.options.world:
        from hermetica.cli.worlds import show_worlds  # noqa: PLC0415 -- asked for nowhere else

        return show_worlds(session)
    findings = [*_sandbox(), *_clock(), *_store(session), *_mirrors(session), *_plugins()]
    can_build = not any(finding["level"] == "error" for finding in findings)
    document = {"format": "hermetica.doctor/1", "can_build": can_build, "findings": findings}
    session.console.result(document, _lines(findings))
    session.console.say("this machine can build" if can_build else "this machine cannot build")
    return 0 if can_build else ENVIRONMENT


def finding(level: str, about: str, message: str, cause: str = "", remedy: str = "") -> dict[str, Any]:
    """One thing that was looked at.

    Args:
        level: ``ok``, ``note`` (matters to some), ``warning`` or ``error``.
        about: what was looked at.
        message: what was found.
        cause: why it is so, where that is no good.
        remedy: what to do.
    """
    return {"level": level, "about": about, "message": message, "cause": cause, "remedy": remedy}


def _lines(findings: list[dict[str, Any]]) -> Iterator[str]:
    for each in findings:
        yield f"{each['level']:<7}  {each['about']}: {each['message']}"
        for label in ("cause", "remedy"):
            if each[label]:
                first, *more = each[label].splitlines()
                yield f"{'':9}{label:<6}  {first}"
                yield from (f"{'':17}{line}" for line in more)


def _sandbox() -> Iterator[dict[str, Any]]:
    from hermetica.sandbox import probe  # noqa: PLC0415 -- asked for nowhere else

    diagnosis = probe()
    for each in diagnosis.findings:
        if each.ok:
            yield finding("ok", each.what, each.text)
        else:
            level = "warning" if diagnosis.works else "error"
            yield finding(level, each.what, each.kind or "not as it should be", each.text, each.remedy)


def _clock() -> Iterator[dict[str, Any]]:
    from hermetica.sandbox.frozen.reach import reach  # noqa: PLC0415 -- asked for nowhere else

    reached = reach()
    if not reached.cause:
        yield finding("ok", "clock", f"can be held still, and strict worlds be given (tier {reached.tier.name})")
    else:
        remedy = "builds that require clock:frozen or world:strict need another host"
        yield finding("note", "clock", f"no higher tier than {reached.tier.name}", reached.cause, remedy)


def _store(session: Session) -> Iterator[dict[str, Any]]:
    try:
        root = session.objects.root
    except HermeticaError as error:
        cause = "; ".join(text for _, text in error.details)
        yield finding("error", "store", error.message, cause, error.hint or "")
        return
    if not os.access(root, os.W_OK):
        yield finding("error", "store", f"{root} cannot be written", "its permissions", "--store PATH elsewhere")
    else:
        yield finding("ok", "store", str(root))
    kind = file_system(root, Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace"))
    if kind in _NETWORK:
        yield finding(
            "warning",
            "store",
            f"{root} is on a network file system ({kind})",
            "locks and the index are not safe between machines",
            "HERMETICA_STORE=/a/local/directory",
        )
    yield from _room(root)
    if os.access(root, os.W_OK):
        yield from _features(session)


def _features(session: Session) -> Iterator[dict[str, Any]]:
    features = session.objects.features()
    yield finding("ok", "sharing", f"equal large files become {features.sharing}")
    try:
        wanted = session.config.seal
    except HermeticaError:  # told with the mirrors
        return
    if features.sealing == "fs-verity":
        yield finding("ok", "sealing", f"fs-verity is there; seal = {wanted}")
    elif wanted == "auto":
        yield finding(
            "note", "sealing", "nothing can be sealed here", features.sealing.removeprefix("none: "), 'seal = "off"'
        )
    else:
        yield finding("ok", "sealing", features.sealing)


def _room(root: Path) -> Iterator[dict[str, Any]]:
    from hermetica.cli.views.words import size  # noqa: PLC0415 -- after the store is known to open

    free, facts = shutil.disk_usage(root).free, os.statvfs(root)
    remedy = "hermetica gc frees what nothing needs"
    if free < _LITTLE_BYTES:
        yield finding("warning", "disk", f"{size(free)} free", "a toolchain alone takes about 1 GB", remedy)
    else:
        yield finding("ok", "disk", f"{size(free)} free")
    if facts.f_files > 0 and facts.f_favail < _LITTLE_FILES:
        yield finding("warning", "disk", f"{facts.f_favail:,} files can still be made", "inodes run out", remedy)


def file_system(path: Path, mounts: str) -> str:
    """The kind of file system that ``path`` is on, by the text of /proc/self/mounts; empty where it is not listed."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        if (path == Path(point) or Path(point) in path.parents) and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def _plugins() -> Iterator[dict[str, Any]]:
    from hermetica.cli.plugged import state_of  # noqa: PLC0415 -- asked for nowhere else
    from hermetica.entry_points import GROUPS, installed  # noqa: PLC0415 -- asked for nowhere else

    for each in installed():
        cause, remedy = state_of(each)
        level = "warning" if cause else "ok"
        text = "not used" if cause else each.value
        yield finding(level, f"{GROUPS[each.group]} {each.name} of {each.owner}", text, cause, remedy)


def _mirrors(session: Session) -> Iterator[dict[str, Any]]:
    from hermetica.fetch import Mirrors  # noqa: PLC0415 -- asked for nowhere else

    try:
        mirrors = Mirrors.from_config(session.config)
    except HermeticaError as error:
        yield finding("error", "config", error.message, "; ".join(text for _, text in error.details), error.hint or "")
        return
    for name in ("debian", "pypi", "npm"):
        try:
            count = len(mirrors.resolve(f"mirror://{name}/x"))
            yield finding("ok", "mirrors", f"{name}: {count} known")
        except HermeticaError as error:
            yield finding("note", "mirrors", error.message, "nothing names one", error.hint or "")
