"""What a failed build lacked is read from what its tools say, and from nothing else that they say."""

from __future__ import annotations

import pytest

from hermetica.realize.lacks import Kind, Lack, in_words, lack_of, lacks_in


@pytest.mark.parametrize(
    ("said", "kind", "name"),
    [
        ("/bin/sh: 1: make: not found", Kind.PROGRAM, "make"),
        ("sh: cc: not found", Kind.PROGRAM, "cc"),
        ("build.sh: line 3: g++: command not found", Kind.PROGRAM, "g++"),
        ("/usr/bin/env: \u2018python3\u2019: No such file or directory", Kind.PROGRAM, "python3"),
        ("make[2]: install: No such file or directory", Kind.PROGRAM, "install"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'git'", Kind.PROGRAM, "git"),
        ("./configure: /bin/bash: bad interpreter: /bin/bash: No such file", Kind.PROGRAM, "/bin/bash"),
        ("main.c:1:10: fatal error: zlib.h: No such file or directory", Kind.HEADER, "zlib.h"),
        ("main.c:1:10: fatal error: 'openssl/ssl.h' file not found", Kind.HEADER, "openssl/ssl.h"),
        ("/usr/bin/ld: cannot find -lz: No such file or directory", Kind.LIBRARY, "z"),
        ("ld.lld: error: unable to find library -lcurl", Kind.LIBRARY, "curl"),
        ("x: error while loading shared libraries: libz.so.1: cannot open shared", Kind.LIBRARY, "libz.so.1"),
        ("No package 'libpng' found", Kind.PKG_CONFIG, "libpng"),
        ("Package libpng was not found in the pkg-config search path.", Kind.PKG_CONFIG, "libpng"),
        ("ModuleNotFoundError: No module named 'setuptools'", Kind.PYTHON, "setuptools"),
        ("Can't locate Text/Template.pm in @INC (you may need", Kind.PERL, "Text/Template.pm"),
        ("curl: (6) Could not resolve host: example.org", Kind.NETWORK, "example.org"),
        ("wget: unable to resolve host address \u2018example.org\u2019", Kind.NETWORK, "example.org"),
        ("wget: bad address 'example.org'", Kind.NETWORK, "example.org"),
        ("npm error code: getaddrinfo EAI_AGAIN registry.example", Kind.NETWORK, "registry.example"),
        ("connect: Network is unreachable", Kind.NETWORK, ""),
        ("mkdir: cannot create directory '/homeless-shelter': Read-only", Kind.HOME, "/homeless-shelter"),
        ("touch: /usr/share/x: Read-only file system", Kind.PLACE, "/usr/share/x"),
    ],
)
def test_each_tools_words_are_understood(said: str, kind: Kind, name: str) -> None:
    assert Lack(kind, name) in lacks_in(f"checking...\n{said}\nmake: *** [all] Error 1\n")


@pytest.mark.parametrize(
    "said",
    [
        "checking for zlib.h... no",
        "checking for gawk... no",
        "404: page not found here, sorry",
        "warning: -lz may not be found",
        "cat: data.txt: No such file or directory",
        "test_home ... ok",
    ],
)
def test_what_may_mean_something_else_is_left_alone(said: str) -> None:
    assert lacks_in(said) == ()


def test_they_come_in_the_order_of_the_log_each_once_and_few() -> None:
    log = "a.c:1: fatal error: z.h: No such file\nsh: x: not found\nb.c:1: fatal error: z.h: No such file\n"
    assert in_words(lacks_in(log)) == "the header z.h, the program x"
    named = "Temporary failure in name resolution\nCould not resolve host: example.org"
    assert in_words(lacks_in(named)) == "a network, for example.org"
    assert len(lacks_in("\n".join(f"sh: tool{n}: not found" for n in range(100)))) == 8


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_way_out_and_words(kind: Kind) -> None:
    assert Lack(kind, "x").way_out
    assert Lack(kind, "x").text


def test_a_path_that_was_not_there_says_what_it_would_have_been() -> None:
    assert lack_of("/usr/include/openssl/ssl.h") == Lack(Kind.HEADER, "openssl/ssl.h")
    assert lack_of("/usr/lib/libz.so") == Lack(Kind.LIBRARY, "z")
    assert lack_of("/usr/lib/pkgconfig/zlib.pc") == Lack(Kind.PKG_CONFIG, "zlib")
    assert lack_of("/etc/hosts.equiv") == Lack(Kind.FILE, "/etc/hosts.equiv")
    assert Lack(Kind.LIBRARY, "z").places == ("lib/libz.so", "lib/libz.a", "lib/z")
