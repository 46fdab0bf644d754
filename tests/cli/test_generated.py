"""What attrs generates is compiled once, and means the same whoever compiled it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from hermetica.cli.generated import Generated
generated = Generated(sys.argv[1])
generated.stand_in()
from hermetica.model import FixedOutput
from hermetica_store import Digest, StorePath
one, other = StorePath("hx" + "1" * 30, "a"), StorePath("hx" + "2" * 30, "b")
fixed = FixedOutput(digest="0" * 64)
assert one < other and one != other and hash(one) == hash(StorePath(one.digest, one.name))
assert repr(Digest(b"1" * 32)) == "Digest(raw=" + "31" * 32 + ")"
assert fixed == FixedOutput(digest="0" * 64) and "digest=" in repr(fixed)
generated.save()
print(len(generated.known), len(generated.fresh))
"""

CHANGE = """
import marshal, sys
with open(sys.argv[1], "rb") as file:
    rows = marshal.load(file)
with open(sys.argv[1], "wb") as file:
    marshal.dump({name: (text + "#", code) for name, (text, code) in rows.items()}, file)
print(0, 0)
"""


def run(place: Path, seed: int, program: str = PROGRAM, **environment: str) -> tuple[int, int]:
    """How many classes had been compiled before, and how many were now."""
    named = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    ended = subprocess.run(
        [sys.executable, "-c", program, str(place)],
        env={**named, "PYTHONHASHSEED": str(seed), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    known, fresh = ended.stdout.split()
    return int(known), int(fresh)


def test_a_class_is_compiled_by_the_first_process_alone(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    known, fresh = run(place, seed=1)
    assert (known, fresh > 5) == (0, True)
    assert run(place, seed=2) == (fresh, 0)
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("damage", [b"", b"\xff" * 40, b"i\x01\x00\x00\x00", b"[\x01\x00\x00\x00i\x01\x00\x00\x00"])
def test_a_damaged_file_is_written_anew(damage: bytes, tmp_path: Path) -> None:
    place = tmp_path / "kept"
    place.write_bytes(damage)
    known, fresh = run(place, seed=1)
    assert known == 0
    assert run(place, seed=1) == (fresh, 0)


def test_a_class_that_changed_is_compiled_again(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    _, fresh = run(place, seed=1)
    run(place, seed=1, program=CHANGE)
    assert run(place, seed=1) == (fresh, fresh)
    assert run(place, seed=1) == (fresh, 0)


def test_whoever_may_keep_nothing_goes_without(tmp_path: Path) -> None:
    assert run(tmp_path / "absent" / "kept", seed=1)[1] > 0
    assert run(tmp_path / "kept", seed=1, PYTHONDONTWRITEBYTECODE="1")[1] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_library_leaves_attrs_alone() -> None:
    program = (
        "import hermetica as hm\nwith hm.evaluation():\n    hm.text('a', 'b')\n"
        "from attr import _make\nprint(0, int('compile' in vars(_make)))"
    )
    assert run(Path(), seed=1, program=program) == (0, 0)


@pytest.mark.parametrize(("word", "stands_in"), [("gc", 1), ("--version", 0)])
def test_every_command_that_has_classes_of_attrs_finds_them_compiled(tmp_path: Path, word: str, stands_in: int) -> None:
    program = (
        "import contextlib, io, sys\nfrom hermetica.cli.main import main\n"
        f"with contextlib.redirect_stdout(io.StringIO()):\n    main([{word!r}])\n"
        "print(0, int('attr' in sys.modules and 'compile' in vars(sys.modules['attr._make'])))"
    )
    assert run(tmp_path, seed=1, program=program, HERMETICA_STORE=str(tmp_path / "store")) == (0, stands_in)
