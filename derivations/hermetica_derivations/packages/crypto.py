"""Cryptography."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hermetica_derivations.environment import BASE_CXX
from hermetica_derivations.packages.recipe import tarball

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["make_openssl", "openssl"]

_BUILD: Final = """
run make $jobs build_generated
run make $jobs libcrypto.so libssl.so apps/openssl providers/legacy.so libcrypto.pc libssl.pc openssl.pc
"""
_CHECK: Final = (
    'test "$(printf abc | LD_LIBRARY_PATH=. apps/openssl sha256 -r)" = '
    '"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad *stdin"'
)  # an example of FIPS 180-4
# Its own installation wants static libraries, for which everything would be compiled a second time.
_INSTALL: Final = """
mkdir -p "$out/bin" "$out/lib/ossl-modules" "$out/lib/pkgconfig" "$out/include/openssl"
cp apps/openssl "$out/bin/"
cp providers/legacy.so "$out/lib/ossl-modules/"
cp -P libcrypto.so* libssl.so* "$out/lib/"
cp libcrypto.pc libssl.pc openssl.pc "$out/lib/pkgconfig/"
cp include/openssl/*.h "$out/include/openssl/"
"""


def make_openssl(**changes: Any) -> hm.Derivation:
    """OpenSSL: shared libraries, headers, and the program; certificates are looked for in ``/etc/ssl``.

    Its tests take longer than two minutes.
    """
    return tarball(
        "openssl",
        changes,
        description="TLS, certificates and cryptography",
        licence="Apache-2.0",
        homepage="https://www.openssl.org/",
        supplier="The OpenSSL Project",
        environment=BASE_CXX,
        outputs=("out", "dev"),
        configure_phase=(
            'run perl ./Configure linux-x86_64 --prefix="$out" --libdir=lib --openssldir=/etc/ssl '
            "shared no-tests no-engine"
        ),
        build_phase=_BUILD,
        check_phase=_CHECK,
        install_phase=_INSTALL,
    )


openssl = make_openssl()
