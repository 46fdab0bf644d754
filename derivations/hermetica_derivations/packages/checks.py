"""Each package runs with its closure alone: no tree of tools, nothing of the host, nothing that it forgot to mention.

``runs`` has a derivation for every package. It sees the package, what that refers to, and a static shell; its output is
what the package's command printed. The set ``checks`` of this project is this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import hermetica as hm
from hermetica_derivations import packages
from hermetica_derivations.scripts import script
from hermetica_derivations.toolchain import busybox, glibc_runtime

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COMMANDS", "make_run", "runs"]


def _there_and_back(there: str, back: str) -> str:
    return f"echo 'as it went in, so it came out' | $bin/{there} | $bin/{back}"


_GIF: Final = (
    "screen width 2\\nscreen height 1\\nscreen colors 2\\nscreen map\\nrgb 0 0 0 is a\\nrgb 9 9 9 is b\\nend\\n"
    "image # 1\\nimage left 0\\nimage top 0\\nimage bits 2 by 1\\nab\\n"
)

COMMANDS: Final[Mapping[str, str]] = {
    "bc": "echo '2^100' | $bin/bc",
    "busybox": "$bin/busybox echo x",
    "bzip2": _there_and_back("bzip2 -c", "bzip2 -dc"),
    "cpython": "$bin/python3 -c 'import ctypes, lzma, readline, sqlite3, ssl; print(ssl.OPENSSL_VERSION)'",
    "curl": "echo text > file; $bin/curl -s file://$PWD/file; $bin/curl -V | grep -o 'OpenSSL/[0-9.]*'",
    "dash": "$bin/dash -c 'echo $((6 * 7))'",
    "expat": "echo '<a><b/></a>' > file.xml; $bin/xmlwf -v file.xml && echo well-formed",
    "figlet": "$bin/figlet hermetica",
    "gdbm": "printf 'store a 1\\nfetch a\\n' | $bin/gdbmtool -n new.db",
    "giflib": f"printf '{_GIF}' | $bin/gifbuild | $bin/giftext",
    "git": (
        "export HOME=$PWD GIT_AUTHOR_DATE='@0 +0000' GIT_COMMITTER_DATE='@0 +0000'; "
        "$bin/git config --global user.email a@example.org; $bin/git config --global user.name A; "
        "$bin/git init -q -b main r; cd r; echo text > file; $bin/git add file; $bin/git commit -q -m first; "
        "$bin/git grep -P 't(?=e)'; $bin/git log --format='%H %s'"
    ),
    "grep": "printf 'one\\ntwo\\n' | $bin/grep -P '^t(?=w)'",
    "hello": "$bin/hello",
    "jq": """echo '{"a": [1, 2]}' | $bin/jq -c '.a | map(. + 1), test("x")?'""",
    "lua": "$bin/lua -e 'print(_VERSION, 2^53)'",
    "lz4": _there_and_back("lz4 -c", "lz4 -dc"),
    "lzip": _there_and_back("lzip -c", "lzip -dc"),
    "m4": "echo 'define(x, 42)x' | $bin/m4",
    "make": "printf 'all:\\n\\t@echo made\\n' | $bin/make -f -",
    "markdown_it": "echo '*x*' | $bin/markdown-it",
    "musl": "$package/lib/libc.so 2>&1 | grep Version",
    "ncurses": "$bin/tput -T xterm longname",
    "ninja": "$bin/ninja --version",
    "nodejs": "$bin/node -p '6 * 7'",
    "openssl": "echo text | $bin/openssl sha256 -r",
    "patch": "echo old > file; printf -- '--- file\\n+++ file\\n@@ -1 +1 @@\\n-old\\n+new\\n' | $bin/patch; cat file",
    "patchelf": "$bin/patchelf --print-interpreter $bin/patchelf",
    "pcre2": "printf 'one\\ntwo\\n' | $bin/pcre2grep '^t(?=w)'",
    "pkgconf": "printf 'Name: x\\nDescription:\\nVersion: 1\\n' > x.pc; PKG_CONFIG_PATH=. $bin/pkgconf --modversion x",
    "redis": (
        "$bin/redis-server --port 0 --unixsocket /build/socket --save '' --daemonize yes; "
        "until $bin/redis-cli -s /build/socket ping; do sleep 0.1; done; "
        "$bin/redis-cli -s /build/socket set a 1; $bin/redis-cli -s /build/socket incr a; "
        "$bin/redis-cli -s /build/socket shutdown nosave"
    ),
    "sqlite": "$bin/sqlite3 :memory: 'select 6 * 7, sqlite_version()'",
    "tree": "mkdir -p a/b; $bin/tree a",
    "xz": _there_and_back("xz -c", "xz -dc"),
    "xxhash": "echo text > file; $bin/xxhsum file",
    "zopfli": "echo text > file; $bin/zopfli file; gzip -dc file.gz",
    "zpipe": _there_and_back("zpipe", "zpipe -d"),
    "zstd": _there_and_back("zstd -c", "zstd -dc"),
}
"""What to run of a package, as shell text; ``$bin`` and ``$package`` say where it is. Libraries are only loaded."""


def make_run(name: str, package: hm.Derivation, command: str = "") -> hm.Derivation:
    """A run of ``package`` with its closure alone.

    Args:
        name: of the package.
        package: what to run.
        command: shell text; without it, only whether everything that is needed is there is looked at.
    """
    return hm.derivation(
        name=f"run-{name}",
        builder=f"{busybox}/bin/busybox",
        args=["sh", "-eu", str(script("run-alone.sh"))],
        env={
            "PATH": f"{busybox}/bin",
            "runtime": str(glibc_runtime),
            "package": str(package),
            "packages": " ".join(f"{package:{output}}" for output in package.outputs if output in {"out", "lib"}),
            "bin": f"{package}/bin",
            "command": command,
        },
        meta=hm.Meta(description=f"{name} runs with its closure alone"),
    )


runs: Final[Mapping[str, hm.Derivation]] = {
    name: make_run(name, package, COMMANDS.get(name, ""))
    for name, package in vars(packages).items()
    if name in packages.__all__ and isinstance(package, hm.Derivation)
}
"""One for each package, by its name."""
