"""The system call filter against an oracle written the other way round: from names, not numbers."""

from __future__ import annotations

import errno

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hermetica.sandbox import SandboxUnavailable
from hermetica.sandbox.seccomp import AARCH64, ARM, I386, X86_64, Abi, filter_for, filter_program
from tests.sandbox.bpf import errno_of

# from the kernel's arch/*/entry/syscalls tables; position of the mode, or of the flags before a mode
MODES = {
    "x86_64": {"chmod": (90, 1), "fchmod": (91, 1), "fchmodat": (268, 2), "fchmodat2": (452, 2), "creat": (85, 1),
               "mknod": (133, 1), "mknodat": (259, 2)},
    "i386": {"chmod": (15, 1), "fchmod": (94, 1), "fchmodat": (306, 2), "fchmodat2": (452, 2), "creat": (8, 1),
             "mknod": (14, 1), "mknodat": (297, 2)},
    "aarch64": {"fchmod": (52, 1), "fchmodat": (53, 2), "fchmodat2": (452, 2), "mknodat": (33, 2)},
    "arm": {"chmod": (15, 1), "fchmod": (94, 1), "fchmodat": (333, 2), "fchmodat2": (452, 2), "creat": (8, 1),
            "mknod": (14, 1), "mknodat": (324, 2)},
}  # fmt: skip
OPENS = {
    "x86_64": {2: 1, 257: 2},
    "i386": {5: 1, 295: 2},
    "aarch64": {56: 2},
    "arm": {5: 1, 322: 2},
}
XATTRS = {
    "x86_64": {*range(188, 200), *range(463, 467)},
    "i386": {*range(226, 238), *range(463, 467)},
    "aarch64": {*range(5, 17), *range(463, 467)},
    "arm": {*range(226, 238), *range(463, 467)},
}
ABSENT = {
    "x86_64": {248, 249, 250, 321, 298, 323, 425, 426, 427, 437},
    "i386": {286, 287, 288, 357, 336, 374, 425, 426, 427, 437},
    "aarch64": {217, 218, 219, 280, 241, 282, 425, 426, 427, 437},
    "arm": {309, 310, 311, 386, 364, 388, 425, 426, 427, 437},
}
SOCKET = {"x86_64": 41, "i386": 359, "aarch64": 198, "arm": 281}
FAMILIES = {"AF_UNSPEC": 0, "AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16, "AF_PACKET": 17}
IOCTL = {"x86_64": 16, "i386": 54, "aarch64": 29, "arm": 54}
GETGROUPS = {"x86_64": {115}, "i386": {80, 205}, "aarch64": {158}, "arm": {80, 205}}
ABIS = {"x86_64": X86_64, "i386": I386, "aarch64": AARCH64, "arm": ARM}
MACHINE = {"x86_64": "x86_64", "i386": "x86_64", "aarch64": "aarch64", "arm": "aarch64"}
O_CREAT, O_TMPFILE = 0o100, 0o20200000


def oracle(abi: str, number: int, arguments: tuple[int, ...]) -> int | None:  # noqa: PLR0911 -- one a rule
    low = [argument & 0xFFFFFFFF for argument in arguments]
    if abi == "x86_64" and number >= 0x40000000:
        return errno.ENOSYS
    if number in ABSENT[abi]:
        return errno.ENOSYS
    if number in XATTRS[abi]:
        return errno.ENOTSUP
    if number in GETGROUPS[abi]:
        return 0
    if number == SOCKET[abi]:
        return None if low[0] in FAMILIES.values() else errno.EAFNOSUPPORT
    if abi == "i386" and number == 102:
        return errno.ENOSYS if low[0] == 1 else None
    if number == IOCTL[abi]:
        return errno.EPERM if low[1] in {0x5412, 0x541C} else None
    positions = dict(MODES[abi].values())
    if number in OPENS[abi]:
        flags = OPENS[abi][number]
        creates = low[flags] & O_CREAT or low[flags] & 0o20000000
        return errno.EPERM if creates and low[flags + 1] & 0o6000 else None
    if number in positions:
        return errno.EPERM if low[positions[number]] & 0o6000 else None
    return None


WORDS = (
    st.integers(0, 2**64 - 1)
    | st.integers(0, 45)
    | st.sampled_from([0, O_CREAT, O_TMPFILE, 0o4755, 0o2755, 0o644, 0x5412, 0x541C])
)


@given(
    abi=st.sampled_from(sorted(ABIS)),
    number=st.integers(0, 600) | st.integers(0, 2**32 - 1),
    arguments=st.tuples(WORDS, WORDS, WORDS, WORDS, WORDS, WORDS),
)
@example("x86_64", 257, (0, 0, O_CREAT, 0o4755, 0, 0))
@example("x86_64", 257, (0, 0, 0, 0o4755, 0, 0))
@example("x86_64", 41, (40, 1, 0, 0, 0, 0))
@example("x86_64", 41, (1, 1, 0, 0, 0, 0))
@example("i386", 102, (1, 0, 0, 0, 0, 0))
@example("x86_64", 0x40000000 + 90, (0, 0, 0, 0, 0, 0))
def test_the_filter_answers_as_the_oracle_does(abi: str, number: int, arguments: tuple[int, ...]) -> None:
    program = filter_for(MACHINE[abi])
    assert errno_of(program, number, ABIS[abi].architecture, arguments) == oracle(abi, number, arguments)


@pytest.mark.parametrize("abi", sorted(ABIS))
def test_every_call_below_600_with_set_id_bits_everywhere_answers_as_the_oracle_does(abi: str) -> None:
    program = filter_for(MACHINE[abi])
    worst = (0o6777 | O_CREAT,) * 6
    answers = [errno_of(program, number, ABIS[abi].architecture, worst) for number in range(600)]
    assert answers == [oracle(abi, number, worst) for number in range(600)]


@given(number=st.integers(0, 2**32 - 1), architecture=st.integers(0, 2**32 - 1))
def test_a_foreign_abi_can_call_nothing(number: int, architecture: int) -> None:
    known = {X86_64.architecture, I386.architecture}
    answer = errno_of(filter_for("x86_64"), number, architecture)
    assert architecture in known or answer == errno.ENOSYS


def test_a_32_bit_intel_program_is_no_native_one_on_arm() -> None:
    assert errno_of(filter_for("aarch64"), 1, I386.architecture) == errno.ENOSYS


def test_the_filter_is_of_a_length_the_kernel_takes() -> None:
    def length(*abis: Abi) -> int:
        return len(filter_program(abis))

    assert 0 < length(X86_64, I386) < 4096
    assert len(filter_for("x86_64")) == 8 * length(X86_64, I386)


def test_a_machine_without_a_table_is_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="vax") as caught:
        filter_for("vax")
    assert caught.value.kind == "machine"
    assert caught.value.code == "HM301"
