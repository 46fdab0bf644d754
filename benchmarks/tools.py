"""Build tools as contestants: each writes a shape down in its own language, and builds it.

Every tool keeps what it makes below the directory it is given, uses the same number of slots, and has the settings of
its documentation, or better ones for it. Sources: the manuals of Nix 2.8, Bazel 4.2, BuildStream 2 and GNU make.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import attrs

from benchmarks.peers import hermetica, missing, nix_options
from benchmarks.shapes import BASE_FILE, BUSYBOX, base_text
from hermetica.realize.options import default_jobs

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.shapes import Shape

JOBS: Final = default_jobs()
_BARE: Final = (
    "bwrap --unshare-all --die-with-parent --new-session --clearenv --proc /proc --dev /dev --tmpfs /tmp "
    f"--ro-bind {BUSYBOX} /bin/sh"
)
BST: Final = "HERMETICA_BENCHMARKS_BST"


@attrs.frozen(kw_only=True)
class Command:
    """One command to be measured.

    Attributes:
        words: the program and its arguments.
        environment: variables beside those of this process.
        directory: where it runs.
    """

    words: list[str]
    environment: dict[str, str] = attrs.field(factory=dict[str, str])
    directory: Path | None = None


class Tool(Protocol):
    """A contestant of the build workloads."""

    name: ClassVar[str]

    def absent(self) -> str | None:
        """Why it cannot take part here, or None."""
        ...

    def write(self, place: Path, shape: Shape) -> None:
        """Writes the graph down; the base file is there."""
        ...

    def build(self, place: Path, shape: Shape) -> Command:
        """The command that builds all of it."""
        ...

    def end(self, place: Path) -> None:
        """Ends what the tool left running."""
        ...


def lay_out(place: Path) -> None:
    """What every tool finds: the shell in a tree of its own, and the base file."""
    tools = place / "tools" / "bin"
    tools.mkdir(parents=True)
    shutil.copy(BUSYBOX, tools / "busybox")
    (tools / "sh").symlink_to("busybox")
    revise(place, 0)


def revise(place: Path, revision: int) -> None:
    """Changes a comment in the base file."""
    (place / BASE_FILE).write_text(base_text(revision), encoding="utf-8")


class Hermetica:
    """hermetica's command, as users have it."""

    name: ClassVar[str] = "hermetica"

    def __init__(self, *options: str) -> None:
        self.options = options

    def absent(self) -> str | None:
        """Never."""
        return missing("bwrap")

    def write(self, place: Path, shape: Shape) -> None:
        """A module."""
        base = (
            "_src = hm.source('base.txt')\n"
            "base = hm.derivation(name='base', builder=_sh, args=['-c', 'grep -v ^# $src > $out'],"
            " env={'src': f'{_src}'})\n"
        )
        text = (
            "import hermetica as hm\n_sh = f\"{hm.source('tools', name='busybox')}/bin/sh\"\n"
            "def _build(name, inputs, script):\n"
            "    env = {f'i{k}': f'{d}' for k, d in enumerate(inputs)}\n"
            "    return hm.derivation(name=name, builder=_sh, args=['-c', script], env=env)\n"
            f"{base if shape.base else ''}"
            f"_first = [{'base' if shape.base else ''}]\n"
            f"_layer = [_build(f'l0-{{j}}', _first, f'echo 0 {{j}} > $out') for j in range({shape.width})]\n"
            f"for _i in range(1, {shape.layers}):\n"
            f"    _layer = [_build(f'l{{_i}}-{{j}}', [_layer[(j * 7 + k * 13) % {shape.width}] for k in"
            f" range({shape.used})], f'echo {{_i}} {{j}} > $out') for j in range({shape.width})]\n"
        )
        goal = (
            "top = _build('top', _layer, 'echo top > $out')\n"
            if shape.top
            else "targets = {d.name: d for d in _layer}\n"
        )
        (place / "graph.py").write_text(text + goal, encoding="utf-8")

    def build(self, place: Path, shape: Shape) -> Command:
        """``hermetica build``."""
        goal = f"{place}/graph.py:{'top' if shape.top else 'targets.*'}"
        words = hermetica("build", "--no-link", "-j", str(JOBS), *self.options, goal)
        return Command(words=words, environment={"HERMETICA_STORE": str(place / "store")})

    def end(self, place: Path) -> None:
        """Nothing runs on."""


