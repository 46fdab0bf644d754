"""A Python project with a build backend of its own in its tree, for tests of what builds and installs wheels."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BACKEND = '''
"""Makes a wheel of greeting.py: compressed, unsorted, with the time of day."""
import json, time, zipfile, pathlib

WHEEL = """Wheel-Version: 1.0
Generator: test
Root-Is-Purelib: true
Tag: py3-none-any
"""

def build_wheel(directory, config_settings=None, metadata_directory=None):
    import base64, hashlib
    files = {
        "greeting.py": pathlib.Path("greeting.py").read_text(),
        "settings.json": json.dumps(config_settings),
        "greeting-1.0.dist-info/WHEEL": WHEEL,
        "greeting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: greeting\\nVersion: 1.0\\n",
        "greeting-1.0.dist-info/entry_points.txt": "[console_scripts]\\ngreet = greeting:main\\n",
    }
    def digest(text):
        return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    record = [f"{name},sha256={digest(text)},{len(text)}" for name, text in files.items()]
    files["greeting-1.0.dist-info/RECORD"] = "\\n".join([*record, "greeting-1.0.dist-info/RECORD,,"])
    name = "greeting-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{directory}/{name}", "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, text in reversed(files.items()):
            wheel.writestr(zipfile.ZipInfo(path, time.gmtime()[:6]), text)
    return name
'''
PYPROJECT = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
GREETING = "import sys\n\n\ndef main():\n    print('hello from', sys.prefix)\n"


def write_project(directory: Path) -> Path:
    """The project, in a new directory."""
    directory.mkdir()
    for name, text in (("pyproject.toml", PYPROJECT), ("backend.py", BACKEND), ("greeting.py", GREETING)):
        (directory / name).write_text(text)
    return directory


def write_wheel(path: Path, files: Mapping[str, str], *, record: str | None = None) -> Path:
    """A wheel with these files and a true record, or with the record given."""
    info = next(name for name in files if name.endswith(".dist-info/WHEEL")).removesuffix("WHEEL")
    rows = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},\n"
        for name, text in files.items()
    )
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
        wheel.writestr(f"{info}RECORD", rows if record is None else record)
    return path
