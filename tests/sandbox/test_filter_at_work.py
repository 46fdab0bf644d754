"""The filter in the kernel: system calls made by number from a real process in a sandbox."""

# ruff: noqa: E501 -- scripts and tables are read as they are run
from __future__ import annotations

import errno
import json
import platform
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Box

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers below are those of x86-64"),
    pytest.mark.skipif(
        shutil.which("python3", path="/usr/bin") is None, reason="makes the calls with /usr/bin/python3"
    ),
]

CALLS = """
import ctypes, json, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
open("/build/f", "w").close()
fd = os.open("/build/f", os.O_RDWR)
AT = -100
def call(*arguments):
    ctypes.set_errno(0)
    made = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in arguments]
    result = libc.syscall(*made)
    return ctypes.get_errno() if result < 0 else 0
f, new = b"/build/f", [b"/build/n%d" % n for n in range(20)]
how = ctypes.create_string_buffer(24)
results = {
    "chmod 755": call(90, f, 0o755), "chmod 4755": call(90, f, 0o4755), "chmod 2755": call(90, f, 0o2755), "chmod 1777": call(90, f, 0o1777),
    "fchmod 4755": call(91, fd, 0o4755), "fchmodat 4755": call(268, AT, f, 0o4755), "fchmodat2 4755": call(452, AT, f, 0o4755, 0),
    "open 4755": call(2, new[0], 0o101, 0o4755), "open 644": call(2, new[1], 0o101, 0o644), "open old 4755": call(2, f, 0, 0o4755),
    "openat 2755": call(257, AT, new[2], 0o101, 0o2755), "openat tmpfile 4755": call(257, AT, b"/build", 0o20200002, 0o4755),
    "openat tmpfile 600": call(257, AT, b"/build", 0o20200002, 0o600),
    "creat 4755": call(85, new[3], 0o4755), "mknod 4755": call(133, new[4], 0o104755, 0), "mknodat 4755": call(259, AT, new[5], 0o104755, 0),
    "mknod 755": call(133, new[6], 0o100755, 0), "mkdir 6755": call(83, new[7], 0o6755),
    "openat2": call(437, AT, f, how.raw, 24), "setxattr": call(188, f, b"user.a", b"b", 1, 0), "getxattr": call(191, f, b"user.a", None, 0),
    "listxattr": call(194, f, None, 0), "setxattrat": call(463, AT, f, 0, b"user.a", None, 0), "removexattrat": call(466, AT, f, 0, b"user.a"),
    "io_uring_setup": call(425, 1, None), "keyctl": call(250, 0, -3, 0), "getgroups": call(115, 0, None),
    "tiocsti": call(16, 0, 0x5412, b"x"), "x32 getpid": call(0x40000000 + 39),
}
modes = {name: os.stat("/build/" + name).st_mode & 0o6000 for name in os.listdir("/build")}
print(json.dumps([results, modes, os.getgroups()]))
"""


def test_the_kernel_refuses_what_the_filter_says(box: Box) -> None:
    ran = box.run("", builder="/usr/bin/python3", args=("-I", "-c", CALLS), rootfs="/")
    results, modes, groups = json.loads(ran.text)
    refused = {"chmod 4755", "chmod 2755", "fchmod 4755", "fchmodat 4755", "fchmodat2 4755", "open 4755", "openat 2755"}
    refused |= {"openat tmpfile 4755", "creat 4755", "mknod 4755", "mknodat 4755", "tiocsti"}
    absent = {"openat2", "io_uring_setup", "keyctl", "x32 getpid"}
    unsupported = {"setxattr", "getxattr", "listxattr", "setxattrat", "removexattrat"}
    expected = dict.fromkeys(results, 0)
    expected.update(dict.fromkeys(refused, errno.EPERM))
    expected.update(dict.fromkeys(absent, errno.ENOSYS))
    expected.update(dict.fromkeys(unsupported, errno.ENOTSUP))
    assert results == expected
    assert set(modes.values()) == {0}
    assert groups == []