class Nix:
    """``nix-build`` with its sandbox and its database as by default; no substituters, for there is no network."""

    name: ClassVar[str] = "nix"
    marks: ClassVar[str] = ""
    options: ClassVar[tuple[str, ...]] = ()

    def absent(self) -> str | None:
        """Unless it is installed."""
        return missing("nix-build")

    def write(self, place: Path, shape: Shape) -> None:
        """An expression."""
        base = 'base = sh "base" "grep -v ^# $src > $out" { src = ./base.txt; };' if shape.base else ""
        first = "{ i = base; }" if shape.base else "{}"
        goal = 'sh "top" "echo top > $out" { inputs = last; }' if shape.top else "last"
        text = f"""
let
  mod = a: b: a - b * (a / b);
  sh = name: script: more: derivation ({{
    inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = ["-c" script]; {self.marks} }} // more);
  range = builtins.genList (x: x);
  {base}
  first = map (j: sh "l0-${{toString j}}" "echo 0 ${{toString j}} > $out" {first}) (range {shape.width});
  next = prev: i: map (j: sh "l${{toString i}}-${{toString j}}" "echo ${{toString i}} ${{toString j}} > $out" {{
    inputs = map (k: builtins.elemAt prev (mod (j * 7 + k * 13) {shape.width})) (range {shape.used});
  }}) (range {shape.width});
  last = builtins.foldl' next first (map (x: x + 1) (range {shape.layers - 1}));
in {goal}
"""
        (place / "graph.nix").write_text(text, encoding="utf-8")

    def build(self, place: Path, shape: Shape) -> Command:
        """``nix-build``."""
        del shape
        options = [*nix_options(place / "nix"), *self.options, "-j", str(JOBS), "--cores", "1"]
        words = ["nix-build", "--no-out-link", *options, str(place / "graph.nix")]
        return Command(words=words, environment={"NIX_REMOTE": ""})

    def end(self, place: Path) -> None:
        """Nothing runs on."""


class NixContentAddressed(Nix):
    """Nix with its experimental content-addressed derivations, which know early cut-off."""

    name: ClassVar[str] = "nix ca-derivations"
    marks: ClassVar[str] = '__contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha256";'
    options: ClassVar[tuple[str, ...]] = ("--option", "experimental-features", "ca-derivations nix-command")


class Bazel:
    """Bazel with its linux-sandbox. A cold sample starts its server, as after a log-in; what follows finds it warm."""

    name: ClassVar[str] = "bazel"

    def absent(self) -> str | None:
        """Unless it is installed."""
        return missing("bazel")

    def write(self, place: Path, shape: Shape) -> None:
        """A workspace of genrules."""
        room = place / "bazel"
        room.mkdir()
        (room / "WORKSPACE").touch()
        (room / BASE_FILE).symlink_to(place / BASE_FILE)
        lines: list[str] = []
        if shape.base:
            lines.append(f'genrule(name="base", srcs=["{BASE_FILE}"], outs=["base.out"], cmd="grep -v ^# $< > $@")')
        srcs = 'srcs=["base.out"], ' if shape.base else ""
        lines.append(
            f'[genrule(name="l0-%d"%j, {srcs}outs=["l0-%d.txt"%j], cmd="echo 0 %d > $@"%j)'
            f" for j in range({shape.width})]"
        )
        lines.append(
            '[genrule(name="l%d-%d"%(i,j), '
            f'srcs=["l%d-%d.txt"%(i-1,(j*7+k*13)%{shape.width}) for k in range({shape.used})],'
            ' outs=["l%d-%d.txt"%(i,j)], cmd="echo %d %d > $@"%(i,j))'
            f" for i in range(1,{shape.layers}) for j in range({shape.width})]"
        )
        last = f'["l{shape.layers - 1}-%d.txt"%j for j in range({shape.width})]'
        if shape.top:
            lines.append(f'genrule(name="goal", srcs={last}, outs=["top.txt"], cmd="echo top > $@")')
        else:
            lines.append(f'filegroup(name="goal", srcs={last})')
        (room / "BUILD").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def build(self, place: Path, shape: Shape) -> Command:
        """``bazel build``."""
        del shape
        strategy = ["--spawn_strategy=linux-sandbox", "--genrule_strategy=linux-sandbox", f"--jobs={JOBS}"]
        words = ["bazel", f"--output_user_root={place}/bazel-root", "build", *strategy, "--show_result=0", "//:goal"]
        return Command(words=words, directory=place / "bazel")

    def end(self, place: Path) -> None:
        """Ends its server."""
        subprocess.run(
            ["bazel", f"--output_user_root={place}/bazel-root", "shutdown"],
            cwd=place / "bazel",
            check=True,
            capture_output=True,
        )


