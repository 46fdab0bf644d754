"""What a builder sees: docs/format-sandbox.md, line by line, in real sandboxes."""

# ruff: noqa: E501 -- scripts and tables are read as they are run
from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import attrs
import pytest

from hermetica.sandbox import Limits, Mount, World
from tests.sandbox.conftest import ROOT, Box, as_ordinary_user

pytestmark = pytest.mark.sandbox

LISTING = """
id; umask; ulimit -a; env | sort; hostname; pwd; cat /etc/passwd /etc/group /etc/hosts /proc/cmdline /proc/self/personality
find / -xdev -path /proc -prune -o -print | sort | while read f; do stat -c '%A %u %g %N' "$f"; done
for f in /dev/* /dev/shm /tmp /hermetica/store /build; do stat -c '%A %N %t,%T' "$f"; done
find /hermetica/store /build | sort | while read f; do stat -c '%A %u %g %N' "$f"; done
df -k /tmp /dev/shm | awk '{print $2, $6}'; tr '\\0' ' ' < /proc/1/cmdline
grep -e Cap -e NoNew -e Seccomp -e Sig[^Q] -e Uid -e Gid /proc/self/status
"""


def test_the_root_holds_exactly_the_contract(box: Box) -> None:
    ran = box.run("ls -a / /etc /dev")
    assert ran.text == (
        "/:\n.\n..\nbuild\ndev\netc\nhermetica\nproc\ntmp\n\n"
        "/dev:\n.\n..\ncore\nfd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n\n"
        "/etc:\n.\n..\ngroup\nhosts\npasswd\n"
    )


def test_the_environment_is_exactly_the_declared_one(box: Box) -> None:
    ran = box.run(
        "cat /proc/$$/environ | tr '\\0' '\\n'", env=(("PATH", "/hermetica/store/busybox/bin"), ("out", "/x y"))
    )
    assert ran.lines == [
        "HERMETICA_BUILD_CORES=1",
        "HERMETICA_SANDBOX=1",
        "HOME=/homeless-shelter",
        "LC_ALL=C.UTF-8",
        "PATH=/hermetica/store/busybox/bin",
        "PWD=/build",
        "SHELL=/noshell",
        "SOURCE_DATE_EPOCH=315532800",
        "TEMP=/build",
        "TEMPDIR=/build",
        "TERM=xterm-256color",
        "TMP=/build",
        "TMPDIR=/build",
        "TZ=UTC",
        "out=/x y",
    ]


def test_the_builder_is_user_build_on_localhost(box: Box) -> None:
    ran = box.run("id; hostname; uname -n; pwd; umask")
    assert ran.lines == ["uid=1000(build) gid=100(build)", "localhost", "localhost", "/build", "0022"]


def test_no_descriptor_but_0_to_2_reaches_the_builder_whatever_the_embedding_process_inherits(box: Box) -> None:
    low, high = os.open("/etc/hosts", os.O_RDONLY), os.open("/etc/hosts", os.O_RDONLY)
    os.set_inheritable(low, True)  # noqa: FBT003 -- its only form
    leaked = os.dup2(high, 700, inheritable=True)
    try:
        ran = box.run("for fd in 0 1 2 3 4 5 6 7 8 9 10 11 700; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; cat")
    finally:
        for fd in (low, high, leaked):
            os.close(fd)
    # busybox' own shell keeps a copy of its standard input at 10 while it reads a script from elsewhere, not here
    assert ran.lines == ["0", "1", "2"]


def test_a_closed_standard_input_of_the_embedding_process_changes_nothing(box: Box) -> None:
    code = """
import os, sys
from pathlib import Path
from tests.sandbox.conftest import Box
for fd in (0, 1):
    os.close(fd)
ran = Box(Path(sys.argv[1])).run("wc -c; readlink /proc/self/fd/0; echo done")
os.write(2, ran.output)
"""
    done = box_subprocess(code, str(box.root))
    assert done.stderr.split() == ["0", "/dev/null", "done"]


def box_subprocess(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    import sys

    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)


def test_the_caller_keeps_its_umask_and_address_layout_and_gives_none_of_it(box: Box) -> None:
    before = os.umask(0o077)
    try:
        ran = box.run("umask; cat /proc/self/personality")
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert ran.lines == ["0022", "00040000"]
    assert Path("/proc/self/personality").read_text().strip() == "00000000"


