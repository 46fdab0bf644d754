"""Keys and signatures of binary caches, in Nix's format: Ed25519, as ``name:base64``.

The mathematics is left to the ``cryptography`` library, which is an extra: only who signs or checks needs it. Source:
RFC 8032; Nix 2.8, ``src/libstore/crypto.cc``.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica_store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SEED_BYTES: Final = 32
_PUBLIC_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_NAME: Final = re.compile(r"[0-9A-Za-z._+\-]{1,128}")


class SigningUnavailable(StoreError):
    """Signatures were asked for, and the library that makes and checks them cannot be loaded."""

    code = "HM437"

    def __init__(self, error: ImportError) -> None:
        super().__init__(
            "signatures need the Python package cryptography, which cannot be loaded",
            details=(("cause", str(error)),),
            hint="install hermetica-build with its extra: hermetica-build[sign]",
        )


class InvalidSigningKey(StoreError, ValueError):
    """A text that is no key of the kind that was asked for."""

    code = "HM436"

    def __init__(self, what: str) -> None:
        super().__init__(what, hint="hermetica store generate-key NAME --output FILE makes one")


class SignatureRefused(StoreError):
    """An object that no trusted key has signed."""

    code = "HM435"

    def __init__(self, where: str, reason: str, trusted: Iterable[str]) -> None:
        super().__init__(
            f"{where} bears no signature of a trusted key",
            details=(("cause", reason), ("trusted", ", ".join(sorted(trusted)))),
            hint="trust its key with --trusted-key only if you know whose it is",
        )


@attrs.frozen
class PublicKey:
    """What signatures are checked with.

    Attributes:
        name: by which a signature says whose it is.
        raw: 32 bytes.
    """

    name: str
    raw: bytes = attrs.field(repr=False)

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """The key written as ``name:base64``.

        Raises:
            InvalidSigningKey: the text has another form.
        """
        name, raw = _parse(text, "public")
        if len(raw) != _PUBLIC_BYTES:
            raise InvalidSigningKey(f"a public key has {_PUBLIC_BYTES} bytes, this one {len(raw)}")
        return cls(name, raw)

    def __str__(self) -> str:
        return f"{self.name}:{base64.b64encode(self.raw).decode()}"


@attrs.frozen
class SecretKey:
    """What signatures are made with.

    Attributes:
        name: by which its signatures say whose they are.
        seed: 32 bytes, never shown.
        public: what they are checked with.
    """

    name: str
    seed: bytes = attrs.field(repr=False)
    public: PublicKey

    @classmethod
    def parse(cls, text: str) -> SecretKey:
        """The key written as ``name:base64`` of seed and public key.

        Raises:
            InvalidSigningKey: the text has another form, or its halves do not belong together.
            SigningUnavailable: there is no library to check that with.
        """
        name, raw = _parse(text, "secret")
        if len(raw) != _SEED_BYTES + _PUBLIC_BYTES:
            raise InvalidSigningKey(f"a secret key has {_SEED_BYTES + _PUBLIC_BYTES} bytes, this one {len(raw)}")
        key = cls.of_seed(name, raw[:_SEED_BYTES])
        if key.public.raw != raw[_SEED_BYTES:]:
            raise InvalidSigningKey("the two halves of the secret key do not belong together")
        return key

    @classmethod
    def generate(cls, name: str) -> SecretKey:
        """A new key.

        Raises:
            InvalidSigningKey: no key can have this name.
            SigningUnavailable: there is no library to make it.
        """
        if not _NAME.fullmatch(name):
            raise InvalidSigningKey(f"{name!r} is no name for a key: use letters, digits and ._+-")
        seed: bytes = _library().Ed25519PrivateKey.generate().private_bytes_raw()
        return cls.of_seed(name, seed)

    @classmethod
    def of_seed(cls, name: str, seed: bytes) -> SecretKey:
        """The key that follows from 32 bytes."""
        public: bytes = _library().Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        return cls(name, seed, PublicKey(name, public))

    def sign(self, message: bytes) -> str:
        """The signature of ``message``, as ``name:base64``."""
        raw: bytes = _library().Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)
        return f"{self.name}:{base64.b64encode(raw).decode()}"

    def export(self) -> str:
        """The secret itself, as ``name:base64``."""
        return f"{self.name}:{base64.b64encode(self.seed + self.public.raw).decode()}"


def require_signature(message: bytes, signatures: Iterable[str], keys: Iterable[PublicKey], where: str) -> None:
    """Refuses a message that none of the keys has signed.

    Args:
        message: what has to be signed.
        signatures: ``name:base64`` each; those by other keys, or of another form, do not count.
        keys: the trusted ones.
        where: what to call the message in errors.

    Raises:
        SignatureRefused: there is no good signature of a trusted key.
        SigningUnavailable: there is no library to check it with.
    """
    library = _library()
    trusted: dict[str, list[PublicKey]] = {}
    for key in keys:
        trusted.setdefault(key.name, []).append(key)
    reason = "it is not signed"
    for signature in signatures:
        name, _, text = signature.partition(":")
        if name not in trusted:
            reason = f"it is signed by {name[:80]}"
            continue
        raw = _decoded(text)
        if len(raw) == _SIGNATURE_BYTES and any(_is_good(library, key, raw, message) for key in trusted[name]):
            return
        reason = f"the signature of {name} is wrong"
    raise SignatureRefused(where, reason, trusted)


def _is_good(library: Any, key: PublicKey, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- an extra

    try:
        library.Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _parse(text: str, kind: str) -> tuple[str, bytes]:
    name, colon, encoded = text.strip().partition(":")
    raw = _decoded(encoded)
    if not colon or not _NAME.fullmatch(name) or not raw:
        raise InvalidSigningKey(f"not a {kind} key: it is written NAME:BASE64")
    return name, raw


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _library() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise SigningUnavailable(error) from error
    return ed25519
