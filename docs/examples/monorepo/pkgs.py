"""What this repository makes: a library and a program in C, a Python package, and a site that is made with both."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from pathlib import Path

import hermetica as hm
from hermetica_derivations.environment import BASE_C
from hermetica_derivations.interpreter import DEBIAN_PYTHON
from hermetica_derivations.stdenv import mk_derivation

lock = hm.Lock.read(Path(__file__).with_name("hermetica.lock"))
flit = hm.unpack(lock.group("pypi").pin("flit-core").fetch(), name="flit-core", strip_components=0)


@hm.builder(python=DEBIAN_PYTHON, packages={"flit_core": flit})
def wheel(out: hm.Out, project: hm.Input) -> None:
    """The wheel of a project, by the backend that its ``pyproject.toml`` names."""
    from flit_core.buildapi import build_wheel  # there is no such module outside of the sandbox

    out.path.mkdir()
    os.chdir(project.path)
    build_wheel(str(out.path))


def write_site(out: hm.Out, texts: hm.Input) -> None:
    """A page of every text; ``tally`` is in its PATH, ``pages`` among its modules."""
    import pages

    out.path.mkdir()
    for file in sorted(texts.path.glob("*.txt")):
        with file.open() as text:
            counted = subprocess.run(["tally"], stdin=text, capture_output=True, text=True, check=True).stdout
        (out.path / f"{file.stem}.html").write_text(pages.render(file.read_text(), footer=counted.strip()))


def follow_links(out: hm.Out, site: hm.Input) -> None:
    """Fails where a link of a page leads nowhere."""
    import pages

    for file in sorted(site.path.glob("*.html")):
        for address in pages.links(file.read_text()):
            if not (site.path / address).is_file():
                raise SystemExit(f"{file.name} leads to {address}, which is not there")
    out.path.touch()


def run_tests(out: hm.Out, tests: hm.Input) -> None:
    """Runs the tests of the Python package, against what its wheel installs."""
    suite = unittest.defaultTestLoader.discover(str(tests.path))
    if not unittest.TextTestRunner(stream=sys.stdout).run(suite).wasSuccessful():
        raise SystemExit(1)
    out.path.touch()


class Project(hm.PackageSet):
    """Each package names the sources that it is made of, so a change is felt by what it can change and no further."""

    @hm.package
    def tally(self) -> hm.Derivation:
        """The library and the program; its headers are an output of their own."""
        return mk_derivation(
            name="tally-1.0",
            src=hm.source("tally"),
            outputs=("out", "dev"),
            install_flags=["PREFIX=$out"],
            do_check=True,
        )

    @hm.package
    def pages_wheel(self) -> hm.Derivation:
        """The wheel of the Python package."""
        return wheel(hm.source("pages", include=["pyproject.toml", "src/**/*.py"]))

    @hm.package
    def pages(self, *, pages_wheel: hm.Derivation) -> hm.Derivation:
        """The Python package, installed."""
        return hm.unpack(f"{pages_wheel}/pages-1.0-py3-none-any.whl", name="pages-1.0", strip_components=0)

    @hm.package
    def site(self, *, tally: hm.Derivation, pages: hm.Derivation) -> hm.Derivation:
        """The site: the same in every build, whoever makes it and wherever."""
        make = hm.builder(python=DEBIAN_PYTHON, name="site", packages={"pages": pages}, tools=[tally])(write_site)
        return make(hm.source("site"))

    @hm.check
    def tally_counts(self, *, tally: hm.Derivation) -> hm.Derivation:
        """Whether the program counts."""
        script = 'test "$(echo one two | tally)" = "1 lines, 2 words"; touch $out'
        return hm.run("tally-counts", script, tools=[tally], shell="/bin/sh", rootfs=BASE_C.rootfs)

    @hm.check
    def pages_pass(self, *, pages: hm.Derivation) -> hm.Derivation:
        """Whether the tests of the Python package pass."""
        run = hm.builder(python=DEBIAN_PYTHON, name="pages-tests", packages={"pages": pages})(run_tests)
        return run(hm.source("pages/tests"))

    @hm.check
    def links_lead_somewhere(self, *, site: hm.Derivation, pages: hm.Derivation) -> hm.Derivation:
        """Whether the site holds together."""
        follow = hm.builder(python=DEBIAN_PYTHON, name="links", packages={"pages": pages})(follow_links)
        return follow(site)


pkgs = Project()
