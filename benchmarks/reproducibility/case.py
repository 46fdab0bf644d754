"""Cases of known truth: small builds, and for each of their files what makes it differ.

They lie in ``cases/CORPUS/GROUP.toml``, in a form that other tools can read too: a table a case, with the shell text
of the build (``script``, run with ``sh -e`` where the ``files`` lie; ``$out`` is a directory that is there), and
``truth``, which names the causes of each file of the output that can differ. A file it does not name never does.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

import attrs

from benchmarks.reproducibility.errors import MalformedCase, UnknownCase
from benchmarks.reproducibility.truth import Truth, minimal, parse_cause
from hermetica.sandbox import RACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CASES: Final = Path(__file__).parent / "cases"
CORPORA: Final = ("core", "extension", "held_out", "unseen", "afresh")
"""The first 44 programs; what they leave out; others that were written apart from the search; once more; and again."""

SCRIPT: Final = "build.sh"
_KEYS: Final = frozenset({"files", "note", "script", "truth"})


@attrs.frozen(kw_only=True)
class Case:
    """A build and what is known of it.

    Attributes:
        name: unique among all cases.
        corpus: one of `CORPORA`.
        group: the file it stands in, without its ending.
        note: what is peculiar about it; may be empty.
        files: (name, text) of what lies in the build directory, the script among them; ascending by name.
        truths: file of the output -> its causes, for those that can differ.
    """

    name: str
    corpus: str
    group: str
    note: str
    files: tuple[tuple[str, str], ...]
    truths: Mapping[str, Truth] = attrs.field(hash=False)

    @property
    def truth(self) -> Truth:
        """The causes of the output as a whole."""
        return minimal(cause for causes in self.truths.values() for cause in causes)

    @property
    def kind(self) -> str:
        """``control``, ``chance``, ``single``, ``several`` or ``interaction``, as tables group them."""
        causes = [cause for truth in self.truths.values() for cause in truth]
        if not causes:
            return "control"
        if any(RACE in cause for cause in causes):
            return "chance"
        if any(len(cause) > 1 for cause in causes):
            return "interaction"
        return "single" if len(self.truth) == 1 else "several"

    def write(self, directory: Path) -> None:
        """Lays the files of the build into ``directory``, for a tool that takes it from there."""
        for name, text in self.files:
            (directory / name).write_text(text, encoding="utf-8")


def parse_cases(text: str, *, corpus: str, group: str) -> tuple[Case, ...]:
    """The cases of one file, in its order.

    Raises:
        MalformedCase: it is no TOML, or a case lacks something or has something unknown.
    """
    where = f"{corpus}/{group}.toml"
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MalformedCase(f"{where} is no TOML: {error}") from error
    return tuple(_case(name, table, corpus, group) for name, table in tables.items())


def _case(name: str, value: object, corpus: str, group: str) -> Case:
    where = f"{corpus}/{group}.toml, {name}"
    table = cast("dict[str, Any]", value if isinstance(value, dict) else {})
    if not isinstance(table.get("script"), str):
        raise MalformedCase(f"{where}: a case is a table with a script", hint=f"write [{name}] and script = '''…'''")
    if unknown := sorted(set(table) - _KEYS):
        raise MalformedCase(f"{where}: there is no key {unknown[0]!r}", details=(("keys", ", ".join(sorted(_KEYS))),))
    if not isinstance(table.get("truth"), dict):
        raise MalformedCase(f"{where}: it says no truth", hint="write truth = { } for an output that never differs")
    files = {**table.get("files", {}), SCRIPT: table["script"]}
    return Case(
        name=name,
        corpus=corpus,
        group=group,
        note=table.get("note", ""),
        files=tuple(sorted(files.items())),
        truths={file: _truth(f"{where}, {file}", causes) for file, causes in sorted(table["truth"].items())},
    )


def _truth(where: str, causes: Sequence[str]) -> Truth:
    try:
        truth = frozenset(map(parse_cause, causes))
    except ValueError as error:
        raise MalformedCase(f"{where}: {error}") from error
    if not truth or truth != minimal(truth):
        raise MalformedCase(
            f"{where}: {', '.join(causes) or 'nothing'} is no set of minimal causes",
            hint="leave out the file if it never differs, and each cause that contains another",
        )
    return truth


def read_cases(corpora: Sequence[str] = CORPORA) -> tuple[Case, ...]:
    """All cases of the corpora, by corpus, then by file and its order.

    Raises:
        MalformedCase: a file is not as it should be, or two cases have one name.
    """
    cases: dict[str, Case] = {}
    for corpus in corpora:
        for path in sorted((CASES / corpus).glob("*.toml")):
            for case in parse_cases(path.read_text(encoding="utf-8"), corpus=corpus, group=path.stem):
                if case.name in cases:
                    raise MalformedCase(f"two cases are called {case.name}")
                cases[case.name] = case
    return tuple(cases.values())


class Named(Protocol):
    """What is asked for by its name."""

    @property
    def name(self) -> str:
        """The name."""
        ...


Each = TypeVar("Each", bound=Named)


def named(all_of_them: Sequence[Each], names: Sequence[str], *, kind: str = "case") -> tuple[Each, ...]:
    """Those of some names, in the order in which all of them stand; all of them where no name is given.

    Args:
        all_of_them: what there is.
        names: those that are wanted.
        kind: what they are, for people.

    Raises:
        UnknownCase: there is none of a name.
    """
    there = [each.name for each in all_of_them]
    if unknown := sorted(set(names) - set(there)):
        raise UnknownCase(f"no {kind} is called {unknown[0]!r}", details=((f"{kind}s", ", ".join(there)),))
    return tuple(each for each in all_of_them if not names or each.name in names)
