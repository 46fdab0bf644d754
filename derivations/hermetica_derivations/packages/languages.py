"""Languages: interpreters, and what reads and writes the notations of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica_derivations.environment import FULL
from hermetica_derivations.packages.recipe import AUTOTOOLS, LIBRARY, tarball
from hermetica_derivations.packages.text import oniguruma

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["jq", "json_c", "libyaml", "lua", "make_jq", "make_json_c", "make_libyaml", "make_lua"]


def make_lua(**changes: Any) -> hm.Derivation:
    """Lua: interpreter, compiler and static library. The tarball has no tests."""
    return tarball(
        "lua",
        changes,
        pin="lua5.4",
        description="Small scripting language, to be embedded",
        licence="MIT",
        homepage="https://www.lua.org/",
        supplier="Lua.org, PUC-Rio",
        make_flags=["CC=cc"],
        build_targets=["linux"],
        install_flags=["INSTALL_TOP=$out"],
    )


def make_json_c(**changes: Any) -> hm.Derivation:
    """JSON-C."""
    return tarball(
        "json-c",
        changes,
        description="Reads and writes JSON in C",
        licence="MIT",
        homepage="https://github.com/json-c/json-c/wiki",
        supplier="The json-c authors",
        build_system="cmake",
        outputs=LIBRARY,
        cmake_flags=["-DBUILD_STATIC_LIBS=OFF", "-DBUILD_APPS=OFF"],
        do_check=True,
    )


def make_libyaml(**changes: Any) -> hm.Derivation:
    """LibYAML."""
    return tarball(
        "libyaml",
        changes,
        description="Reads and writes YAML 1.1",
        licence="MIT",
        homepage="https://pyyaml.org/wiki/LibYAML",
        supplier="Kirill Simonov and the YAML community",
        environment=FULL,
        outputs=LIBRARY,
        before_configure="autoreconf -fi",
        configure_flags=[*AUTOTOOLS, "--disable-static"],
        do_check=True,
    )


def make_jq(oniguruma: hm.Derivation, **changes: Any) -> hm.Derivation:
    """The program jq, with regular expressions."""
    return tarball(
        "jq",
        changes,
        description="Filters and transforms JSON",
        licence="MIT AND ICU AND BSD-2-Clause",
        homepage="https://jqlang.github.io/jq/",
        supplier="Stephen Dolan and the jq authors",
        inputs=[oniguruma],
        environment=FULL,
        outputs=LIBRARY,
        before_configure="printf '#!/bin/sh\\necho 1.6\\n' > scripts/version; autoreconf -fi",
        configure_flags=[*AUTOTOOLS, "--disable-static", "--disable-docs", "--disable-maintainer-mode"],
        do_check=True,
    )


lua = make_lua()
json_c = make_json_c()
libyaml = make_libyaml()
jq = make_jq(oniguruma)
