"""The tools that everything else is built with: pinned Debian trees for tools, and what is linked against.

Tools come unpatched from a tree (``base_c``, ``base_cxx``, ``full``), which a build sees at ``/``. What they link runs
on ``glibc_runtime`` alone, for ``cc`` names its loader and its directory in every program; so no output mentions the
tree of tools.
"""

from __future__ import annotations

import hermetica as hm
from hermetica_derivations.pins import debs, fetch, lock
from hermetica_derivations.scripts import script

__all__ = [
    "base_c",
    "base_cxx",
    "busybox",
    "ca_bundle",
    "cc",
    "compiler_wrapper",
    "fixup_tools",
    "full",
    "glibc_runtime",
    "locales",
    "make_ca_bundle",
    "node",
]

base_c = hm.debian_rootfs("debian-base-c", debs("base-c"))
"""A tree with GCC for C, binutils, make and the usual tools of a POSIX system."""

base_cxx = hm.debian_rootfs("debian-base-cxx", debs("base-cxx"))
"""The same with GCC for C++, CMake, Meson, Ninja, pkg-config and Perl."""


def make_ca_bundle(package: hm.Derivation, rootfs: hm.Derivation) -> hm.Derivation:
    """The certificates of a ca-certificates package as one file, in a tree to be laid over trees of tools.

    All of Mozilla's are taken, ordered by the bytes of their names, as the package's own scripts, which never run,
    take them; OpenSSL's default file is a link to it.

    Args:
        package: the ``.deb``.
        rootfs: has the tools for it.
    """
    return hm.run(
        "ca-bundle",
        'mkdir -p "$out/etc/ssl/certs" "$out/usr/lib/ssl"\n'
        'for each in "$package"/usr/share/ca-certificates/mozilla/*.crt; do cat "$each"; echo; done'
        " | sed '/^$/d' > \"$out/etc/ssl/certs/ca-certificates.crt\"\n"
        'ln -s /etc/ssl/certs/ca-certificates.crt "$out/usr/lib/ssl/cert.pem"\n'
        'test -s "$out/etc/ssl/certs/ca-certificates.crt"',
        rootfs=rootfs,
        package=hm.unpack(package, strip_components=0),
    )


ca_bundle = make_ca_bundle(next(deb for deb in debs("full") if deb.name.startswith("ca-certificates_")), base_c)
"""``/etc/ssl/certs/ca-certificates.crt``."""

full = hm.debian_rootfs("debian-full", debs("full"), trees=[ca_bundle])
"""The same with the autotools, Bash, Flex, Bison, gettext, Texinfo, Tcl and what else builds ask for."""

node = hm.debian_rootfs("debian-node", debs("node"))
"""Node.js, Python for node-gyp, and a compiler for add-ons in C++."""

glibc_runtime = hm.derivation(
    name="glibc-runtime",
    builder="/bin/sh",
    args=["-eu", str(script("glibc-runtime.sh"))],
    env={
        "PATH": "/usr/bin:/bin",
        "libc_bin": str(hm.unpack(fetch(lock().group("full").pin("libc-bin")))),
        "redirect_path": str(script("redirect-path.c")),
    },
    rootfs=base_c,
    checks=hm.OutputChecks(allowed_references=("out",)),
    meta=hm.Meta(
        description="The loader and the libraries that compilers link by themselves", licence="LGPL-2.1-or-later"
    ),
)
"""The loader, the C library with its character sets and the locale C.UTF-8, and GCC's run-time libraries."""

fixup_tools = hm.derivation(
    name="fixup-tools",
    builder="/bin/sh",
    args=["-eu", str(script("fixup-tools.sh"))],
    env={
        "PATH": "/usr/bin:/bin",
        "fix_times": str(script("fix-times.c")),
        "shrink_rpath": str(script("shrink-rpath.c")),
    },
    rootfs=base_c,
    meta=hm.Meta(description="What the standard environment does to outputs that no shell can", licence="Apache-2.0"),
)
"""Static programs for the last phase of builds, which run in every tree of tools."""


def compiler_wrapper(rootfs: hm.Derivation) -> hm.Derivation:
    """The compilers of a tree that is at ``/``, made to link against ``glibc_runtime``: C, and C++ where it has that.

    Args:
        rootfs: the tree; of the same C library as ``base_c``, or what is linked does not find its symbols.
    """
    return hm.derivation(
        name="cc",
        builder="/bin/sh",
        args=["-eu", str(script("cc.sh"))],
        env={"PATH": "/usr/bin:/bin", "runtime": str(glibc_runtime), "wrapper": str(script("cc-wrapper.sh"))},
        rootfs=rootfs,
        meta=hm.Meta(description="GCC that links against glibc-runtime"),
    )


cc = compiler_wrapper(base_c)
"""The compiler of ``base_c``."""

busybox = hm.run(
    "busybox",
    'mkdir -p $out/bin && cp "$tree/usr/bin/busybox" $out/bin/ && $out/bin/busybox --install -s $out/bin',
    rootfs=base_c,
    tree=hm.debian_rootfs("busybox-tree", debs("busybox")),
)
"""Static busybox with its applets, for tests and tiny builders."""


def locales(*names: str) -> hm.Derivation:
    """Locales beside C.UTF-8, for programs that run with its ``lib/locale`` as ``LOCPATH``.

    Args:
        names: such as ``en_US.UTF-8``: what glibc calls the place, and the character set.
    """
    make = 'localedef --no-archive -i "${name%.*}" -f "${name#*.}" "$out/lib/locale/$name"'
    return hm.derivation(
        name="locales",
        builder="/bin/sh",
        args=["-euc", f'mkdir -p "$out/lib/locale"; for name in $names; do {make}; done'],
        env={"PATH": "/usr/bin:/bin", "names": " ".join(names)},
        rootfs=hm.debian_rootfs(
            "debian-locales",
            [*debs("base-c"), *(fetch(lock().group("full").pin(name)) for name in ("libc-bin", "locales"))],
        ),
        meta=hm.Meta(description="Locales of the C library", licence="LGPL-2.1-or-later"),
    )
