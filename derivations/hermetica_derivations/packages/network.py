"""Networks: clients, servers, and the libraries between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica_derivations.environment import FULL
from hermetica_derivations.packages.recipe import AUTOTOOLS, LIBRARY, tarball

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["make_nghttp2", "make_redis", "nghttp2", "redis"]


def make_nghttp2(**changes: Any) -> hm.Derivation:
    """The library of nghttp2. Its tests need CUnit."""
    return tarball(
        "nghttp2",
        changes,
        description="HTTP/2 in C",
        licence="MIT",
        homepage="https://nghttp2.org/",
        supplier="Tatsuhiro Tsujikawa and the nghttp2 authors",
        environment=FULL,
        outputs=LIBRARY,
        before_configure="autoreconf -fi",
        configure_flags=[*AUTOTOOLS, "--disable-static", "--enable-lib-only"],
    )


def make_redis(**changes: Any) -> hm.Derivation:
    """Redis, with the allocator of the C library. Its tests take longer than two minutes."""
    return tarball(
        "redis",
        changes,
        description="Data structures in memory, for others to share",
        licence="BSD-3-Clause",
        homepage="https://redis.io/",
        supplier="Redis Ltd.",
        make_flags=["CC=cc", "PREFIX=$out", "MALLOC=libc", "BUILD_TLS=no"],
    )


nghttp2 = make_nghttp2()
redis = make_redis()