class BuildStream:
    """BuildStream with local sources and its own cache."""

    name: ClassVar[str] = "buildstream"

    def absent(self) -> str | None:
        """Unless it is installed; benchmarks/peers.sh installs it where HERMETICA_BENCHMARKS_BST says."""
        return None if os.environ.get(BST) else missing("bst")

    def write(self, place: Path, shape: Shape) -> None:
        """A project: an element a build."""
        room = place / "bst"
        elements = room / "elements"
        elements.mkdir(parents=True)
        shutil.copytree(place / "tools", room / "tools", symlinks=True)
        (room / "project.conf").write_text("name: graph\nmin-version: 2.0\nelement-path: elements\n", encoding="utf-8")
        _import(elements / "shell.bst", "tools")
        if shape.base:
            (room / "base").mkdir()
            os.link(place / BASE_FILE, room / "base" / BASE_FILE)
            _import(elements / "source.bst", "base")
            _script(elements / "base.bst", "grep -v '^#' /base.txt > $o/base", ["source.bst"])
        for layer in range(shape.layers):
            for index in range(shape.width):
                uses = [f"l{layer - 1}-{k}.bst" for k in shape.inputs(index)] if layer else ["base.bst"] * shape.base
                _script(elements / f"l{layer}-{index}.bst", f"echo {layer} {index} > $o/l{layer}-{index}", uses)
        last = [f"l{shape.layers - 1}-{index}.bst" for index in range(shape.width)]
        if shape.top:
            _script(elements / "goal.bst", "echo top > $o/top", last)
        else:
            (elements / "goal.bst").write_text("kind: stack\ndepends:\n" + _items(last), encoding="utf-8")

    def build(self, place: Path, shape: Shape) -> Command:
        """``bst build``."""
        del shape
        words = [os.environ.get(BST) or "bst", "--no-interactive", "--builders", str(JOBS), "build", "goal.bst"]
        return Command(words=words, environment={"XDG_CACHE_HOME": str(place / "cache")}, directory=place / "bst")

    def end(self, place: Path) -> None:
        """Nothing runs on."""


def _import(file: Path, directory: str) -> None:
    file.write_text(f"kind: import\nsources:\n- kind: local\n  path: {directory}\n", encoding="utf-8")


def _script(file: Path, command: str, uses: list[str]) -> None:
    file.write_text(
        f"kind: script\nbuild-depends:\n{_items(['shell.bst', *uses])}config:\n  commands:\n"
        f"  - o=%{{install-root}}; mkdir -p $o; {command}\n",
        encoding="utf-8",
    )


def _items(names: list[str]) -> str:
    return "".join(f"- {name}\n" for name in names)


class MakeBwrap:
    """GNU make with each recipe in a bare bubblewrap: no store, no hashes, no limits, no scan."""

    name: ClassVar[str] = "make+bwrap"

    def absent(self) -> str | None:
        """Unless both are installed."""
        return missing("make", "bwrap")

    def write(self, place: Path, shape: Shape) -> None:
        """A makefile with a rule for each build."""
        out = place / "out"
        out.mkdir()
        box = f"{_BARE} --bind {out} /out --ro-bind {place / BASE_FILE} /base.txt --chdir /tmp /bin/sh -c"
        rules: list[str] = []
        if shape.base:
            rules.append(f"{out}/base: {place / BASE_FILE}\n\t@{box} 'grep -v ^\\# /base.txt > /out/base'\n")
        for layer in range(shape.layers):
            for index in range(shape.width):
                before = [f"l{layer - 1}-{k}" for k in shape.inputs(index)] if layer else ["base"] * shape.base
                name = f"l{layer}-{index}"
                used = " ".join(f"{out}/{each}" for each in before)
                rules.append(f"{out}/{name}: {used}\n\t@{box} 'echo {layer} {index} > /out/{name}'\n")
        last = " ".join(f"{out}/l{shape.layers - 1}-{index}" for index in range(shape.width))
        rules.append(f"{out}/top: {last}\n\t@{box} 'echo top > /out/top'\n")
        goal = f"{out}/top" if shape.top else last
        (place / "Makefile").write_text(f"all: {goal}\n" + "".join(rules), encoding="utf-8")

    def build(self, place: Path, shape: Shape) -> Command:
        """``make -j``."""
        del shape
        return Command(words=["make", "-s", f"-j{JOBS}", "-f", str(place / "Makefile"), "all"])

    def end(self, place: Path) -> None:
        """Nothing runs on."""


class BwrapLoop:
    """A shell's loop of bare bubblewraps, one after another: the least that so many sandboxes cost."""

    name: ClassVar[str] = "bwrap loop"

    def absent(self) -> str | None:
        """Unless it is installed."""
        return missing("bwrap")

    def write(self, place: Path, shape: Shape) -> None:
        """A script."""
        (place / "out").mkdir()
        box = f"{_BARE} --bind {place / 'out'} /out --chdir /tmp /bin/sh -c"
        text = f'i=0\nwhile [ $i -lt {shape.count} ]; do\n  {box} "echo $i > /out/$i" || exit 1\n  i=$((i + 1))\ndone\n'
        (place / "loop.sh").write_text(text, encoding="utf-8")

    def build(self, place: Path, shape: Shape) -> Command:
        """``sh``."""
        del shape
        return Command(words=["sh", str(place / "loop.sh")])

    def end(self, place: Path) -> None:
        """Nothing runs on."""


class ContractAlone:
    """hermetica's own sandboxes with nothing around them: no store, no hashes, no records. What its contract costs."""

    name: ClassVar[str] = "sandbox contract alone"

    def absent(self) -> str | None:
        """Unless bubblewrap is there."""
        return missing("bwrap")

    def write(self, place: Path, shape: Shape) -> None:
        """Needs no description."""

    def build(self, place: Path, shape: Shape) -> Command:
        """Benchmarks/limit.py."""
        return Command(words=[sys.executable, "-m", "benchmarks.limit", str(shape.count), str(JOBS), str(place)])

    def end(self, place: Path) -> None:
        """Nothing runs on."""
