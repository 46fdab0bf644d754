"""Makes the seeds of the corpus anew: ``python -m tests.fuzz.seeds``. What was found by fuzzing is not touched."""

from __future__ import annotations

import json
import stat
import struct
import sys
from typing import TYPE_CHECKING

import hermetica as hm
from hermetica.fetch.lock import Lock
from hermetica.fetch.lock_pin import Group, Pin
from hermetica.model.canonical import encode
from hermetica.model.record import to_records
from hermetica_store import StorePath
from hermetica_store.codec import (
    Listing,
    ObjectInfo,
    RootValue,
    encode_listing,
    encode_nar,
    encode_object,
    encode_root,
    encode_stamp,
    row_head,
)
from hermetica_store.content import Content, File, Folder, Link
from hermetica_store.digest import Digest
from hermetica_store.manifest import encode_manifest
from hermetica_store.nar import NarDigest, nar_string
from hermetica_store.selection import KeptSelection
from tests.fetch.archives import COMPRESSORS, deb_of, header, member, padded, pax, sealed, tar, zip_of
from tests.fuzz import exchange
from tests.fuzz.corpus import CORPUS

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIGEST = Digest(bytes(range(32)))
_PATH = StorePath.parse_base("hx" + "0" * 30 + "-fuzz")
_TREE = tar(
    pax({b"path": b"p", b"size": b"5"}) + member(b"f", b"hello"),
    pax({b"GNU.sparse.size": b"10", b"GNU.sparse.map": b"0,2,5,2"}) + member(b"s", b"abcd"),
    pax({b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.realsize": b"9"})
    + member(b"t", padded(b"1\n0\n4\n") + b"data"),
    member(b"L", b"long\x00", kind=b"L") + member(b"x", b"x"),
    header(b"d", kind=b"5"),
    header(b"d/l", kind=b"2", target=b"../f"),
    header(b"d/h", kind=b"1", target=b"p"),
)
_SCRIPT = b"""#!/bin/sh
BIN=/usr/bin
MAN=$BIN/man
update-alternatives --quiet --install /usr/bin/awk awk ${BIN}/mawk 5 \\
  --slave /usr/share/man/man1/awk.1.gz awk.1.gz $MAN/mawk.1.gz
"""
_STANZA = b"""Package: a
Version: 1:2.0~rc1-3+b1
Architecture: amd64
Depends: libc6 (>= 2.36), b | c (<< 3), d:any
Provides: e (= 2)
Conflicts: f
Filename: pool/a.deb
Size: 12
SHA256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
Description: short
 long
 .
 more

Package: b
Version: 1
"""
_SOURCE = b"""Package: a
Version: 1.0-1
Directory: pool/a
Files:
 d41d8cd98f00b204e9800998ecf8427e 3 a_1.0-1.dsc
Checksums-Sha256:
 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef 3 a_1.0-1.dsc
"""
_RELEASE = b"""Origin: Debian
Suite: stable
Codename: bookworm
Date: Sat, 10 Jun 2023 08:43:38 UTC
Valid-Until: Sat, 10 Jun 2028 08:43:38 UTC
Acquire-By-Hash: yes
SHA256:
 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef 1234 main/binary-amd64/Packages.xz
"""


def _words(*words: bytes) -> bytes:
    return b"".join(map(nar_string, words))


def _nars() -> Iterator[tuple[str, bytes]]:
    file = (b"(", b"type", b"regular", b"contents", b"hello", b")")
    program = (b"(", b"type", b"regular", b"executable", b"", b"contents", b"#!", b")")
    link = (b"(", b"type", b"symlink", b"target", b"../x", b")")
    entries = [(b"a", file), (b"b", link), (b"c", program), (b"d", (b"(", b"type", b"directory", b")"))]
    inner = [word for name, node in entries for word in (b"entry", b"(", b"name", name, b"node", *node, b")")]
    yield "file", _words(b"nix-archive-1", *file)
    yield "link", _words(b"nix-archive-1", *link)
    yield "tree", _words(b"nix-archive-1", b"(", b"type", b"directory", *inner, b")")
    deep = (b"(", b"type", b"directory", b"entry", b"(", b"name", b"d", b"node")
    yield "deep", _words(b"nix-archive-1", *deep * 40, *file, *(b")", b")") * 40)


def _archives() -> Iterator[tuple[str, bytes]]:
    yield "zip", zip_of(("f", b"hello" * 50, 0o100644), ("d/", b"", 0o040755), ("d/l", b"../f", stat.S_IFLNK | 0o777))
    yield "ar", deb_of((b"a", b"hello"), (b"//", b"long-name-of-a-member/\n"), (b"/0", b"x"), (b"#1/4", b"nameX"))
    yield "deb", deb_of((b"debian-binary", b"2.0\n"), (b"control.tar", tar(member(b"control"))), (b"data.tar", _TREE))
    for name, compress in COMPRESSORS.items():
        yield name, compress(_TREE if name == "gzip" else b"hello" * 20)


def _debs() -> Iterator[tuple[str, bytes]]:
    control = tar(member(b"./postinst", _SCRIPT))
    data = tar(header(b"./usr", kind=b"5"), member(b"./usr/f", b"x"), header(b"./usr/h", kind=b"1", target=b"./usr/f"))
    yield "plain", deb_of((b"debian-binary", b"2.0\n"), (b"control.tar", control), (b"data.tar", data))
    xz = COMPRESSORS["xz"]
    yield "xz", deb_of((b"debian-binary", b"2.0\n"), (b"control.tar.xz", xz(control)), (b"data.tar.xz", xz(data)))


def _values() -> Iterator[tuple[str, bytes]]:
    info = ObjectInfo(
        path=_PATH, tree=_DIGEST, modulo=Digest(bytes(32)), size_bytes=300, references=(_PATH,), registered_at=1.5
    )
    folder = Folder(files={b"f": File(_DIGEST, 1, executable=True)}, links={b"l": Link(b"t")}, folders={b"d": Folder()})
    many = Folder(files={b"f%d" % number: File(_DIGEST, 1, executable=False) for number in range(40)})
    yield "object", b"\0" + encode_object(info)
    yield "root", b"\1" + encode_root(RootValue(path=_PATH, link=b"/link", added_ms=1))
    yield "nar", b"\2" + encode_nar(NarDigest(bytes(32), 300))
    yield "row", b"\3" + row_head(_PATH.base.encode(), 1) + b"value"
    yield "stamp", b"\4" + encode_stamp((1, 2, 3, 4, 5), bytes(32), 7)
    listing = Listing(
        facts=bytes(32), below=bytes(32), digest=bytes(32), message_bytes=1, size_bytes=2, file_count=3, settled_ns=4
    )
    yield "listing", b"\4" + encode_listing(listing, 7)
    yield "manifest", b"\5" + encode_manifest(Content(folder))
    yield "manifest-packed", b"\5" + encode_manifest(Content(many))
    for name, count in (("selection", 2), ("selection-packed", 100)):
        kept = KeptSelection.of([f"src/{number:03d}.py" for number in range(count)])
        yield name, b"\6" + kept.digest.raw + kept.value


def _index() -> Iterator[tuple[str, bytes]]:
    for table in range(18):
        for number, value in enumerate([data for _, data in _values()][:4]):
            if number == table % 4:
                yield f"table-{table}", struct.pack("BB", table, 0) + value[1:]


def _records() -> Iterator[tuple[str, bytes]]:
    with hm.evaluation():
        a = hm.derivation(name="a", builder="/bin/sh", args=["-c", "x"], env={"X": "y"})
        b = hm.derivation(name="b", builder=f"{a}/sh", outputs=("out", "dev"), structured={"n": [1, None, True]})
        fetch = hm.fetchurl("https://example.org/a.tar.gz", sha256="0" * 64)
        for name, root in (("plain", a), ("fetch", fetch)):
            yield name, json.dumps({**to_records([root])[-1], "origin": "pkgs.py:3"}).encode()
        yield "canonical", encode({"a": [1, None, True, "é"], "b": {"c": ""}})
        yield "dependent", json.dumps({**to_records([b])[-1], "origin": "pkgs.py:4"}).encode()


def _locks() -> Iterator[tuple[str, bytes]]:
    pin = Pin(
        kind="url",
        name="a",
        version="1",
        algorithm="sha256",
        hash="0" * 64,
        size_bytes=3,
        addresses=("https://e.org/a",),
    )
    yield "lock", Lock((Group(name="g", request={"packages": ("a",)}, pins=[pin]),)).text().encode()


def _texts() -> Iterator[tuple[str, str, bytes]]:
    yield "maintainer-script", "postinst", _SCRIPT
    yield "debian-control", "packages", _STANZA
    yield "debian-index", "packages", _STANZA
    yield "debian-index", "sources", _SOURCE
    yield "debian-release", "release", _RELEASE
    yield "debian-version", "versions", b"1:2.0~rc1-3+b1 2.0-1"
    yield "settings", "config", b'jobs = 4\nstore = "~/s"\n[mirrors]\ndebian = ["https://mirror.example/debian"]\n'
    yield (
        "environment",
        "variables",
        b"HERMETICA_JOBS=4\nHERMETICA_STORE=s\nHERMETICA_MIRROR_DEBIAN=https://m.example/d\n",
    )
    yield "sources", "list", b"deb [signed-by=/k arch=amd64] https://m.example/debian stable main\n"
    yield "sources", "deb822", b"Types: deb\nURIs: https://m.example/debian\nSuites: stable\nComponents: main\n"
    yield "sources", "pip", b"[global]\nindex-url = https://i.example/simple\nextra-index-url =\n  https://j.example\n"
    yield "sources", "npm", b"registry=https://r.example/\n@s:registry=${HOME}\n"
    yield "page", "html", b'<html><base href="x/"><a href="../a-1.0.tar.gz#sha256=0">a-1.0.tar.gz</a>'
    yield "page", "json", b'{"files":[{"filename":"a-1.0.tar.gz","url":"u/a-1.0.tar.gz","hashes":{}}]}'
    yield "patterns", "patterns", b"src/**/[!a-z]*.{c,h}\nsrc/x/y.c"
    yield "target", "module", b"./pkgs.py:a.b[c=1]^out,dev"
    yield "target", "object", b"/hermetica/store/hx" + b"0" * 30 + b"-name/bin"
    yield "log", "complaint", b"bwrap: execvp /bin/sh: No such file or directory\n"
    yield "command-line", "query", b"query\nclosure\nhx0\n--size\n--json"
    yield "command-line", "ls", b"ls\n./pkgs.py:*\n-v"
    yield "command-line", "why", b"why-depends\n./pkgs.py:b\n./pkgs.py:a"


def _hostile() -> Iterator[tuple[str, str, bytes]]:
    """What somebody would try who has read the readers."""
    doubling = b"".join(b"A%d=$A%d$A%d\n" % (number, number - 1, number - 1) for number in range(1, 60))
    yield "maintainer-script", "doubling", b"A0=xxxxxxxx\n" + doubling + b"echo $A59 $A59\n"
    yield "maintainer-script", "blank-lines", b"\n" * 60000 + b"=\n"
    yield "maintainer-script", "priority", b"update-alternatives --install /a b /c " + b"9" * 5000
    back = bytearray(member(b"./a", b"x" * 600))
    back[124:136] = b"\xff" * 10 + b"\xf4\x00"
    hollow = pax({b"GNU.sparse.size": b"9" * 14, b"GNU.sparse.map": b"0,1"}) + member(b"./s", b"1")
    for name, data in (("back", sealed(bytearray(back[:512])) + bytes(1024)), ("hollow", hollow)):
        yield "deb", name, deb_of((b"debian-binary", b"2.0\n"), (b"control.tar", tar()), (b"data.tar", tar(data)))
    yield "lock", "deep", b"a = " + b"[" * 20000
    yield "lock", "digits", b"version = " + b"9" * 5000
    yield "settings", "deep", b"a = " + b"[" * 20000
    yield "settings", "digits", b"jobs = " + b"9" * 5000
    yield "canonical", "deep", b"[" * 60000
    yield "record", "deep", b'{"id":' + b"[" * 60000
    yield "debian-release", "year", b"Valid-Until: Sat, 10 Jun " + b"2" * 60 + b" 08:43:38 UTC\n"
    yield "debian-version", "digits", b"9" * 5000 + b":1 1"
    yield "page", "deep", b'{"files":' + b"[" * 60000
    yield "codec", "number-without-end", b"\2\1" + bytes(32) + b"\x80" * 60000
    yield "codec", "claim", b"\5\2" + bytes.fromhex("28b52ffde0ffffffffffffff0f010000")
    yield "nar", "length", _words(b"nix-archive-1", b"(", b"type", b"regular", b"contents") + b"\xff" * 8
    yield "archive", "entries", b"PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2)
    yield "command-line", "long", b"ls\n./" + b"x" * 5000
    yield "command-line", "dots", b"ls\n..."


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """(target, name, content) of every seed."""
    yield from _texts()
    yield from _hostile()
    rooms = (("nar", _nars()), ("archive", _archives()), ("deb", _debs()), ("codec", _values()), ("index", _index()))
    for target, made in (*rooms, ("record", _records()), ("lock", _locks())):
        for name, content in made:
            yield ("canonical" if name == "canonical" else target), name, content
    yield from exchange.seeds()
    yield "tar", "tree", _TREE
    for number, name in enumerate(COMPRESSORS):
        yield "compressed", name, bytes((number,)) + _TREE[:2048]


def main() -> int:
    """Writes them."""
    for target, name, content in seeds():
        place = CORPUS / target / f"seed-{name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
