"""Packages with types: every way of writing them, clean under mypy and pyright, both strict."""

from __future__ import annotations

import hermetica as hm
from hermetica_derivations.interpreter import DEBIAN_PYTHON


class Base(hm.PackageSet):
    """What everything stands on."""

    @hm.package
    def busybox(self) -> hm.Derivation:
        """A shell and its tools."""
        return hm.unpack(hm.fetchurl("https://example.org/busybox.tar.gz", sha256="0" * 64))

    @hm.package
    def cc(self, *, busybox: hm.Derivation) -> hm.Derivation:
        """A compiler."""
        return hm.derivation(name="cc-1.0", builder=f"{busybox}/bin/sh", args=["-euc", "mkdir $out"])

    @hm.package
    def zlib(self, *, cc: hm.Derivation, system: str, shared: bool = True) -> hm.Derivation:
        """A library."""
        env = {"CC": f"{cc}/bin/cc", "SHARED": str(int(shared))}
        return hm.derivation(name="zlib-1.3", builder=f"{cc}/bin/sh", outputs=("out", "dev"), env=env, system=system)

    @hm.matrix(python=["3.11", "3.12"], debug=[0, 1])
    def wheel(self, *, cc: hm.Derivation, python: str, debug: int) -> hm.Derivation:
        """A wheel for each Python."""
        return hm.derivation(name=f"wheel-{python}", builder=f"{cc}/bin/sh", env={"DEBUG": str(debug)})

    @hm.package
    def page(self, *, zlib: hm.Derivation) -> hm.Derivation:
        """A page about the library, made in Python."""
        return report(zlib, title="zlib")

    @hm.check
    def zlib_works(self, *, busybox: hm.Derivation, zlib: hm.Derivation) -> hm.Derivation:
        """Whether the library is there."""
        return hm.derivation(name="zlib-works", builder=f"{busybox}/bin/sh", args=["-c", f"test -d {zlib:dev} >$out"])


class Fast(Base):
    """An overlay: other flags, and packages of its own."""

    def __init__(self, level: int, *, system: str | None = None) -> None:
        super().__init__(system=system)
        self.level = level

    @hm.package
    def zlib(self) -> hm.Derivation:
        """The library, for speed."""
        return super().zlib.override_attrs(lambda d: {"env": {**d.env, "CFLAGS": f"-O{self.level}"}})

    @hm.package
    def cc(self, *, busybox: hm.Derivation, zig: hm.Derivation | None = None) -> hm.Derivation:
        """Another compiler, with other needs."""
        return hm.derivation(name="cc-2.0", builder=f"{zig or busybox}/bin/sh")

    @hm.matrix(python=["3.13"])
    def wheel(self, *, python: str) -> hm.Derivation:
        """Another matrix."""
        return super().wheel(python="3.12", debug=0).override_attrs({"name": f"wheel-{python}"})

    @hm.package
    def first_zlib(self) -> hm.Derivation:
        """The library, made by a tool before there is a compiler."""
        return type(self).zlib(self, cc=self.busybox)

    @hm.package
    def nested(self) -> Base:
        """A set in a set."""
        return Base(system=self.system)


class Ours(Base):
    """An overlay over any set."""

    @hm.package
    def zlib(self) -> hm.Derivation:
        """The library under another name."""
        return super().zlib.override_attrs(renamed)


@hm.builder(python=DEBIAN_PYTHON, packages={"attrs": hm.text("attrs", "")})
def report(out: hm.Out, data: hm.Input, *, title: str = "Report") -> None:
    """Runs in the sandbox; calling it gives a derivation."""
    names = "".join(f"<li>{each.name}" for each in sorted(data.path.iterdir()))
    out.path.write_text(f"<h1>{title}</h1>{names}")


@hm.builder(python=DEBIAN_PYTHON)
def split(out: hm.Out, dev: hm.Out, data: hm.Input, count: int, *more: str) -> None:
    """Has two outputs, and parameters by position."""
    out.path.write_text("".join(more) * count)
    dev.path.write_text(str(data.path))


def renamed(derivation: hm.Derivation) -> hm.Fields:
    """Fields that a function of a user's gives."""
    return {"name": f"{derivation.name}-mine", "args": [*derivation.args, "-v"]}


pkgs = Fast(3, system="x86_64-linux")
mine: Base = Base.extend(Ours)()
static: hm.Derivation = pkgs.zlib.override(shared=False).override_attrs(renamed)
pages: list[hm.Derivation] = [report(static), split(static, 2, "a", "b")]
checked: hm.Derivation = hm.derivation(
    name="checked",
    builder=f"{pkgs.busybox}/bin/sh",
    args=("-c", "mkdir $out"),
    structured={"flags": ["-O2"], "level": 3},
    checks=hm.OutputChecks(max_size_bytes=1 << 20),
    features=["clock:frozen"],
    meta=hm.Meta(description="every field has a type"),
)
wheels: hm.Variants[hm.Derivation] = pkgs.wheel
inner: hm.Derivation = pkgs.nested.zlib
