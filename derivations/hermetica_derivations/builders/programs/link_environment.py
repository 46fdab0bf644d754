"""Makes a virtual environment of links: installed packages and an interpreter, brought together below one prefix.

Usage: ``link_environment.py PREFIX INTERPRETER PACKAGE…``, each an object of the store. What one package alone has is a
link into it, whole directories at once; directories that several have, as namespace packages do, are made. Scripts that
run on the interpreter run on the environment's instead. Source: Python documentation, *venv* and *site*.
"""

from __future__ import annotations

import filecmp
import platform
import sys
from pathlib import Path

NAMES = ("python", "python3", f"python{sys.version_info[0]}.{sys.version_info[1]}")


def merge(sources: list[Path], destination: Path) -> None:
    """Makes ``destination`` have what all of ``sources`` have.

    Raises:
        SystemExit: two of them have a path, and not the same there.
    """
    destination.mkdir(parents=True)
    for name in sorted({entry.name for source in sources for entry in source.iterdir()}):
        found = [source / name for source in sources if (source / name).is_symlink() or (source / name).exists()]
        if len(found) == 1:
            (destination / name).symlink_to(found[0])
        elif all(path.is_dir() for path in found):
            merge(found, destination / name)
        elif all(path.is_file() and filecmp.cmp(path, found[0], shallow=False) for path in found):
            (destination / name).symlink_to(found[0])
        else:
            raise SystemExit("two packages differ in one file:\n" + "\n".join(f"  {path}" for path in found))


def adopt_scripts(directory: Path, interpreter: str, prefix: Path) -> None:
    """Writes scripts that run on ``interpreter`` again, to run on the one of the environment."""
    old = f"#!{interpreter}".encode()
    for path in sorted(directory.iterdir()):
        content = path.read_bytes() if path.is_file() else b""
        if content.startswith(old) and content[len(old) : len(old) + 1] in {b"\n", b" "}:
            path.unlink()
            path.write_bytes(f"#!{prefix}/bin/python".encode() + content[len(old) :])
            path.chmod(0o755)


def configuration(interpreter: str) -> str:
    """What ``pyvenv.cfg`` says."""
    home = interpreter.rpartition("/")[0]
    return f"home = {home}\ninclude-system-site-packages = false\nversion = {platform.python_version()}\n"


def main() -> None:
    """Makes the environment."""
    prefix, interpreter, packages = Path(sys.argv[1]), sys.argv[2], [Path(each) for each in sys.argv[3:]]
    merge(packages, prefix)
    programs, libraries = prefix / "bin", prefix / "lib"
    for directory in (programs, libraries):
        if directory.is_symlink():  # one package alone has it: there is more to come beside its files
            directory.unlink()
            merge([package / directory.name for package in packages if (package / directory.name).exists()], directory)
        directory.mkdir(exist_ok=True)
    adopt_scripts(programs, interpreter, prefix)
    for name in NAMES:
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to(interpreter)
    (prefix / "pyvenv.cfg").write_text(configuration(interpreter), encoding="utf-8")


if __name__ == "__main__":
    main()
