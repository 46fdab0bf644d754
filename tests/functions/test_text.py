"""What a builder takes along: its text and that of its helpers, wherever they lie; nothing else changes the id."""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING

import hermetica as hm
from tests.functions.conftest import HEAD, texts

if TYPE_CHECKING:
    from tests.functions.conftest import Write

REPORT = '''
import csv
import json as j
from collections import Counter
from typing import TYPE_CHECKING, Final
if TYPE_CHECKING:
    from numpy import ndarray

LIMIT: Final = 3 * 5
WIDE = ("a", b"b", None)

# a comment that belongs to nobody
def unrelated() -> int:
    return 1

class Row:
    """A row."""

    kinds = WIDE

    def __init__(self, name: ndarray) -> None:
        self.name: str = slug(name)

def slug(text: str) -> str:
    return text.lower().replace(" ", "-")[:LIMIT]

@hm.builder(python=python)
def report(out: hm.Out, data: hm.Input, *, title: str = "Report") -> None:
    rows: Counter[str] = Counter(Row(each).name for each in csv.reader([title]))
    out.path.write_text(j.dumps(rows))

page = report(python, title="Q3")
'''


def variant(*changes: tuple[str, str]) -> str:
    text = REPORT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def test_the_helpers_a_function_uses_come_along_in_their_order(module: Write) -> None:
    page = module(REPORT).page
    assert list(texts(page)) == ["Row", "slug", "report"]
    assert texts(page)["slug"] == 'def slug(text: str) -> str:\n    return text.lower().replace(" ", "-")[:LIMIT]\n'
    assert texts(page)["report"].startswith("def report(out: hm.Out")
    function = page.structured["function"]
    assert function["imports"] == "from collections import Counter\nimport csv\nimport json as j\n"
    assert function["constants"] == {"LIMIT": 15, "WIDE": {"tuple": ["a", {"bytes": "Yg=="}, None]}}


def test_neither_the_place_nor_what_it_does_not_use_is_part_of_the_id(module: Write) -> None:
    page = module(REPORT).page
    same = [
        module(REPORT, name="other.py").page,
        module("\n\n\n" + REPORT).page,
        module(variant(("# a comment that belongs to nobody", "# another\n# comment"))).page,
        module(variant(("return 1", "return 2"))).page,
        module(variant(("3 * 5", "15"))).page,
        module(variant(("import csv\n", "import csv\nimport os\n"))).page,
        module(variant(("page = report(python, title", "page = report(data=python, title"))).page,
    ]
    assert {each.id for each in same} == {page.id}
    assert {each.canonical for each in same} == {page.canonical}


def test_what_it_uses_is_part_of_the_id(module: Write) -> None:
    other = [
        module(REPORT).page,
        module(variant(("text.lower()", "text.upper()"))).page,
        module(variant(("3 * 5", "3 * 6"))).page,
        module(variant(("    kinds = WIDE", "    kinds = (WIDE,)"))).page,
        module(variant(("out.path.write_text(", "out.path.write_text('' + "))).page,
        module(variant(("import json as j", "import marshal as j"))).page,
        module(variant(('title="Q3"', 'title="Q4"'))).page,
        module(variant((', title="Q3"', ""))).page,
        module(variant(("def report", "def account"), ("page = report", "page = account"))).page,
        module(REPORT, head=HEAD.replace('-python"', '-python4"')).page,
    ]
    assert len({each.id for each in other}) == len(other)


def test_a_definition_below_the_builder_is_found_too(module: Write) -> None:
    text = """
    @hm.builder(python=python)
    def report(out: hm.Out) -> None:
        out.path.write_text(slug("x"))
    def slug(text):
        return again(text) if text else ""
    def again(text):
        return slug(text[1:])
    """
    assert list(texts(module(text).report())) == ["report", "slug", "again"]


def test_decorators_bases_and_defaults_of_helpers_are_used_too(module: Write) -> None:
    text = """
    import functools
    SIZE = 4
    class Base: pass
    class Row(Base): pass
    def double(f): return f
    @functools.cache
    @double
    def slug(text, size=SIZE): return Row()
    @hm.builder(python=python)
    def report(out: hm.Out) -> None:
        report, slug
    """
    page = module(text).report()
    assert list(texts(page)) == ["Base", "Row", "double", "slug", "report"]
    assert page.structured["function"]["constants"] == {"SIZE": 4}
    assert page.structured["function"]["imports"] == "import functools\n"


