"""The one table of exit statuses."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from hypothesis import given
from hypothesis import strategies as st

import hermetica
import hermetica_store
from hermetica.cli.report import InternalError
from hermetica.cli.status import PRIORITY, TABLE, ExitStatus, combine, entry_of, status_name
from hermetica.errors import HermeticaError

ROOT = "hermetica_store.errors.HermeticaError"


def every_error() -> list[type[HermeticaError]]:
    for package in (hermetica, hermetica_store):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    found: list[type[HermeticaError]] = []
    pending: list[type[HermeticaError]] = [HermeticaError]
    while pending:
        kind = pending.pop()
        found.append(kind)
        pending.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__.startswith(("hermetica.", "hermetica_store"))]


def test_every_error_but_the_root_has_a_status_of_its_own_kind() -> None:
    kinds = [kind for kind in every_error() if kind not in {HermeticaError, InternalError}]
    assert [f"{kind.__module__}.{kind.__name__}" for kind in kinds if entry_of(kind)[0] == ROOT] == []


def test_the_table_names_no_class_that_is_gone() -> None:
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in every_error()}
    assert set(TABLE) - names == set()


def test_every_status_of_the_table_has_a_priority() -> None:
    assert set(TABLE.values()) <= set(PRIORITY)


@given(st.lists(st.sampled_from((0, *PRIORITY))))
def test_statuses_combine_in_any_order_to_the_first_by_priority(statuses: list[int]) -> None:
    combined = combine(statuses)
    assert combined == combine(reversed(statuses))
    assert combined == (min(set(statuses) - {0}, key=PRIORITY.index) if any(statuses) else 0)


def test_every_status_has_a_name() -> None:
    assert {status_name(status) for status in PRIORITY} == {
        str(ExitStatus(status).name).lower().replace("_", "-") for status in PRIORITY
    }
    assert status_name(104) == "not-reproducible"
    assert status_name(9) == "9"


def test_a_wrong_hash_outranks_a_failure_and_a_failure_a_timeout() -> None:
    assert combine([101, 100, 102]) == 102
    assert combine([101, 100]) == 100
    assert combine([100, 5]) == 5
