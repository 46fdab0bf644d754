"""What a builder tries that wants out: the host's own Python runs it inside the sandbox, and prints what came of it.

Every line of the answer is ``name: outcome``; an outcome is the name of an error, or what was achieved.
"""

ATTACKS = r"""
import ctypes, errno, os, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
host_file, host_pid, host_socket, abstract = sys.argv[1:5]

def call(number, *arguments):
    ctypes.set_errno(0)
    made = [ctypes.c_long(a) if isinstance(a, int) else a if a is None else ctypes.c_char_p(a) for a in arguments]
    result = libc.syscall(*[ctypes.c_long(number), *made])
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result

def attempt(name, act):
    try:
        result = act()
    except OSError as error:
        result = errno.errorcode.get(error.errno, str(error.errno))
    except Exception as error:
        result = type(error).__name__
    print(f"{name}: {result}", flush=True)

def write(path, data="x"):
    with open(path, "w") as file:
        file.write(data)
    return "written"

def read(path):
    with open(path, "rb") as file:
        return "read " + repr(file.read(40))

def connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as made:
        made.settimeout(2)
        made.connect(address)
    return "connected"

for path in ("/x", "/etc/x", "/etc/passwd", "/usr/x", "/proc/x", "/dev/x", "/hermetica/x", "/sys/x"):
    attempt(f"write {path}", lambda: write(path))
for name in ("kernel/core_pattern", "kernel/modprobe", "kernel/hostname", "vm/drop_caches", "fs/binfmt_misc/register"):
    attempt(f"write /proc/sys/{name}", lambda: write(f"/proc/sys/{name}", "|/bin/sh"))
attempt("write /proc/sysrq-trigger", lambda: write("/proc/sysrq-trigger", "h"))
attempt("read /proc/kcore", lambda: read("/proc/kcore"))
attempt("read /proc/1/environ", lambda: read("/proc/1/environ") == "read b''" and "empty")
attempt("host process", lambda: os.kill(int(host_pid), 0))
attempt("host file", lambda: read(host_file))
attempt("host file by /proc/1/root", lambda: read("/proc/1/root" + host_file))
attempt("host file by /proc/1/cwd", lambda: read("/proc/1/cwd/../.." + host_file))
attempt("another root", lambda: "the same" if os.stat("/proc/1/root/").st_ino == os.stat("/").st_ino else "another")
descriptors = lambda: {os.readlink(f"/proc/1/fd/{fd}").split(":")[0] for fd in os.listdir("/proc/1/fd")}
attempt("descriptors of pid 1", lambda: sorted(descriptors()))
attempt("own descriptors", lambda: sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:4])

CLONE = {"user": 0x10000000, "mount": 0x20000, "pid": 0x20000000, "net": 0x40000000, "ipc": 0x8000000}
CLONE |= {"uts": 0x4000000, "time": 0x80}
for name, flag in CLONE.items():
    attempt(f"unshare {name}", lambda: call(272, flag))
for name in ("mnt", "pid", "net", "user", "uts", "ipc"):
    attempt(f"setns {name}", lambda: call(308, os.open(f"/proc/1/ns/{name}", os.O_RDONLY), 0))
os.mkdir("/build/m")
attempt("mount tmpfs", lambda: call(165, b"none", b"/build/m", b"tmpfs", 0, None))
attempt("mount proc", lambda: call(165, b"none", b"/build/m", b"proc", 0, None))
attempt("bind mount", lambda: call(165, b"/etc", b"/build/m", None, 4096, None))
attempt("remount", lambda: call(165, None, b"/", None, 32, None))
attempt("umount", lambda: call(166, b"/etc/passwd", 2))
attempt("open_tree", lambda: call(428, -100, b"/", 1))
attempt("fsopen", lambda: call(430, b"tmpfs", 0))
attempt("pivot_root", lambda: call(155, b"/build", b"/build/m"))
attempt("chroot", lambda: os.chroot("/build"))
attempt("open_by_handle", lambda: call(304, -100, struct.pack("ii8s", 8, 1, b"\2"), 0))
attempt("mknod disk", lambda: os.mknod("/build/disk", 0o60600, os.makedev(254, 0)))
attempt("mknod mem", lambda: os.mknod("/build/mem", 0o20600, os.makedev(1, 1)))

attempt("ptrace pid 1", lambda: call(101, 16, 1, None, None))
attempt("seize pid 1", lambda: call(101, 0x4206, 1, None, None))
attempt("memory of pid 1", lambda: os.pwrite(os.open("/proc/1/mem", os.O_RDWR), b"x", 4096))
attempt("kill pid 1", lambda: os.kill(1, signal.SIGKILL))
time.sleep(0.3)
attempt("alive after that", lambda: os.getppid())
attempt("setuid", lambda: os.setuid(0))
attempt("setgid", lambda: os.setgid(0))
attempt("setgroups", lambda: os.setgroups([0]))
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
attempt("capabilities", lambda: {status[f"Cap{kind}"].strip() for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")})
attempt("no new privileges", lambda: status["NoNewPrivs"].strip())
attempt("filter", lambda: status["Seccomp"].strip())
attempt("own memory", lambda: os.pwrite(os.open("/proc/self/mem", os.O_RDWR), b"x", id(libc) & ~7) and "own only")

attempt("keyctl", lambda: call(250, 0, -3, 0))
attempt("add_key", lambda: call(248, b"user", b"a", b"b", 1, -3))
attempt("io_uring", lambda: call(425, 1, None))
attempt("bpf", lambda: call(321, 0, b"\0" * 120, 120))
attempt("perf", lambda: call(298, b"\0" * 112, 0, -1, -1, 0))
attempt("userfaultfd", lambda: call(323, 1))
attempt("tiocsti", lambda: call(16, 1, 0x5412, b"x"))
attempt("kexec", lambda: call(246, 0, 0, None, 0))
attempt("module", lambda: call(175, b"x", 1, b""))
attempt("swapon", lambda: call(167, b"/build/x", 0))
attempt("reboot", lambda: call(169, 0xFEE1DEAD, 672274793, 0, None))
attempt("clock", lambda: time.clock_settime(time.CLOCK_REALTIME, 0))
attempt("hostname", lambda: socket.sethostname("x"))
attempt("quotactl", lambda: call(179, 0x800002 << 8, b"/dev/vda", 0, None))
attempt("nice", lambda: os.nice(-5))
attempt("realtime", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
attempt("more files", lambda: __import__("resource").setrlimit(7, (1 << 20, 1 << 20)))

attempt("network", lambda: connect(socket.AF_INET, ("192.0.2.1", 80)))
attempt("loopback", lambda: connect(socket.AF_INET, ("127.0.0.1", 1)))
attempt("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1) and "made")
attempt("packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW) and "made")
attempt("vsock", lambda: connect(40, (2, 1)))
attempt("alg socket", lambda: socket.socket(38, socket.SOCK_SEQPACKET) and "made")
attempt("host's socket", lambda: connect(socket.AF_UNIX, host_socket))
attempt("host's abstract socket", lambda: connect(socket.AF_UNIX, "\0" + abstract))
"""
