"""What this project builds. Everything a build sees is named here: its sources, and a pinned compiler."""

import hermetica as hm
from hermetica_derivations.stdenv import mk_derivation

sources = hm.source(".", include=["Makefile", "include/**", "src/**", "tests/**"])

greet = mk_derivation(
    name="greet-0.1.0",
    src=sources,
    outputs=("out", "dev"),  # headers move to dev
    install_flags=["PREFIX=$out"],
    do_check=True,
    meta=hm.Meta(description="Greets whoever is named", licence="MIT"),
)
