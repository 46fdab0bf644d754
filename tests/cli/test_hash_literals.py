"""Where a hash is written in a Python file: one literal is singled out, or none is."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.cli.fixing.literals import Place, Unclear, Wanted, find

OLD, NEW = "0" * 64, "a" * 64
OTHER = "1" * 64


def rewritten(text: str, *lines: int, declared: str | None = OLD, words: tuple[str, ...] = ()) -> str:
    """The text with the right hash in it; in angle brackets why not."""
    wanted = Wanted(algorithm="sha256", declared=declared, got=NEW, words=words)
    found = find(text, frozenset(lines), wanted)
    if isinstance(found, Unclear):
        return f"<{found.reason}>"
    assert text.count("\n", 0, found.start) + 1 == found.line or "\r" in text
    return text[: found.start] + found.text + text[found.end :]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f'x = f("u", sha256="{OLD}")', f'x = f("u", sha256="{NEW}")'),
        (f"x = f('u', '{OLD}')  # why", f"x = f('u', '{NEW}')  # why"),
        (f'x = f("é", sha256="{OLD}")', f'x = f("é", sha256="{NEW}")'),
        (f'x = f("u", "{OLD[:9]}" "{OLD[9:]}")', f'x = f("u", "{NEW}")'),
        (f'x = f(a, sha256="{OLD}"); y = "{OLD}"', f'x = f(a, sha256="{NEW}"); y = "{OLD}"'),
        (f'x = f(a, s="{OTHER}"), f(b, s="{OLD}")', f'x = f(a, s="{OTHER}"), f(b, s="{NEW}")'),
    ],
)
def test_only_the_literal_in_the_call_changes(before: str, after: str) -> None:
    assert rewritten(before, 1) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = hm.fetchurl('u', hash=hm.UNKNOWN)", f"x = hm.fetchurl('u', sha256=\"{NEW}\")"),
        ("x = fetchurl('u', hash = UNKNOWN)", f"x = fetchurl('u', sha256=\"{NEW}\")"),
        ("x = hm.fetchurl('u', sha256=hm.UNKNOWN)", f"x = hm.fetchurl('u', sha256=\"{NEW}\")"),
        ("x = mine('u', hm.UNKNOWN)", f"x = mine('u', \"{NEW}\")"),
        ("x = mine('u', hash=hm.UNKNOWN)", f"x = mine('u', hash=\"{NEW}\")"),
        ("x = d(fixed=hm.FixedOutput(digest=hm.UNKNOWN))", f'x = d(fixed=hm.FixedOutput(digest="{NEW}"))'),
    ],
)
def test_an_unknown_hash_becomes_a_hash_in_the_form_that_the_call_takes(before: str, after: str) -> None:
    assert rewritten(before, 1, declared=None) == after


def test_in_calls_over_several_lines_the_line_endings_stay() -> None:
    text = f'import x\r\n\r\ny = unpack(\r\n    fetch(\r\n        "u",\r\n        sha256="{OLD}",\r\n    ),\r\n)\r\n'
    assert rewritten(text, 4) == text.replace(OLD, NEW)


def test_of_two_calls_on_one_line_the_words_of_the_derivation_decide() -> None:
    text = 'x = f("https://a/one", h=UNKNOWN), f("https://a/two", h=UNKNOWN)'
    assert rewritten(text, 1, declared=None, words=("https://a/two",)).endswith(f'two", h="{NEW}")')
    assert rewritten(text, 1, declared=None).startswith("<several could be meant, in line 1")


def test_a_hash_bound_to_a_name_that_the_call_uses_is_found() -> None:
    text = f'A = "{OLD}"\nB = "{OLD}"\nx = f("u", B)\n'
    assert rewritten(text, 3).splitlines()[:2] == [f'A = "{OLD}"', f'B = "{NEW}"']
    unknown = "A = hm.UNKNOWN\nB: str = hm.UNKNOWN\nx = f('u', B)\n"
    assert rewritten(unknown, 3, declared=None).splitlines()[1] == f'B: str = "{NEW}"'


def test_in_a_table_the_entry_of_the_derivation_is_found() -> None:
    text = "T = {'zlib': hm.UNKNOWN, 'curl': hm.UNKNOWN}\nfor n in T: f(n, T[n])\n"
    assert rewritten(text, 2, declared=None, words=("https://a/curl-8.tgz",)).startswith(
        f"T = {{'zlib': hm.UNKNOWN, 'curl': \"{NEW}\"}}"
    )
    rows = f"R = [('zlib', '{OLD}'), ('curl', '{OLD}')]\nfor n, s in R: f(n, s)\n"
    assert f"('curl', '{NEW}')" in rewritten(rows, 2, words=("curl-8",))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('x = f("u", "0" * 64)', "computed"),
        ("def g(h=hm.UNKNOWN):\n    return f(h)\n", "no literal"),
        ("x = f('u', h)\ny = hm.fetchurl('v', hash=hm.UNKNOWN)\n", "for certain"),
        (f'A = ["{OLD}", "{OLD}"]\nf(A[1])\n', "several"),
        ("x = (", "no longer Python"),
    ],
)
def test_what_is_not_certain_is_refused(text: str, reason: str) -> None:
    assert reason in rewritten(text, 1 if "\nf(" not in text else 2, declared=OLD if "UNKNOWN" not in text else None)


@given(st.lists(st.sampled_from(["é", "\t", "🜁", "a", " ", "'"]), max_size=8).map("".join), st.integers(0, 3))
def test_what_stands_around_the_literal_stays_to_the_character(odd: str, above: int) -> None:
    text = f"# {odd}\n" * above + f"x = f({odd!r}, '{OLD}', {odd!r})  # {odd}\n"
    found = find(text, frozenset({above + 1}), Wanted(algorithm="sha256", declared=OLD, got=NEW, words=()))
    assert isinstance(found, Place)
    changed = text[: found.start] + found.text + text[found.end :]
    assert changed == text.replace(OLD, NEW)
    ast.parse(changed)
