"""Wide graphs to be evaluated and stored, as a module of derivations and as a Nix expression."""

from __future__ import annotations


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
