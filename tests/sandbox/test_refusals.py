"""Hosts that refuse the sandbox, for real where one can be made to; and builders that cannot be executed."""

# ruff: noqa: E501 -- scripts and tables are read as they are run
from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.sandbox import (
    ArgumentsTooLong,
    BuilderNotFound,
    DirectoryOrder,
    InvalidSandboxSpec,
    Limits,
    Mount,
    MountSourceMissing,
    SandboxUnavailable,
    World,
    enter,
    probe,
)
from hermetica.sandbox.refusal import Facts, RefusalKind, classify, install_command, standing, version_numbers
from tests.sandbox.conftest import ROOT, Box, as_ordinary_user, import_paths

if TYPE_CHECKING:
    from pathlib import Path

sandboxed = pytest.mark.sandbox

TRY = """
import sys, tempfile
from pathlib import Path
from hermetica.sandbox import SandboxUnavailable
from tests.sandbox.conftest import make_box
with tempfile.TemporaryDirectory() as scratch:
    try:
        print("ran", make_box(Path(scratch)).run("echo built").lines)
    except SandboxUnavailable as error:
        print(error.kind, error.code, bool(error.remedy), sep=",")
"""


def tried(*before: str, **environ: str) -> str:
    """What the attempt says under a command that changes its surroundings."""
    environment = {**os.environ, "PYTHONPATH": import_paths(), **environ}
    command = [*before, sys.executable, "-c", TRY]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT, timeout=60)
    return done.stdout.strip()


@sandboxed
def test_without_bubblewrap_there_is_no_build(tmp_path: Path) -> None:
    for program in ("busybox", "env"):
        found = shutil.which(program)
        assert found is not None
        (tmp_path / program).symlink_to(found)
    assert tried(PATH=str(tmp_path)) == "bwrap-missing,HM301,True"


@sandboxed
def test_a_variable_names_the_bubblewrap_to_use(tmp_path: Path) -> None:
    bwrap = shutil.which("bwrap")
    assert bwrap is not None
    copy = tmp_path / "my-bwrap"
    shutil.copy(bwrap, copy)
    assert tried(HERMETICA_BWRAP=str(copy)) == "ran ['built']"
    assert tried(HERMETICA_BWRAP=str(tmp_path)) == "bwrap-missing,HM301,True"
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    assert tried(HERMETICA_BWRAP=str(tmp_path / "text")) == "bwrap-missing,HM301,True"


@sandboxed
def test_an_old_bubblewrap_is_told_by_what_it_does_not_know(tmp_path: Path) -> None:
    old = tmp_path / "bwrap"
    old.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = --version ]; then echo bubblewrap 0.4.1; exit; fi\n'
        "cat <&3 >/dev/null; echo 'bwrap: Unknown option --disable-userns' >&2; exit 1\n"
    )
    old.chmod(0o755)
    assert tried(HERMETICA_BWRAP=str(old)) == "bwrap-old,HM301,True"


@sandboxed
def test_a_host_without_user_namespaces_left_is_classified() -> None:
    shell = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    assert tried("unshare", "-Ur", "sh", "-c", shell, "-") == "namespace-limit,HM301,True"


@sandboxed
def test_a_build_inside_another_sandbox_fails_with_the_reason() -> None:
    outer = ("bwrap", "--unshare-user", "--disable-userns", "--dev-bind", "/", "/", "--proc", "/proc")
    assert tried(*outer) == "namespace-limit,HM301,True"


@sandboxed
def test_a_build_inside_a_hermetica_build_says_that_it_is_nested(box: Box) -> None:
    """B35."""
    place = "/hermetica/store/checkout"  # this checkout may lie where the sandbox has something of its own
    paths, interpreter = (text.replace(str(ROOT), place) for text in (import_paths(), sys.executable))
    ran = box.run(
        f"cd {place}; PYTHONPATH={paths} TMPDIR=/tmp PATH=/usr/bin:/bin {interpreter} -c '{TRY}'",
        inputs=(Mount(str(ROOT), place),),
        rootfs="/",
        env=(("PATH", "/usr/bin:/bin"),),
    )
    assert ran.lines == ["nested,HM301,True"]


@sandboxed
@pytest.mark.parametrize(
    "mount", ["-t tmpfs none /proc/sys", "-t tmpfs none /proc/fs", "--bind /dev/null /proc/uptime"]
)
def test_a_masked_proc_is_classified(mount: str) -> None:
    """As container managers do it: something lies over a part of /proc, so that the kernel refuses a fresh one."""
    shell = f'mount {mount} && exec "$@"'
    answer = tried("unshare", "-Urm", "sh", "-c", shell, "-")
    assert answer == "masked-proc,HM301,True"


