"""Crates: one alone; one with a build script, tests, and a dependency that is packed here as registries have it."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import hermetica as hm

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ALONE: Mapping[str, str] = {
    "Cargo.toml": '[package]\nname = "alone"\nversion = "0.1.0"\nedition = "2021"\n',
    "src/main.rs": 'fn main() { println!("alone {}", std::env::args().count()); }\n',
}
USER: Mapping[str, str] = {
    "Cargo.toml": """
[package]
name = "user"
version = "0.2.0"
edition = "2021"

[features]
loud = []

[dependencies]
greeting = "1.0"
""",
    "build.rs": 'fn main() { println!("cargo:rustc-env=BUILT_BY=a build script"); }\n',
    "src/lib.rs": """
/// Twice.
///
/// ```
/// assert_eq!(user::twice(2), 4);
/// ```
pub fn twice(x: i32) -> i32 { 2 * x }

#[test]
fn twice_two_is_four() { assert_eq!(twice(2), 4); }

#[test]
#[ignore]
fn nobody_runs_this() { panic!(); }
""",
    "src/main.rs": """
fn main() {
    println!("{}, {} of {}", greeting::greet(), user::twice(21), env!("BUILT_BY"));
    let joined = std::thread::spawn(|| greeting::fail()).join();
    println!("{}", if joined.is_err() { "unwound" } else { "went on" });
}
""",
}
GREETING: Mapping[str, str] = {
    "Cargo.toml": '[package]\nname = "greeting"\nversion = "1.0.3"\nedition = "2021"\n',
    "src/lib.rs": 'pub fn greet() -> &\'static str { "Hello" }\npub fn fail() { panic!("as asked") }\n',
}
LOCK = """version = 3

[[package]]
name = "greeting"
version = "1.0.3"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "CHECKSUM"

[[package]]
name = "user"
version = "0.2.0"
dependencies = [
 "greeting",
]
"""


def lock(greeting: hm.Pin) -> str:
    """``Cargo.lock`` of the user, as cargo writes it: the name of the registry is cargo's own, and asked by nobody."""
    return LOCK.replace("CHECKSUM", greeting.hash)


def write(directory: Path, files: Mapping[str, str]) -> hm.Source:
    """The files as a source."""
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return hm.source(directory)


def pack(path: Path, files: Mapping[str, str]) -> hm.Pin:
    """A crate as ``cargo package`` makes it at ``path``, which is called ``NAME-VERSION.crate``, and its pin."""
    name, _, version = path.name.removesuffix(".crate").rpartition("-")
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for each, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{each}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    path.write_bytes(packed.getvalue())
    return hm.Pin(
        kind="crate",
        name=name,
        version=version,
        algorithm="sha256",
        hash=hashlib.sha256(packed.getvalue()).hexdigest(),
        addresses=(path.as_uri(),),
    )