def test_local_names_parameters_and_comprehensions_are_not_looked_for(module: Write) -> None:
    text = """
    def rows(): raise RuntimeError
    state = []
    @hm.builder(python=python)
    def report(out: hm.Out, *, title: str) -> None:
        rows = [state for state in title]
        def inner(title):
            nonlocal rows
            rows = lambda state: state
        class title: state = 1
        match rows:
            case {"a": state}: pass
        state: int
    """
    assert list(texts(module(text).report(title=""))) == ["report"]


def test_the_text_of_a_nested_function_is_dedented_but_for_its_strings(module: Write) -> None:
    text = '''
    def make(title):
        if title:
            @hm.builder(python=python, name=title)
            def report(out: hm.Out) -> None:
                # a comment
                out.path.write_text("""<h1>
                  indented
            </h1>""" + f"""
                {title_of(out)}
            """)
            return report
    def title_of(out): return ""
    page = make("Q3")()
    '''
    page = module(text).page
    assert page.name == "Q3"
    assert texts(page)["report"] == textwrap.dedent('''\
        def report(out: hm.Out) -> None:
            # a comment
            out.path.write_text("""<h1>
                      indented
                </h1>""" + f"""
                    {title_of(out)}
                """)
        ''')


def test_defaults_are_evaluated_where_the_builder_is_called(module: Write) -> None:
    text = """
    library = hm.store_path("/hermetica/store/hx222222222222222222222222222222-library")
    @hm.builder(python=python)
    def report(out: hm.Out, data: hm.Input = library, *, rows: tuple[int, ...] = tuple(range(3))) -> None: ...
    """
    function = module(text).report().structured["function"]
    assert function["positional"] == [{"input": "/hermetica/store/hx222222222222222222222222222222-library"}]
    assert function["named"] == {"dict": [["rows", {"tuple": [0, 1, 2]}]]}


def test_parameters_that_are_annotated_as_outputs_are_outputs(module: Write) -> None:
    text = """
    from hermetica import Out
    @hm.builder(python=python)
    def split(html: hm.Out, dev: "Out", data: hm.Input, more: int = 1) -> None: ...
    """
    split = module(text).split
    pages = split(python := hm.store_path("/hermetica/store/hx222222222222222222222222222222-x"))
    assert split.outputs == pages.outputs == ("html", "dev")
    assert pages.structured["function"]["positional"] == [{"input": str(python)}, 1]


def test_an_import_that_is_tried_is_taken_from_what_the_sandbox_has(module: Write) -> None:
    text = """
    try:
        import tomllib
    except ImportError:
        import tomli as tomllib
    import os
    import os.path
    @hm.builder(python=python)
    def report(out: hm.Out) -> None:
        import xml.sax
        tomllib.loads(os.path.join(""))
    """
    assert module(text).report().structured["function"]["imports"] == "import os\nimport os.path\nimport tomllib\n"


def test_a_derivation_knows_where_its_texts_lie_and_keeps_it(module: Write) -> None:
    from hermetica.model import from_records, to_records

    loaded = module(REPORT)
    places: dict[str, hm.Origin] = loaded.page.places
    lines = (HEAD + REPORT).splitlines()
    first = {name: lines[place.line - 1].partition("(")[0] for name, place in places.items()}
    assert first == {"Row": "class Row:", "slug": "def slug", "report": "def report"}
    assert places["Row"].file == loaded.__file__
    assert from_records(to_records([loaded.page])).places == places


def test_a_builder_is_named_after_its_function_and_is_known_to_be_one(module: Write) -> None:
    loaded = module(REPORT)
    assert loaded.page.name == "report"
    assert str(loaded.page.origin).endswith(f":{len((HEAD + REPORT).splitlines())}")
    assert loaded.report.__name__ == "report"
    assert isinstance(loaded.report, hm.Builder)
    signature = inspect.signature(loaded.report)
    assert list(signature.parameters) == ["data", "title"]
    assert signature.return_annotation is hm.Derivation
