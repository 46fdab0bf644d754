"""Numbers as large and as exact as it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica_derivations.environment import FULL
from hermetica_derivations.packages.recipe import AUTOTOOLS, LIBRARY, tarball
from hermetica_derivations.packages.tools import m4

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["bc", "gmp", "make_bc", "make_gmp", "make_mpc", "make_mpfr", "mpc", "mpfr"]


def make_gmp(m4: hm.Derivation, **changes: Any) -> hm.Derivation:
    """GMP for any x86-64 processor: what is best for one is chosen at run time."""
    return tarball(
        "gmp",
        changes,
        description="Arithmetic of integers, fractions and floats of any size",
        licence="LGPL-3.0-or-later OR GPL-2.0-or-later",
        homepage="https://gmplib.org/",
        supplier="GNU Project",
        inputs=[m4],
        outputs=LIBRARY,
        after_unpack="mkdir doc; printf 'all check install:\\n' > doc/Makefile.in",
        configure_flags=[*AUTOTOOLS, "--disable-static", "--enable-fat", "--build=x86_64-pc-linux-gnu"],
        do_check=True,
    )


def make_mpfr(gmp: hm.Derivation, **changes: Any) -> hm.Derivation:
    """MPFR."""
    return tarball(
        "mpfr",
        changes,
        pin="mpfr4",
        description="Floats of any precision, with correct rounding",
        licence="LGPL-3.0-or-later",
        homepage="https://www.mpfr.org/",
        supplier="The MPFR team",
        propagated_inputs=[gmp],
        outputs=LIBRARY,
        configure_flags=[*AUTOTOOLS, "--disable-static"],
        do_check=True,
    )


def make_mpc(mpfr: hm.Derivation, **changes: Any) -> hm.Derivation:
    """MPC."""
    return tarball(
        "mpc",
        changes,
        pin="mpclib3",
        description="Complex numbers of any precision, with correct rounding",
        licence="LGPL-3.0-or-later",
        homepage="https://www.multiprecision.org/mpc/",
        supplier="Inria",
        propagated_inputs=[mpfr],
        outputs=LIBRARY,
        configure_flags=[*AUTOTOOLS, "--disable-static"],
        do_check=True,
    )


def make_bc(**changes: Any) -> hm.Derivation:
    """GNU bc and dc. Their tests print, and compare nothing."""
    return tarball(
        "bc",
        changes,
        description="Calculators of any precision, with a language of their own",
        licence="GPL-3.0-or-later",
        homepage="https://www.gnu.org/software/bc/",
        supplier="GNU Project",
        environment=FULL,
        configure_flags=AUTOTOOLS,
        check_phase="echo 'scale=20; 4*a(1)' | ./bc/bc -l | grep -x 3.14159265358979323844",
    )


gmp = make_gmp(m4)
mpfr = make_mpfr(gmp)
mpc = make_mpc(mpfr)
bc = make_bc()
