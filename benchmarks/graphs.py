"""The workloads as modules of derivations, and the same as Nix expressions and makefiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

BUSYBOX: Final = "/bin/busybox"
_HEADER: Final = "import hermetica as hm\nbusybox = hm.source('tools', name='busybox')\n"


def independent(count: int) -> str:
    """``count`` builds that depend on nothing but the shell."""
    return (
        _HEADER + f"targets = {{f't{{i}}': hm.derivation(name=f't{{i}}', builder=f'{{busybox}}/bin/sh',"
        f" args=['-c', f'echo {{i}} > $out']) for i in range({count})}}\n"
    )


def independent_nix(count: int) -> str:
    """The same for ``nix-build``."""
    return (
        'map (i: derivation { name = "t${toString i}"; system = "x86_64-linux"; builder = "/bin/sh";'
        f' args = ["-c" "echo ${{toString i}} > $out"]; }}) (builtins.genList (x: x) {count})\n'
    )


def independent_make(count: int, directory: Path) -> str:
    """The same for ``make``, each in a bare bwrap."""
    bwrap = (
        "bwrap --unshare-all --die-with-parent --new-session --clearenv --proc /proc --dev /dev --tmpfs /tmp "
        f"--ro-bind {BUSYBOX} /bin/sh --bind {directory} /out --chdir /tmp /bin/sh -c 'echo $* > /out/$*'"
    )
    return f"all: $(addprefix {directory}/,$(shell seq 0 {count - 1}))\n{directory}/%:\n\t@{bwrap}\n"


def layered(layers: int, width: int, fan_in: int = 3) -> str:
    """``layers`` x ``width`` builds, each using ``fan_in`` of the layer before, and one that uses the last layer."""
    return _HEADER + (
        "def build(name, inputs, script):\n"
        "    return hm.derivation(name=name, builder=f'{busybox}/bin/sh', args=['-c', script],"
        " env={f'i{k}': f'{d}' for k, d in enumerate(inputs)})\n"
        f"layer = [build(f'l0-{{j}}', [], f'echo 0 {{j}} > $out') for j in range({width})]\n"
        f"for i in range(1, {layers}):\n"
        f"    layer = [build(f'l{{i}}-{{j}}', [layer[(j * 7 + k * 13) % {width}] for k in range({fan_in})],"
        f" f'echo {{i}} {{j}} > $out') for j in range({width})]\n"
        "top = build('top', layer, 'echo top > $out')\n"
        "del layer\n"
    )


def layered_nix(layers: int, width: int, fan_in: int = 3) -> str:
    """The same for ``nix-build``."""
    return f"""
let
  mod = a: b: a - b * (a / b);
  sh = name: script: inputs: derivation {{
    inherit name inputs; system = "x86_64-linux"; builder = "/bin/sh"; args = ["-c" script]; }};
  range = builtins.genList (x: x);
  first = map (j: sh "l0-${{toString j}}" "echo 0 ${{toString j}} > $out" []) (range {width});
  next = i: prev: map (j: sh "l${{toString i}}-${{toString j}}" "echo ${{toString i}} ${{toString j}} > $out"
    (map (k: builtins.elemAt prev (mod (j * 7 + k * 13) {width})) (range {fan_in}))) (range {width});
  last = builtins.foldl' (prev: i: next i prev) first (map (x: x + 1) (range {layers - 1}));
in sh "top" "echo top > $out" last
"""


def wide(count: int, inputs: int = 5) -> str:
    """``count`` derivations with ``inputs`` dependencies each, to be evaluated and stored, not built."""
    return (
        "import hermetica as hm\n"
        "made = []\n"
        f"for i in range({count}):\n"
        f"    chosen = [made[(i * 7 + j * 13) % i] for j in range({inputs})] if i > {inputs} else []\n"
        "    env = {f'x{j}': f'{d}/lib' for j, d in enumerate(chosen)}\n"
        "    made.append(hm.derivation(name=f'd{i}', builder='/bin/sh', args=['-c', f'echo {i}'], env=env))\n"
        "targets = {f'd{i}': d for i, d in enumerate(made)}\n"
        "del made\n"
    )


def wide_nix(count: int, inputs: int = 5) -> str:
    """The same for ``nix-instantiate``."""
    return f"""
let
  mod = a: b: a - b * (a / b);
  range = builtins.genList (x: x);
  all = map (i: derivation ({{ name = "d${{toString i}}"; system = "x86_64-linux"; builder = "/bin/sh";
    args = ["-c" "echo ${{toString i}}"]; }} // (if i > {inputs} then builtins.listToAttrs (map (j:
      {{ name = "x${{toString j}}"; value = "${{builtins.elemAt all (mod (i * 7 + j * 13) i)}}/lib"; }}) (range
      {inputs})) else {{}}))) (range {count});
in all
"""
