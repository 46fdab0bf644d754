"""B28-B33: what a builder sees, and that it sees nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.realize.errors import BuildFailed
from hermetica.sandbox import SandboxUnavailable
from tests.behaviours.conftest import TOOLS, as_user, read

if TYPE_CHECKING:
    from tests.behaviours.conftest import Shell

pytestmark = pytest.mark.sandbox


def output(store: hm.Store, derivation: hm.Derivation) -> str:
    return read(store, store.realize(derivation).out)


def test_b28_there_is_no_network(store: hm.Store, sh: Shell) -> None:
    with socket.socket(socket.AF_INET) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        script = f"""
            for target in '127.0.0.1 {port}' '192.0.2.1 80' 'localhost {port}' 'example.org 80'; do
                if nc -w 2 $target </dev/null 2>>log; then echo "reached $target" >> $out; else echo no >> $out; fi
            done
        """
        assert output(store, sh("x", script)) == "no\n" * 4


def test_b28_abstract_sockets_of_the_host_are_out_of_reach(store: hm.Store, sh: Shell) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("\0hermetica-behaviour-28")
        listening.listen()
        text = output(store, sh("x", "cat /proc/net/unix > $out 2>/dev/null || echo none > $out"))
        assert "hermetica-behaviour-28" not in text


def test_b29_the_visible_root_is_the_contract_and_nothing_else(store: hm.Store, sh: Shell) -> None:
    undeclared = store.realize(sh("undeclared", "echo secret > $out")).out
    script = f"""
        ls -A / > $out; ls -A /etc >> $out; ls -A /hermetica/store | wc -l >> $out
        cd /hermetica/store; ls {undeclared.base} || echo absent >> $out
    """
    lines = output(store, sh("x", script)).split()
    assert sorted(lines[: lines.index("group")]) == sorted(["build", "dev", "etc", "hermetica", "proc", "tmp"])
    assert lines[lines.index("group") :] == ["group", "hosts", "passwd", "2", "absent"]  # the shell, and $out itself


def test_b29_no_host_path_shows_in_proc(store: hm.Store, sh: Shell, store_root: Path) -> None:
    script = "cat /proc/1/cmdline /proc/self/environ /proc/cmdline | tr '\\0' '\\n' > $out"
    text = output(store, sh("x", script))
    assert str(store_root) not in text
    assert str(Path.home()) not in text.split("\n")


IDENTITY = """
    id > $out; cat /etc/passwd /etc/group /etc/hosts >> $out; hostname >> $out; pwd >> $out
    umask >> $out; ulimit -a >> $out; stat -c '%n %a %u %g' / /build /tmp /dev /dev/shm /etc /hermetica/store >> $out
    env | sort >> $out; ls -l /proc/self/fd | wc -l >> $out; ls -A /dev | sort >> $out
"""


def test_b30_names_and_numbers_agree(store: hm.Store, sh: Shell) -> None:
    text = output(store, sh("x", IDENTITY))
    assert text.startswith("uid=1000(")
    assert "gid=100(" in text.splitlines()[0]
    assert "\nlocalhost\n/build\n0022\n" in text


AS_SOMEBODY = f"""
import sys, hermetica as hm
busybox = hm.source({TOOLS!r}, name="busybox")
d = hm.derivation(name="x", builder=f"{{busybox}}/bin/sh", args=["-euc", sys.argv[2]])
with hm.Store.open(sys.argv[1]) as store:
    print(store.realize(d).out)
"""


def test_b30_root_and_an_ordinary_user_get_the_same_world(store: hm.Store, sh: Shell, theirs: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else as well")
    if as_user([sys.executable, "-c", "import hermetica, lmdb"], env=dict(os.environ)).returncode:
        pytest.skip("the interpreter or the package cannot be read by an ordinary user here")
    command = [sys.executable, "-c", AS_SOMEBODY, str(theirs / "store"), IDENTITY]
    ended = as_user(command, env={**os.environ, "HOME": str(theirs)}, umask=0o077)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == str(store.realize(sh("x", IDENTITY)).out)


def test_b31_what_may_not_be_written_cannot_be(store: hm.Store, sh: Shell) -> None:
    dependency = sh("dependency", "mkdir $out; echo > $out/file")
    script = """
        for path in /x /etc/x /dev/x /proc/x $d/x $d/file; do
            if (echo > $path) 2>/dev/null; then echo "wrote $path" >> $out; fi
        done
        echo > /tmp/x; echo > /dev/shm/x; echo > x; echo > /dev/null
        (echo > /dev/full) 2>message || grep -o 'No space left' message >> $out
    """
    assert output(store, sh("x", script, {"d": f"{dependency}"})) == "No space left\n"


def test_b32_the_environment_is_exactly_what_is_declared(
    store: hm.Store, sh: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERMETICA_CANARY", "leak")
    leaked = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leaked, True)  # noqa: FBT003 -- its own signature
    try:
        script = """
            env | cut -d= -f1 | sort | tr '\n' ' ' > $out; umask >> $out
            ls /proc/self/fd | wc -l >> $out; wc -c >> $out
        """
        names, *rest = output(store, sh("x", script, {"DECLARED": "1"})).split("0022\n")
    finally:
        os.close(leaked)
    assert set(names.split()) <= {
        "DECLARED", "HERMETICA_BUILD_CORES", "HERMETICA_SANDBOX", "HOME", "LC_ALL", "OLDPWD", "PATH", "PWD", "SHELL",
        "SHLVL", "SOURCE_DATE_EPOCH", "TERM", "TMPDIR", "TMP", "TEMP", "TEMPDIR", "TZ", "out", "_",
    }  # fmt: skip
    assert {"DECLARED", "HOME", "SOURCE_DATE_EPOCH", "TZ", "LC_ALL", "TMPDIR", "out"} <= set(names.split())
    assert rest == ["4\n0\n"]  # 0, 1, 2 and the directory that ls reads; stdin is empty


def test_b33_without_bubblewrap_nothing_is_built(
    store: hm.Store, sh: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HERMETICA_BWRAP", str(tmp_path / "no-bwrap"))
    with pytest.raises(SandboxUnavailable) as caught:
        store.realize(sh("x", "echo > $out"))
    assert caught.value.hint
    assert [path for path in store.objects.paths() if path.name == "x"] == []


def test_b33_refused_namespaces_are_a_classified_error(store_root: Path, tmp_path: Path) -> None:
    limit = "/proc/sys/user/max_user_namespaces"
    program = tmp_path / "program.py"
    program.write_text(AS_SOMEBODY)
    script = f"echo 0 > {limit} && exec {sys.executable} {program} {store_root} 'echo > $out'"
    ended = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "SandboxUnavailable" in ended.stderr, ended.stderr
    objects = store_root / "store"
    assert not [path for path in objects.iterdir() if path.name.endswith("-x")]


def test_b33_a_missing_builder_is_named(store: hm.Store, sh: Shell) -> None:
    with pytest.raises(BuildFailed, match="/no/such/builder"):
        store.realize(hm.derivation(name="x", builder="/no/such/builder"))
