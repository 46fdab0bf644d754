"""A small set and an overlay over it, which the tests of package sets share."""

from __future__ import annotations

import hermetica as hm


def drv(name: str, *inputs: hm.Derivation, **env: str) -> hm.Derivation:
    return hm.derivation(name=name, builder="/bin/sh", args=[str(each) for each in inputs], env=env)


class Base(hm.PackageSet):
    @hm.package
    def busybox(self) -> hm.Derivation:
        return drv("busybox")

    @hm.package
    def cc(self, *, busybox: hm.Derivation) -> hm.Derivation:
        """The compiler."""
        return drv("cc", busybox)

    @hm.package
    def zlib(self, *, cc: hm.Derivation, shared: bool = True) -> hm.Derivation:
        return drv("zlib", cc, shared=str(shared))

    @hm.package
    def app(self, *, zlib: hm.Derivation) -> hm.Derivation:
        return drv("app", zlib)


class Patched(Base):
    @hm.package
    def zlib(self) -> hm.Derivation:
        return super().zlib.override_attrs(lambda d: {"env": {**d.env, "CFLAGS": "-O3"}})


def inputs(derivation: hm.Derivation) -> list[hm.Derivation]:
    return [each for _, each in derivation.inputs.derivations]
