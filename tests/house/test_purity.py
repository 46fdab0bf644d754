"""The pure core computes: it imports nothing that reaches the world, and opens no file."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase

from tests.house.code import PACKAGES, modules

PURE = (
    "hermetica.cli.fixing.literals",
    "hermetica.cli.recall.form",
    "hermetica.cli.recall.impure",
    "hermetica.cli.status",
    "hermetica.cli.target",
    "hermetica.config.units",
    "hermetica.cli.views.state",
    "hermetica.cli.verdicts",
    "hermetica.cli.closures",
    "hermetica.cli.expressions",
    "hermetica.cli.views.causes",
    "hermetica.cli.views.changes",
    "hermetica.cli.views.explained",
    "hermetica.cli.views.forecast",
    "hermetica.cli.views.graphs",
    "hermetica.cli.views.words",
    "hermetica.config.settings",
    "hermetica.errors",
    "hermetica.fetch.apt",
    "hermetica.fetch.archive",
    "hermetica.fetch.debian_control",
    "hermetica.fetch.debian_index",
    "hermetica.fetch.debian_resolve",
    "hermetica.fetch.debian_version",
    "hermetica.fetch.git_modules",
    "hermetica.fetch.go_proxy",
    "hermetica.fetch.kinds",
    "hermetica.fetch.lock_pin",
    "hermetica.fetch.lock_lines",
    "hermetica.fetch.lock_text",
    "hermetica.fetch.lock_tree",
    "hermetica.fetch.locking.cargo",
    "hermetica.fetch.locking.foreign",
    "hermetica.fetch.locking.go_sum",
    "hermetica.fetch.locking.npm",
    "hermetica.fetch.locking.python",
    "hermetica.fetch.locking.target",
    "hermetica.fetch.npm",
    "hermetica.fetch.oci_manifest",
    "hermetica.fetch.oci_name",
    "hermetica.fetch.patterns",
    "hermetica.fetch.python_index",
    "hermetica.fetch.rootfs_alternatives",
    "hermetica.fetch.rootfs_merge",
    "hermetica.fetch.tar_header",
    "hermetica.functions.errors",
    "hermetica.functions.names",
    "hermetica.functions.values",
    "hermetica.model",
    "hermetica.model.*",
    "hermetica.packages.arguments",
    "hermetica.packages.axes",
    "hermetica.packages.errors",
    "hermetica.readings",
    "hermetica.spelling",
    "hermetica.realize.checks",
    "hermetica.realize.compared",
    "hermetica.realize.errors",
    "hermetica.realize.event_forms",
    "hermetica.realize.error_form",
    "hermetica.realize.event_lines",
    "hermetica.realize.events",
    "hermetica.realize.outcome",
    "hermetica.realize.plan",
    "hermetica.realize.schedule",
    "hermetica.report.chrome",
    "hermetica.report.course",
    "hermetica.report.document",
    "hermetica.report.layout",
    "hermetica.report.markdown",
    "hermetica.sandbox.command",
    "hermetica.sandbox.factors",
    "hermetica.sandbox.frozen.order",
    "hermetica.sandbox.frozen.vdso",
    "hermetica.sandbox.frozen.watched",
    "hermetica.sandbox.complaint",
    "hermetica.sandbox.errors",
    "hermetica.sandbox.files",
    "hermetica.sandbox.limits",
    "hermetica.sandbox.outcome",
    "hermetica.sandbox.refusal",
    "hermetica.sandbox.rootfs",
    "hermetica.sandbox.mount_table",
    "hermetica.sandbox.seccomp",
    "hermetica.sandbox.spec",
    "hermetica.sandbox.status",
    "hermetica.sandbox.world",
    "hermetica.realize.lacks",
    "hermetica.realize.opened",
    "hermetica.realize.written",
    "hermetica.study.advice",
    "hermetica.study.attribution",
    "hermetica.study.attribution_form",
    "hermetica.study.causes",
    "hermetica.study.cells",
    "hermetica.study.comparing",
    "hermetica.study.confirmation",
    "hermetica.study.declaration",
    "hermetica.study.declared",
    "hermetica.study.design",
    "hermetica.study.drawing",
    "hermetica.study.elf",
    "hermetica.study.families",
    "hermetica.study.knowledge",
    "hermetica.study.locus",
    "hermetica.study.machines",
    "hermetica.study.metrics",
    "hermetica.study.results",
    "hermetica.study.space",
    "hermetica.study.statistics",
    "hermetica.study.summary",
    "hermetica.study.tables",
    "hermetica.study.trials",
    "hermetica.study.verdict",
    "hermetica_store.comparison",
    "hermetica_store.content",
    "hermetica_store.digest",
    "hermetica_store.errors",
    "hermetica_store.exchange.narinfo",
    "hermetica_store.faults",
    "hermetica_store.links",
    "hermetica_store.marking",
    "hermetica_store.packed",
    "hermetica_store.path",
    "hermetica_store.prefix",
    "hermetica_store.rewrite",
    "hermetica_store.tables",
    "hermetica_store.scan",
    "hermetica_store.selection",
    "hermetica_store.tree",
)
WORLDLY = frozenset(
    [
        *("os", "io", "shutil", "tempfile", "glob", "fcntl", "platform", "resource", "ctypes"),
        *("subprocess", "signal", "threading", "multiprocessing", "asyncio", "select", "logging"),
        *("socket", "http", "urllib.request", "lmdb"),
        *("time", "datetime", "random", "secrets", "uuid"),
    ]
)
PURE_FROM_PATHLIB = {"PurePath", "PurePosixPath"}
ROOMS = frozenset(["hermetica", "hermetica_store"])  # roots that gather a whole room, effects included


def is_pure(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in PURE)


PURE_MODULES = [module for module in modules() if is_pure(module.name)]


def test_the_list_of_pure_modules_names_only_what_exists() -> None:
    names = [module.name for module in modules()]
    assert [pattern for pattern in PURE if not any(fnmatchcase(name, pattern) for name in names)] == []


def test_a_pure_module_imports_nothing_that_reaches_the_world() -> None:
    worldly = [
        f"{module.where}:{found.line} {found.module}"
        for module in PURE_MODULES
        for found in module.imports
        if found.module in WORLDLY
        or found.top in WORLDLY
        or (found.top == "pathlib" and found.name not in PURE_FROM_PATHLIB)
    ]
    assert worldly == []


def test_a_pure_module_imports_only_pure_modules_of_ours() -> None:
    impure = [
        f"{module.where}:{found.line} {found.module}"
        for module in PURE_MODULES
        for found in module.imports
        if found.top in PACKAGES
        and not is_pure(f"{found.module}.{found.name}")
        and (found.module in ROOMS or not is_pure(found.module))
    ]
    assert impure == []


def test_a_pure_module_opens_no_file_and_prints_nothing() -> None:
    calls = [
        f"{module.where}:{node.lineno} {node.func.id}()"
        for module in PURE_MODULES
        for node in module.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"open", "print", "input"}
    ]
    assert calls == []
