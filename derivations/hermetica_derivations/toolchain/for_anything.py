"""The tree of tools for whatever else builds ask for, with certificates."""

from __future__ import annotations

import hermetica as hm
from hermetica_derivations.pins import debs
from hermetica_derivations.toolchain.for_c import base_c

__all__ = ["ca_bundle", "full", "make_ca_bundle"]


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
"""The tree for C++ with the autotools, Bash, Flex, Bison, gettext, Texinfo, Tcl and what else builds ask for."""