@sandboxed
def test_a_hard_limit_below_the_contracts_is_refused_before_anything_runs() -> None:
    code = TRY.replace(
        "with tempfile", "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\nwith tempfile"
    )
    done = subprocess.run(as_ordinary_user(code), capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "limit,HM301,True"


@sandboxed
def test_a_probe_of_this_host_finds_that_it_works() -> None:
    diagnosis = probe()
    assert diagnosis.works
    assert [finding.what for finding in diagnosis.findings] == ["machine", "bubblewrap", "trial sandbox"]


@sandboxed
def test_a_probe_of_a_refusing_host_tells_cause_and_remedy() -> None:
    code = "from hermetica.sandbox import probe\nd = probe()\nprint(d.works, [f.kind for f in d.findings if not f.ok])"
    outer = ("bwrap", "--unshare-user", "--disable-userns", "--dev-bind", "/", "/", "--proc", "/proc")
    environment = {**os.environ, "PYTHONPATH": import_paths()}
    command = [*outer, sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "False ['namespace-limit']"


@sandboxed
@pytest.mark.parametrize(
    ("path", "content", "mode"),
    [
        ("none", None, 0),
        ("text", "no program", 0o644),
        ("script", "#!/no/such/interpreter\n", 0o755),
        ("dir", None, 0o755),
    ],
)
def test_a_builder_that_cannot_be_executed_is_told_apart_from_one_that_fails(
    box: Box, path: str, content: str | None, mode: int
) -> None:
    tools = box.root / "busybox"
    if content is not None:
        (tools / path).write_text(content)
        (tools / path).chmod(mode)
    elif mode:
        (tools / path).mkdir()
    builder = f"/hermetica/store/busybox/{path}"
    with pytest.raises(BuilderNotFound) as caught:
        box.run(":", builder=builder)
    assert (caught.value.builder, caught.value.code) == (builder, "HM302")
    assert caught.value.hint
    assert caught.value.reason in {"No such file or directory", "Permission denied"}


@sandboxed
def test_arguments_longer_than_the_kernel_takes_are_refused_with_the_way_out(box: Box) -> None:
    with pytest.raises(ArgumentsTooLong) as caught:
        box.run(":", env=(("LONG", "x" * 200_000),))
    assert caught.value.code == "HM305"
    with pytest.raises(ArgumentsTooLong):
        box.run("x" * 200_000)
    assert box.run("echo ${#LONG}", env=(("PATH", "/"), ("LONG", "x" * 130_000))).lines == ["130000"]


@sandboxed
def test_what_cannot_be_mounted_is_named(box: Box) -> None:
    with pytest.raises(MountSourceMissing) as caught:
        box.run(":", inputs=(Mount("/nonexistent/input", "/hermetica/store/x"),))
    assert (caught.value.source, caught.value.code) == ("/nonexistent/input", "HM306")
    with pytest.raises(MountSourceMissing, match="/nonexistent/build"):
        box.run(":", build_dir="/nonexistent/build")


@pytest.mark.parametrize(
    "changes",
    [
        {"builder": "relative/sh"},
        {"args": ("a\0b",)},
        {"env": (("A=B", "x"),)},
        {"env": (("", "x"),)},
        {"store_dir": "relative"},
        {"rootfs": "relative"},
        {"inputs": (Mount("/a", "/proc/x"),)},
        {"inputs": (Mount("/a", "/hermetica/store"),)},
        {"inputs": (Mount("/a", "/hermetica/other"),)},
        {"inputs": (Mount("/a", "/x/../y"),)},
        {"inputs": (Mount("/a", "/x"), Mount("/b", "/x"))},
        {"inputs": (Mount("a", "/x"),)},
        {"world": World(build_path="/proc/build")},
        {"world": World(build_path="build")},
    ],
)
def test_a_specification_without_meaning_is_refused_early(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidSandboxSpec) as caught:
        Box(tmp_path).spec(":", **changes)
    assert caught.value.code == "HM303"
    assert isinstance(caught.value, ValueError)


def test_entering_without_a_command_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSandboxSpec):
        enter(Box(tmp_path).spec(":"), [])


@pytest.mark.parametrize(
    "world",
    [
        World(clock_s=0),
        World(file_time_s=0),
        World(directory_order=DirectoryOrder.SORTED),
        World(kernel_name=("a", "b")),
        World(random_seed=1),
    ],
)
@sandboxed
def test_a_world_that_needs_tracing_is_an_error_where_the_host_refuses_it_never_a_weaker_run(
    box: Box, world: World
) -> None:
    code = """
import ctypes, pickle, sys
from pathlib import Path
from hermetica.sandbox import TierUnavailable
from hermetica.sandbox.seccomp import PASS, Instruction, packed
from tests.sandbox.conftest import Box
program = packed((Instruction(0x20, 0, 0, 0), Instruction(0x15, 0, 1, 101), Instruction(0x06, 0, 0, 0x50001), PASS))
class Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_char_p))
library = ctypes.CDLL(None)
assert library.prctl(38, 1, 0, 0, 0) == 0
assert library.prctl(22, 2, ctypes.byref(Filter(len(program) // 8, program)), 0, 0) == 0
box, world = Box(Path(sys.argv[1])), pickle.loads(bytes.fromhex(sys.argv[2]))
print(box.run("echo without").text.strip())
try:
    box.run("echo ran", world=world)
except TierUnavailable as error:
    print(error.code, error.cause)
"""
    command = [sys.executable, "-c", code, str(box.root), pickle.dumps(world).hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    assert done.stdout.splitlines() == [
        "without",
        "HM304 the kernel refuses tracing: ptrace(PTRACE_SEIZE): Operation not permitted",
    ]


@pytest.mark.parametrize(
    ("said", "facts", "kind"),
    [
        ("bwrap: setting up uid map: Permission denied", Facts(apparmor_restricts=1), RefusalKind.APPARMOR),
        ("bwrap: Creating new namespace failed: Operation not permitted", Facts(unprivileged_clone=0), RefusalKind.UNPRIVILEGED_CLONE),
        ("bwrap: Creating new namespace failed: Operation not permitted", Facts(seccomp=True), RefusalKind.SECCOMP),
        ("bwrap: No permissions to create new namespace: Operation not permitted", Facts(container="docker"), RefusalKind.SECCOMP),
        ("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", Facts(container="docker"), RefusalKind.MASKED_PROC),
        ("bwrap: Creating new namespace failed: Invalid argument", Facts(kernel_has_user_namespaces=False), RefusalKind.NO_USER_NAMESPACES),
        ("bwrap: anything", Facts(in_hermetica=True, max_user_namespaces=0), RefusalKind.NESTED),
        ("bwrap: anything", Facts(setuid=True), RefusalKind.BWRAP_SETUID),
        ("bwrap: anything", Facts(version=(0, 7, 0)), RefusalKind.BWRAP_OLD),
        ("bwrap: Can't fork: Resource temporarily unavailable", Facts(), RefusalKind.LIMIT),
        ("bwrap: the moon is wrong", Facts(version=(0, 8, 0)), RefusalKind.UNKNOWN),
        ("", Facts(), RefusalKind.UNKNOWN),
    ],
)  # fmt: skip
def test_what_bubblewrap_said_and_the_hosts_facts_decide_the_class(said: str, facts: Facts, kind: RefusalKind) -> None:
    refusal = classify(said, facts)
    assert refusal.kind is kind
    error = refusal.error(said)
    assert isinstance(error, SandboxUnavailable)
    assert (error.kind, error.hint) == (kind.value, refusal.remedy)


@given(
    said=st.text(max_size=80),
    facts=st.builds(
        Facts, superuser=st.booleans(), seccomp=st.booleans(), in_hermetica=st.booleans(),
        max_user_namespaces=st.none() | st.integers(0, 2), apparmor_restricts=st.none() | st.integers(0, 1),
    ),
)  # fmt: skip
def test_every_refusal_has_a_cause_and_a_remedy(said: str, facts: Facts) -> None:
    refusal = classify(said, facts)
    assert refusal.cause.strip()
    assert refusal.remedy.strip()


def test_root_is_not_told_about_switches_that_bind_ordinary_users_only() -> None:
    assert standing(Facts(superuser=True, apparmor_restricts=1, unprivileged_clone=0, setuid=True)) == ()


def test_each_distribution_gets_its_own_command() -> None:
    assert install_command(("debian",)) == "apt install bubblewrap"
    assert install_command(("linuxmint", "ubuntu", "debian")) == "apt install bubblewrap"
    assert install_command(("unheard-of",)) == "install the package bubblewrap"


def test_versions_are_compared_as_numbers() -> None:
    assert version_numbers("bubblewrap 0.10.0") > version_numbers("bubblewrap 0.8.0")
    assert version_numbers("nonsense") == ()
    assert Limits().open_files > 0
