"""One mistake of each kind. mypy and pyright, both strict, tell of every line that says so, and of no other."""

from __future__ import annotations

from pathlib import Path

import hermetica as hm
from hermetica_derivations.interpreter import DEBIAN_PYTHON
from hermetica_derivations.stdenv import mk_derivation
from pkgs import Base, pkgs, report, split

zlib = pkgs.zlib

# Derivations
hm.derivation(name="app", builder="/bin/sh", evn={"CC": "cc"})  # planted: a misspelt field
hm.derivation(name="app")  # planted: a field that must be there
hm.derivation(name=3, builder="/bin/sh")  # planted: a field of another type
hm.derivation(name="app", builder="/bin/sh", env={"LEVEL": 3})  # planted: a variable that is no text
hm.derivation(name="app", builder="/bin/sh", env=["CC=cc"])  # planted: an environment that is no mapping
hm.derivation(name="app", builder="/bin/sh", outputs=["out", 2])  # planted: an output that has no name
hm.derivation(name="app", builder=zlib)  # planted: a derivation where a path is wanted
hm.derivation(name="app", builder="/bin/sh", structured={"when": Path()})  # planted: structure that is not JSON
hm.derivation(name="app", builder="/bin/sh", checks={"out": {"max": 3}})  # planted: a check that is none
hm.derivation(name="app", builder="/bin/sh", checks=hm.OutputChecks(max_size=3))  # planted: a check that does not exist
hm.derivation(name="app", builder="/bin/sh", meta={"description": "no"})  # planted: a description that is no Meta
hm.run("count", "wc -l", tools=zlib)  # planted: one tool where several are wanted
hm.fetchurl("https://example.org/a.tar.gz", sha265="0" * 64)  # planted: a misspelt hash
hm.fetchgit("https://example.org/a.git", blake3="0" * 64)  # planted: a fetch without a commit
mk_derivation(name="app", inputs=3)  # planted: inputs that are no list
open(zlib)  # planted: an output that is opened before it is built
zlib.placeholder(1)  # planted: an output by number
zlib.version  # planted: a member that no derivation has

# Sets
pkgs.zlb  # planted: a package that the set lacks
pkgs.zlib = pkgs.cc  # planted: a package that is replaced in place
count: int = pkgs.wheel  # planted: a matrix taken for a number
wheel: hm.Derivation = pkgs.wheel  # planted: a matrix taken for one package
Base(sytem="x86_64-linux")  # planted: a misspelt argument of a set
zlib.override({"shared": False})  # planted: arguments that are not given by keyword
zlib.override_attrs({"evn": {}})  # planted: a misspelt field to replace
zlib.override_attrs(lambda d: {"envv": {}})  # planted: a misspelt field, from a function
zlib.override_attrs(lambda d: {"env": {"level": 3}})  # planted: a variable that is no text, from a function
zlib.override_attrs(env={})  # planted: fields that are not given as a mapping
Base.extend(pkgs)  # planted: a set where a class is wanted


class Wrong(Base):
    """An overlay whose package is of another type."""

    @hm.package
    def zlib(self) -> str:  # planted: an overlay with another result
        return "zlib"


# Builders in Python
report(zlib, titel="Q3")  # planted: a keyword that the builder does not have
report(zlib, title=3)  # planted: an argument of another type
report("text")  # planted: a text where an input is wanted
report()  # planted: an argument too few
split(zlib, "many")  # planted: an argument of another type, by position
report(zlib).missing  # planted: a member that no derivation has, of what a builder gives
hm.builder(python=DEBIAN_PYTHON, pakages={})  # planted: a misspelt option of the decorator
hm.builder(python=3)  # planted: an interpreter that is none


@hm.builder(python=DEBIAN_PYTHON)  # planted: an output that is no hm.Out
def plain(out: Path, data: hm.Input) -> None:
    out.write_text(str(data))


# Stores
hm.Store.open(readonly=True)  # planted: a misspelt option of open
with hm.Store.open(3) as store:  # planted: a root that is no path
    store.realize(zlib, job=4)  # planted: a misspelt option of realize
    store.realize(zlib, jobs="4")  # planted: an option of another type
    store.realize("./pkgs.py:zlib")  # planted: a target where a derivation is wanted
    store.realize_all(zlib)  # planted: one derivation where several are wanted
    store.realize(zlib, on_event=lambda: None)  # planted: a callback that takes no event
    store.realize(zlib).paths  # planted: a member that no realization has
    outputs: list[str] = store.realize(zlib).out  # planted: a store path taken for a list
    store.plan(zlib, timeouts=3)  # planted: a misspelt option of plan


async def later() -> None:
    """The same with asyncio."""
    async with hm.aio.open_store(readonly=True) as opened:  # planted: a misspelt option of open_store
        opened.realize(zlib).out  # planted: a realization that is not awaited
        await opened.realize(zlib, job=4)  # planted: a misspelt option of realize, with asyncio
