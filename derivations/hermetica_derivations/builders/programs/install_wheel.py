"""Installs a wheel into a prefix, as one object of the store: files, scripts, data, and a record that says so.

Usage: ``install_wheel.py WHEEL PREFIX PYTHON``; scripts are run by ``PYTHON``. Sources: PyPA, *Binary distribution
format* and *Entry points specification*.
"""

from __future__ import annotations

import base64
import compileall
import configparser
import csv
import hashlib
import io
import posixpath
import py_compile
import re
import sys
import sysconfig
import zipfile
from pathlib import Path

SITE_PACKAGES = sysconfig.get_path("purelib", "posix_prefix", vars={"base": ""}).lstrip("/")  # whatever Debian prefers
_LAUNCHER = """#!{python}
import sys
from {module} import {first}
if __name__ == "__main__":
    sys.argv[0] = sys.argv[0].removesuffix(".exe")
    sys.exit({call}())
"""
_ENTRY = re.compile(r"(?P<module>[\w.]+)\s*:\s*(?P<call>\w+(?:\.\w+)*)\s*(?:\[.*\])?")


class _Verbatim(configparser.ConfigParser):
    """Keeps names as they are written."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def launchers(entry_points: str, python: str) -> dict[str, str]:
    """The scripts that an ``entry_points.txt`` asks for, by name.

    Raises:
        SystemExit: an entry is none.
    """
    parser = _Verbatim(delimiters=("=",), interpolation=None)
    parser.read_string(entry_points)
    made: dict[str, str] = {}
    for section in ("console_scripts", "gui_scripts"):
        for name, value in parser.items(section) if parser.has_section(section) else ():
            found = _ENTRY.fullmatch(value.strip())
            if found is None or "/" in name:
                raise SystemExit(f"not an entry point: {name} = {value}")
            call = found["call"]
            made[name] = _LAUNCHER.format(
                python=python, module=found["module"], first=call.partition(".")[0], call=call
            )
    return made


def place(name: str, data: str, project: str) -> str:
    """Where an entry of a wheel goes, relative to the prefix.

    Args:
        name: of the entry.
        data: the wheel's data directory, with a slash.
        project: the distribution's name.

    Raises:
        SystemExit: it would leave the prefix, or asks for a scheme that there is not.
    """
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or not {"", ".", ".."}.isdisjoint(parts):
        raise SystemExit(f"the wheel has a file outside of itself: {name!r}")
    if not name.startswith(data):
        return f"{SITE_PACKAGES}/{name}"
    scheme, _, rest = name.removeprefix(data).partition("/")
    places = {
        "purelib": SITE_PACKAGES,
        "platlib": SITE_PACKAGES,
        "scripts": "bin",
        "data": "",
        "headers": f"include/{project}",
    }
    if scheme not in places or not rest:
        raise SystemExit(f"the wheel asks for a scheme that there is not: {name!r}")
    return posixpath.join(places[scheme], rest)


def with_interpreter(content: bytes, python: str) -> bytes:
    """A script with ``#!python`` in its first line run by ``python``; others as they are."""
    first, newline, rest = content.partition(b"\n")
    if not re.match(rb"#!\s*pythonw?\b", first):
        return content
    return b"#!" + python.encode() + newline + rest


class Installation:
    """A wheel on its way into a prefix."""

    def __init__(self, wheel: zipfile.ZipFile, prefix: Path, python: str) -> None:
        names = [entry.filename for entry in wheel.infolist() if not entry.is_dir()]
        found = {name.partition("/")[0] for name in names if name.partition("/")[0].endswith(".dist-info")}
        if len(found) != 1:
            raise SystemExit(f"a wheel has one .dist-info directory, not {len(found)}")
        self.info = found.pop()
        self._wheel, self._names, self._prefix, self._python = wheel, names, prefix, python
        self._record: list[tuple[str, str, str]] = []

    def run(self) -> None:
        """Writes every file, then the record."""
        self._check_version()
        recorded = self._recorded()
        stem = self.info.removesuffix(".dist-info")
        for name in self._names:
            if name in {f"{self.info}/RECORD", f"{self.info}/RECORD.jws", f"{self.info}/RECORD.p7s"}:
                continue
            content = self._wheel.read(name)
            if recorded.get(name) != _digest(content):
                raise SystemExit(f"{name} is not what the wheel's own RECORD says")
            where = place(name, f"{stem}.data/", stem.partition("-")[0])
            mode = self._wheel.getinfo(name).external_attr >> 16
            is_script = where.startswith("bin/")
            self._write(
                where, with_interpreter(content, self._python) if is_script else content, mode | 0o111 * is_script
            )
        for name, text in self._launchers().items():
            self._write(f"bin/{name}", text.encode(), 0o755)
        self._write(f"{SITE_PACKAGES}/{self.info}/INSTALLER", b"hermetica\n", 0o644)
        self._write_record()

    def _check_version(self) -> None:
        text = self._wheel.read(f"{self.info}/WHEEL").decode()
        version = next(
            (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("Wheel-Version")), ""
        )
        if version.partition(".")[0] != "1":
            raise SystemExit(f"the wheel has version {version or 'none'} of the format; 1 is known")

    def _recorded(self) -> dict[str, str]:
        text = self._wheel.read(f"{self.info}/RECORD").decode()
        return {row[0]: row[1] for row in csv.reader(text.splitlines()) if len(row) > 1}

    def _launchers(self) -> dict[str, str]:
        name = f"{self.info}/entry_points.txt"
        return launchers(self._wheel.read(name).decode(), self._python) if name in self._names else {}

    def _write(self, where: str, content: bytes, mode: int) -> None:
        path = self._prefix / where
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise SystemExit(f"the wheel has {where} twice")
        path.write_bytes(content)
        path.chmod(0o755 if mode & 0o111 else 0o644)
        self._record.append((posixpath.relpath(where, SITE_PACKAGES), _digest(content), str(len(content))))

    def _write_record(self) -> None:
        text = io.StringIO()
        own = f"{self.info}/RECORD"
        csv.writer(text, lineterminator="\n").writerows([*sorted(self._record), (own, "", "")])
        (self._prefix / SITE_PACKAGES / own).write_text(text.getvalue(), encoding="utf-8")


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def compile_below(site_packages: Path) -> None:
    """Byte code that is never compared with its source, for neither changes; it names the source by a relative path."""
    compileall.compile_dir(
        site_packages,
        quiet=2,
        ddir="",
        workers=1,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def main() -> None:
    """Installs the wheel, or the only wheel of a directory."""
    wheel, prefix, python = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    if wheel.is_dir():
        (wheel,) = wheel.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        Installation(opened, prefix, python).run()
    compile_below(prefix / SITE_PACKAGES)


if __name__ == "__main__":
    main()
