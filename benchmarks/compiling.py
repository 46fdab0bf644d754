"""A real compile, Lua, in one build and in one for each file: everyone with the same compiler, but for two.

The tools are hermetica's pinned tree of Debian packages. hermetica takes it from a lower store, Nix by its
``sandbox-paths``, BuildStream as an imported element that is built before the clock starts, ``make+bwrap`` by a bind.
Bare ``make`` and Bazel, whose sandbox shows the host's files, use the host's own compiler.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING, Final

import attrs

import hermetica as hm
from benchmarks.measure import Fresh, Sample, compare, report, run
from benchmarks.peers import hermetica, missing, nix_options
from benchmarks.tools import BST, JOBS
from hermetica_derivations import pins
from hermetica_derivations.environment import BASE_C

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_COMPILE: Final = "gcc -O2 -std=gnu99 -DLUA_COMPAT_5_3 -DLUA_USE_LINUX"
_LINK: Final = "-Wl,-E -lm -ldl"
_SMOKE_UNITS: Final = 2
_SMOKE_LINK: Final = "-r"  # of a part of the units no program can be made
_TOO_LONG: Final = ("bazel", "buildstream")  # to be asked whether everything still works
_NOT_OURS: Final = frozenset({"luac"})  # has a main of its own


@attrs.frozen(kw_only=True)
class Work:
    """One sample's directory, with the sources in ``lua``.

    Attributes:
        place: the directory.
        tree: the tools.
        store: the root of the store that has them.
        units: what is compiled, by file name without suffix.
        link: the last arguments of the linker.
        by_file: whether each is a build of its own.
    """

    place: Path
    tree: Path
    store: Path
    units: tuple[str, ...]
    link: str
    by_file: bool

    @property
    def mounts(self) -> dict[str, str]:
        """What of the tree is mounted where, as the tree itself lays it out."""
        links = {f"/{each.name}": f"{self.tree}/{each.readlink()}" for each in self.tree.iterdir() if each.is_symlink()}
        return {"/usr": f"{self.tree}/usr", **links}


def _makefile(work: Work, before: str = "") -> str:
    """A makefile that compiles every unit and links them; ``before`` stands before each command."""
    objects = " ".join(f"{unit}.o" for unit in work.units)
    rules = [f"lua: {objects}\n\t@{before}gcc -o lua {objects} {work.link}\n"]
    rules += [f"{unit}.o: {unit}.c\n\t@{before}{_COMPILE} -c {unit}.c\n" for unit in work.units]
    return "".join(rules)


def _bwrap(work: Work) -> str:
    binds = " ".join(f"--ro-bind {there} {here}" for here, there in work.mounts.items())
    return (
        f"bwrap --unshare-all --die-with-parent --new-session --clearenv --setenv PATH /usr/bin {binds} --proc /proc "
        f"--dev /dev --tmpfs /tmp --bind {work.place}/lua /build --chdir /build "
    )


def _own(work: Work) -> Sample:
    whole = f"cp $src/* . && make -s -j{JOBS} && mkdir -p $out/bin && cp lua $out/bin/"
    text = [
        "import hermetica as hm",
        "from hermetica_derivations.environment import BASE_C",
        "_src = hm.source('lua')",
        "def _build(name, script, **more):",
        "    env = {'src': f'{_src}', 'PATH': '/usr/bin', **more}",
        "    return hm.derivation(name=name, builder='/bin/sh', args=['-euc', script], env=env, rootfs=BASE_C.rootfs)",
    ]
    if work.by_file:
        text += [
            f"_objects = [_build(f'{{u}}.o', f'{_COMPILE} -c $src/{{u}}.c -o $out') for u in {work.units!r}]",
            f"lua = _build('lua', 'gcc -o $out $objects {work.link}', objects=' '.join(f'{{o}}' for o in _objects))",
        ]
    else:
        text += [f"lua = _build('lua', {whole!r})"]
    (work.place / "compile.py").write_text("\n".join(text) + "\n", encoding="utf-8")
    environment = {"HERMETICA_STORE": str(work.place / "store"), "HERMETICA_LOWER": str(work.store)}
    return run(hermetica("build", "--no-link", "-j", str(JOBS), f"{work.place}/compile.py:lua"), environment)


def _make(work: Work) -> Sample:
    return run(["make", "-s", f"-j{JOBS}"], directory=work.place / "lua")


def _make_bwrap(work: Work) -> Sample:
    if work.by_file:
        (work.place / "lua" / "Makefile").write_text(_makefile(work, _bwrap(work)), encoding="utf-8")
        return _make(work)
    return run([*_bwrap(work).split(), "make", "-s", f"-j{JOBS}"])


def _nix(work: Work) -> Sample:
    whole = f"cp $src/* . && make -s -j{JOBS} && mkdir -p $out/bin && cp lua $out/bin/"
    units = " ".join(f'"{unit}"' for unit in work.units)
    goal = (
        f'build "lua" "gcc -o $out $objects {work.link}" {{ objects = map (u: build "${{u}}.o" '
        f'"{_COMPILE} -c $src/${{u}}.c -o $out" {{ }}) [ {units} ]; }}'
        if work.by_file
        else f'build "lua" "{whole}" {{ }}'
    )
    text = (
        'let build = name: script: more: derivation ({ inherit name; system = "x86_64-linux"; builder = "/bin/sh";\n'
        '  args = [ "-euc" script ]; src = ./lua; PATH = "/usr/bin"; } // more);\n'
        f"in {goal}\n"
    )
    (work.place / "compile.nix").write_text(text, encoding="utf-8")
    paths = " ".join(f"{here}={there}" for here, there in work.mounts.items())
    options = [*nix_options(work.place / "nix"), "--option", "sandbox-paths", paths]
    jobs = ["-j", str(JOBS) if work.by_file else "1"]
    return run(["nix-build", "--no-out-link", *options, *jobs, f"{work.place}/compile.nix"], {"NIX_REMOTE": ""})


def _bazel(work: Work) -> Sample:
    room = work.place / "lua"
    (room / "WORKSPACE").touch()
    objects = ", ".join(f'"{unit}.o"' for unit in work.units)
    rules = [f'genrule(name="lua", srcs=[{objects}], outs=["lua.out"], cmd="gcc -o $@ $(SRCS) {work.link}")']
    rules += [
        f'genrule(name="o-{unit}", srcs=["{unit}.c"] + glob(["*.h"]), outs=["{unit}.o"],'
        f' cmd="{_COMPILE} -c $(location {unit}.c) -o $@")'
        for unit in work.units
    ]
    sources = 'glob(["*.c", "*.h", "Makefile"])'
    whole = f'genrule(name="lua", srcs={sources}, outs=["lua.out"], cmd="make -s -j{JOBS} && cp lua $@")'
    (room / "BUILD").write_text("\n".join(rules if work.by_file else [whole]) + "\n", encoding="utf-8")
    base = ["bazel", f"--output_user_root={work.place}/bazel-root"]
    strategy = ["--spawn_strategy=linux-sandbox", "--genrule_strategy=linux-sandbox", f"--jobs={JOBS}"]
    try:
        return run([*base, "build", *strategy, "--show_result=0", "//:lua"], directory=room)
    finally:
        subprocess.run([*base, "shutdown"], cwd=room, check=True, capture_output=True)


def _buildstream(work: Work) -> Sample:
    room = work.place / "bst"
    elements = room / "elements"
    elements.mkdir(parents=True)
    shutil.copytree(work.tree, room / "tools", symlinks=True)
    shutil.copytree(work.place / "lua", room / "lua")
    (room / "project.conf").write_text("name: lua\nmin-version: 2.0\nelement-path: elements\n", encoding="utf-8")
    (elements / "tools.bst").write_text("kind: import\nsources:\n- kind: local\n  path: tools\n", encoding="utf-8")
    (elements / "source.bst").write_text(
        "kind: import\nsources:\n- kind: local\n  path: lua\nconfig:\n  target: /lua\n", encoding="utf-8"
    )

    def element(name: str, command: str, uses: list[str]) -> None:
        depends = "".join(f"- {use}.bst\n" for use in ("tools", "source", *uses))
        commands = f"config:\n  commands:\n  - o=%{{install-root}}; mkdir -p $o; {command}\n"
        text = f"kind: script\nbuild-depends:\n{depends}{commands}"
        (elements / f"{name}.bst").write_text(text, encoding="utf-8")

    if work.by_file:
        for unit in work.units:
            element(f"o-{unit}", f"{_COMPILE} -c /lua/{unit}.c -o $o/{unit}.o", [])
        element("goal", f"gcc -o $o/lua /*.o {work.link}", [f"o-{unit}" for unit in work.units])
    else:
        element("goal", f"cp -r /lua /tmp/b; cd /tmp/b; make -s -j{JOBS}; cp lua $o/", [])
    bst = [os.environ.get(BST) or "bst", "--no-interactive", "--builders", str(JOBS), "build"]
    environment = {"XDG_CACHE_HOME": str(work.place / "cache")}
    run([*bst, "tools.bst"], environment, room)  # everyone else has the tools, too
    return run([*bst, "goal.bst"], environment, room)


_CONTESTANTS: Final[Mapping[str, tuple[Callable[[Work], Sample], tuple[str, ...]]]] = {
    "hermetica": (_own, ("bwrap",)),
    "make": (_make, ("make", "gcc")),
    "make+bwrap": (_make_bwrap, ("make", "bwrap")),
    "nix": (_nix, ("nix-build",)),
    "bazel": (_bazel, ("bazel", "gcc")),
    "buildstream": (_buildstream, ()),
}


def lua(runs: int, *, smoke: bool) -> None:
    """Lua from its sources, as one build, and as one for each file and one that links."""
    with hm.Store.open() as store:
        try:
            realized = store.realize_all([BASE_C.rootfs, pins.source("lua5.4")])
        except hm.HermeticaError as error:
            for name in ("lua", "lua-files"):
                skipped = {"hermetica": f"tools and sources cannot be had: {error}"}
                report(name, {"figures": {}, "ratios": {}, "skipped": skipped})
            return
        tree, tarball = (store.objects.on_disk(each["out"]) for each in realized)
        root = store.objects.root
    skipped = {name: why for name, (_, programs) in _CONTESTANTS.items() if (why := missing(*programs))}
    if not os.environ.get(BST) and (why := missing("bst")):
        skipped["buildstream"] = why
    if smoke:
        skipped |= dict.fromkeys(_TOO_LONG, "not in a smoke run")
    for name, by_file in (("lua", False), ("lua-files", True)):
        samples: dict[str, list[Sample]] = {}
        for _ in range(runs):
            for contestant, (measure, _programs) in _CONTESTANTS.items():
                if contestant not in skipped:
                    sample = _sample(measure, tree, tarball, root, by_file=by_file, smoke=smoke)
                    samples.setdefault(contestant, []).append(sample)
        compare(name, samples, skipped, runs=runs, jobs=JOBS)


def _sample(
    measure: Callable[[Work], Sample], tree: Path, tarball: Path, store: Path, *, by_file: bool, smoke: bool
) -> Sample:
    fresh = Fresh.make()
    try:
        with tarfile.open(tarball) as packed:
            packed.extractall(fresh.path / "unpacked", filter="data")
        (source,) = (fresh.path / "unpacked").iterdir()
        (source / "src").rename(fresh.path / "lua")
        units = sorted({each.stem for each in (fresh.path / "lua").glob("*.c")} - _NOT_OURS)
        units = units[:_SMOKE_UNITS] if smoke else units
        link = _SMOKE_LINK if smoke else _LINK
        work = Work(place=fresh.path, tree=tree, store=store, units=tuple(units), link=link, by_file=by_file)
        (fresh.path / "lua" / "Makefile").write_text(_makefile(work), encoding="utf-8")
        return measure(work)
    finally:
        fresh.remove()