def test_threads_of_the_caller_still_share_a_working_directory(box: Box, tmp_path: Path) -> None:
    seen: list[Path] = []
    before = Path.cwd()
    box.run(":")
    os.chdir(tmp_path)
    try:
        thread = threading.Thread(target=lambda: seen.append(Path.cwd()))
        thread.start()
        thread.join()
    finally:
        os.chdir(before)
    assert seen == [tmp_path]


def test_limits_are_the_same_numbers_everywhere(box: Box) -> None:
    ran = box.run("ulimit -Sa; ulimit -Ha")
    values = [line.rsplit(None, 1)[1] for line in ran.lines]
    assert values == [
        *("0", "unlimited", "0", "unlimited", "1024", "64", "unlimited", "4096", "819200"),
        *("0", "8192", "unlimited", "4096", "unlimited", "unlimited"),
        *("0", "unlimited", "0", "unlimited", "1024", "64", "unlimited", "4096", "819200"),
        *("0", "65536", "unlimited", "4096", "unlimited", "unlimited"),
    ]


def test_only_the_build_its_outputs_and_temporary_directories_are_writable(box: Box) -> None:
    places = (
        "/ /etc /dev /proc /proc/sys/kernel /hermetica /hermetica/store/busybox /hermetica/store /build /tmp /dev/shm"
    )
    ran = box.run(f"for d in {places}; do (echo x > $d/probe) 2>/dev/null && echo $d; done")
    assert ran.lines == ["/hermetica/store", "/build", "/tmp", "/dev/shm"]  # noqa: S108 -- in the sandbox


def test_parameters_of_the_kernel_cannot_be_set_even_when_root_builds(box: Box) -> None:
    ran = box.run(
        "for f in core_pattern hostname; do (echo x > /proc/sys/kernel/$f) 2>&1; done; cat /proc/sys/kernel/hostname"
    )
    assert ran.text.count("Read-only file system") == 2
    assert ran.lines[-1] == "localhost"


def test_inputs_cannot_be_changed_removed_or_remounted(box: Box) -> None:
    ran = box.run(
        "cd /hermetica/store/busybox; chmod 777 . ; rm bin/busybox; mv /hermetica/store/busybox /hermetica/store/b;"
        "mount -o remount,rw /hermetica/store/busybox; umount /hermetica/store/busybox; touch -d @0 bin/busybox; :"
    )
    assert len(ran.lines) == 6
    assert (box.root / "busybox/bin/busybox").exists()


