"""What a builder says, with the user's own lines in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hermetica.model import Origin
from hermetica.realize.places import Spelling, raised

PLACES = {"report": Origin("/home/me/pkgs.py", 10), "slug": Origin("/home/me/pkgs.py", 30)}
TRACE = """\
<b>1 < 2</b>
Traceback (most recent call last):
  File "<builder report>", line 3, in report
    slug("<builder x>")
  File "<builder slug>", line 1, in slug
  File "/usr/lib/python3.11/json/__init__.py", line 293, in load
json.decoder.JSONDecodeError: Expecting value
"""
SPELLED = (
    TRACE.replace("<builder report>", "/home/me/pkgs.py")
    .replace("<builder slug>", "/home/me/pkgs.py")
    .replace("line 3,", "line 12,")
    .replace("line 1,", "line 30,")
)


def spelled(*pieces: bytes) -> bytes:
    written: list[bytes] = []
    spelling = Spelling(written.append, PLACES)
    for piece in pieces:
        spelling.write(piece)
    spelling.end()
    return b"".join(written)


@given(st.lists(st.integers(0, len(TRACE)), max_size=8).map(sorted))
def test_wherever_what_it_says_is_cut_the_lines_are_the_users(cuts: list[int]) -> None:
    data = TRACE.encode()
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert spelled(*pieces) == SPELLED.encode()


def test_a_warning_names_the_line_too() -> None:
    assert spelled(b"<builder slug>:2: UserWarning: x\n") == b"/home/me/pkgs.py:31: UserWarning: x\n"


@given(st.lists(st.binary(max_size=20)))
def test_whatever_else_it_says_is_left_alone(pieces: list[bytes]) -> None:
    assert spelled(*pieces) == b"".join(pieces)


def test_nothing_is_held_back_that_can_be_no_name() -> None:
    written: list[bytes] = []
    spelling = Spelling(written.append, PLACES)
    spelling.write(b"loading ... ")
    assert written == [b"loading ... "]
    spelling.write(b"<" + b"x" * 600)
    assert b"".join(written) == b"loading ... <" + b"x" * 600


def test_what_was_raised_is_found_with_the_users_innermost_line() -> None:
    assert raised(SPELLED, PLACES) == ("json.decoder.JSONDecodeError: Expecting value", "/home/me/pkgs.py:30")
    assert raised("make: *** [all] Error 2\n", PLACES) is None
    assert raised(TRACE.replace("<builder ", "<other "), PLACES) is None
    failed = 'Traceback (most recent call last):\n  File "<builder imports>", line 1, in <module>\nImportError: x\n'
    assert raised(failed, PLACES) == ("ImportError: x", "")
