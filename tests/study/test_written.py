"""Who wrote a file is read from what strace wrote, of texts and of a real build."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.realize.in_world import workshop
from hermetica.realize.writing import writers_of
from hermetica.realize.written import Writer, writers
from tests.study.conftest import scripted, tools

if TYPE_CHECKING:
    from pathlib import Path

SHELL = """\
1.0 execve("/bin/sh", ["sh", "-c", "make it"], 0x1 /* 3 vars */) = 0
1.1 openat(AT_FDCWD</build>, "log", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</build/log>
1.2 vfork() = 2 /* 20 in strace's PID NS */
1.9 rename("b", "/out/b") = 0
"""
TOOL = """\
1.3 execve("/bin/cc", ["cc", "-o", "a b", "x\\"y"], 0x1 /* 3 vars */) = 0
1.4 chdir("/out") = 0
1.5 openat(AT_FDCWD</out>, "a b", O_WRONLY|O_CREAT, 0666) = 3</out/a b>
1.6 openat(AT_FDCWD</out>, "missing", O_WRONLY) = -1 ENOENT (No such file or directory)
1.7 openat(AT_FDCWD</out>, "read", O_RDONLY) = 3</out/read>
1.8 clone(child_stack=NULL) = 3 /* 30 in strace's PID NS */
"""
SUBSHELL = """\
1.85 creat("twice", 0666) = 3</out/twice>
"""


def test_a_file_was_written_by_whoever_opened_it_for_that_last() -> None:
    found = writers({10: SHELL, 20: TOOL, 30: SUBSHELL})
    shell, tool = "sh -c 'make it'", "cc -o 'a b' 'x\"y'"
    assert found == {
        "/build/log": Writer(command=shell),
        "/out/b": Writer(command=shell),
        "/out/a b": Writer(command=tool, callers=(shell,)),
        "/out/twice": Writer(command=tool, callers=(shell,)),
    }
    later = '2.0 openat(AT_FDCWD</out>, "b", O_RDWR) = 4</out/b>\n'
    assert writers({10: SHELL, 20: TOOL + later})["/out/b"].command == tool


def test_what_lay_in_a_renamed_directory_was_written_by_whoever_wrote_it_there() -> None:
    mover = (
        '3.0 execve("/bin/mv", ["mv", "staged", "/out"], 0x1 /* 3 vars */) = 0\n3.1 rename("staged", "/out/s") = 0\n'
    )
    maker = TOOL.replace("/out>", "/build/staged>").replace("3</out/a b>", "3</build/staged/a b>")
    found = writers({10: SHELL.replace("1.9 rename", "9.9 rename"), 20: maker, 40: mover})
    assert found["/out/s/a b"].command == "cc -o 'a b' 'x\"y'"
    assert found["/out/s"].command == "mv staged /out"


def test_what_is_no_trace_has_no_writers() -> None:
    assert writers({1: "nonsense\n+++ exited with 0 +++\n"}) == {}


@pytest.mark.sandbox
@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace here")
def test_the_commands_of_a_real_build_are_named(tmp_path: Path) -> None:
    script = "mkdir $out $out/l; echo x > f; tar cf $out/f.tar f; tar cf $out/l/t f; mv $out/l $out/m; mv f $out/moved"
    script += "; ( echo sub > $out/sub )"
    with hm.evaluation(), hm.Store.open(tmp_path / "store") as store:
        made = scripted(tools(tmp_path / "tools"), {"made": script})["made"]
        with workshop(store, made) as shop:
            found = writers_of(shop)
    assert found["out/f.tar"].command == "tar cf $out/f.tar f"
    assert found["out/f.tar"].callers[0].endswith(f"/bin/sh -euc '{script}'")
    assert found["out/sub"].command.endswith(f"/bin/sh -euc '{script}'")
    assert found["out/m/t"].command == "tar cf $out/l/t f"
    assert set(found) == {"out/f.tar", "out/moved", "out/sub", "out/l/t", "out/m", "out/m/t"}
