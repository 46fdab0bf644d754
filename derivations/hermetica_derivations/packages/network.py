"""Networks: clients, servers, and the libraries between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica_derivations.environment import FULL
from hermetica_derivations.packages.compression import zlib
from hermetica_derivations.packages.crypto import openssl
from hermetica_derivations.packages.recipe import AUTOTOOLS, LIBRARY, tarball

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["curl", "make_curl", "make_nghttp2", "make_redis", "nghttp2", "redis"]


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


def make_curl(nghttp2: hm.Derivation, openssl: hm.Derivation, zlib: hm.Derivation, **changes: Any) -> hm.Derivation:
    """curl: program and library; certificates are looked for where OpenSSL looks. Its tests take ten minutes."""
    return tarball(
        "curl",
        changes,
        description="Transfers data by URL",
        licence="curl",
        homepage="https://curl.se/",
        supplier="Daniel Stenberg and the curl authors",
        environment=FULL,  # without pkg-config it finds nghttp2 and does not link it
        inputs=[nghttp2, openssl, zlib],
        outputs=LIBRARY,
        configure_flags=[
            *AUTOTOOLS,
            "--disable-static",
            "--disable-manual",
            "--disable-ldap",
            "--with-openssl",
            "--with-nghttp2",
            "--without-libpsl",
            "--without-brotli",
            "--without-zstd",
            "--without-ca-bundle",
            "--without-ca-path",
            "--with-ca-fallback",
        ],
        check_phase="src/curl -s file://$PWD/README | cmp - README",
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
curl = make_curl(nghttp2, openssl, zlib)
redis = make_redis()