def test_an_input_that_is_a_symbolic_link_does_not_open_the_host(box: Box, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("host")
    link = tmp_path / "link"
    link.symlink_to(secret)
    ran = box.run(
        "readlink /hermetica/store/link; cat /hermetica/store/link", inputs=(Mount(str(link), "/hermetica/store/link"),)
    )
    assert ran.lines[0] == str(secret)
    assert "host" not in ran.lines


def test_outputs_appear_in_the_store_directory(box: Box) -> None:
    box.run("echo made > /hermetica/store/out; mkdir /hermetica/store/dev; chmod 4755 /hermetica/store/dev; :")
    assert (box.store_dir / "out").read_text() == "made\n"
    assert (box.store_dir / "dev").stat().st_mode & 0o7777 == 0o755


def test_there_is_no_network_and_no_abstract_socket_of_the_host(box: Box) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as listener, socket.socket() as tcp:
        listener.bind("\0hermetica-test")
        listener.listen()
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        ran = box.run(
            f"nc -w 2 127.0.0.1 {tcp.getsockname()[1]} </dev/null; echo tcp $?; grep -c hermetica-test /proc/net/unix;"
            "ls /sys 2>&1; nslookup localhost.example 2>&1 | tail -1; ip link | grep -c '^[0-9]'"
        )
    assert "tcp 1" in ran.lines
    assert "0" in ran.lines
    assert ran.lines[-1] == "1"


def test_no_host_path_shows_in_the_first_process(box: Box) -> None:
    ran = box.run("tr '\\0' '\\n' < /proc/1/cmdline; cat /proc/1/environ; echo; cat /proc/cmdline")
    assert str(box.root) not in ran.text
    assert ran.lines[:4] == ["bwrap", "--args", "3", "--"]
    assert ran.lines[-1] == "hermetica"


def test_devices_behave(box: Box) -> None:
    ran = box.run(
        "echo x > /dev/null && echo null; echo x > /dev/full || echo full; head -c 2 /dev/zero | wc -c; (: < /dev/tty) || echo tty"
    )
    assert [line for line in ran.lines if " " not in line] == ["null", "full", "2", "tty"]


def test_a_builder_may_find_its_own_number_of_processors(box: Box) -> None:
    available = len(os.sched_getaffinity(0))
    assert box.run("nproc").lines == [str(available)]
    assert box.run("nproc", world=World(cpus=1)).lines == ["1"]


def test_a_varied_world_is_what_the_builder_sees(box: Box) -> None:
    world = World(
        host_name="elsewhere", uid=2345, gid=678, user_name="someone", group_name="some", umask=0o002, time_zone="GMT-14",
        build_path="/b/very/long path", randomise_addresses=True, jobs=7, uptime="1.00 2.00\n", locale="et_EE.UTF-8",
    )  # fmt: skip
    ran = box.run(
        "id; hostname; umask; pwd; cat /proc/self/personality /proc/uptime; echo $TZ $LC_ALL $HERMETICA_BUILD_CORES",
        world=world,
    )
    assert ran.lines == [
        *("uid=2345(someone) gid=678(some)", "elsewhere", "0002", "/b/very/long path", "00000000", "1.00 2.00"),
        "GMT-14 et_EE.UTF-8 7",
    ]


def test_a_builder_cannot_make_namespaces_of_its_own(box: Box) -> None:
    ran = box.run("unshare -U true || echo refused; unshare -m true || echo refused")
    assert ran.lines.count("refused") == 2


def test_root_and_an_ordinary_user_give_a_builder_the_same_surroundings(box: Box, tmp_path: Path) -> None:
    code = """
import sys, tempfile
from pathlib import Path
from tests.sandbox.conftest import make_box
with tempfile.TemporaryDirectory() as scratch:
    sys.stdout.buffer.write(make_box(Path(scratch)).run(sys.argv[1]).output)
"""
    command = as_ordinary_user(code, LISTING)
    other = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    ours = box.run(LISTING)
    assert ours.text == other.stdout
    assert len(ours.lines) > 100


def test_a_tool_tree_appears_in_the_root_read_only(box: Box, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for directory in ("usr/bin", "etc/alternatives", "proc", "build"):
        (tree / directory).mkdir(parents=True)
    (tree / "usr/bin/tool").write_text("#!/hermetica/store/busybox/bin/sh\necho tool\n")
    (tree / "usr/bin/tool").chmod(0o755)
    (tree / "bin").symlink_to("usr/bin")
    (tree / "etc/passwd").write_text("host:x:0:0::/:\n")
    (tree / "etc/ld.so.conf").write_text("/usr/lib\n")
    (tree / "proc/fake").write_text("")
    ran = box.run(
        "tool=$(/bin/tool); echo $tool; ls / /etc; cat /etc/ld.so.conf; head -1 /etc/passwd; touch /usr/x; readlink /bin; ls /build",
        rootfs=str(tree),
    )
    assert ran.lines == [
        "tool",
        *("/:", "bin", "build", "dev", "etc", "hermetica", "proc", "tmp", "usr", ""),
        *("/etc:", "alternatives", "group", "hosts", "ld.so.conf", "passwd"),
        *("/usr/lib", "root:x:0:0:root:/build:/noshell", "touch: /usr/x: Read-only file system", "usr/bin"),
    ]


def test_a_tool_tree_with_the_contracts_own_files_is_mounted_whole_and_covered(box: Box, tmp_path: Path) -> None:
    etc = tmp_path / "tree/etc"
    etc.mkdir(parents=True)
    for name in ("passwd", "group", "hosts", "extra"):
        (etc / name).write_text("host\n")
    ran = box.run(
        "ls /etc; cat /etc/passwd /etc/group /etc/hosts; cat /etc/extra; stat -c %a /etc/passwd",
        rootfs=str(tmp_path / "tree"),
    )
    assert ran.lines[:4] == ["extra", "group", "hosts", "passwd"]
    assert ran.lines[-2:] == ["host", "444"]
    assert ran.lines.count("host") == 1


def test_size_of_files_and_of_temporary_directories_can_be_bounded(box: Box) -> None:
    limits = Limits(file_size_bytes=1 << 20, temporary_bytes=1 << 16, open_files=64)
    ran = box.run(
        "dd if=/dev/zero of=big bs=1M count=2; echo $?; dd if=/dev/zero of=/tmp/t bs=64k count=2 2>&1 | grep -c left; ulimit -n",
        limits=limits,
    )
    assert (box.build_dir / "big").stat().st_size == 1 << 20
    assert "64" in ran.lines
    assert attrs.evolve(limits, open_files=4096).open_files == 4096
