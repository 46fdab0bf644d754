"""Programs that are one file: a script of your own, run by a declared interpreter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import hermetica as hm
from hermetica_derivations.environment import BASE_C, Environment

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NotAnInterpreter", "write_script"]

_INSTALL: Final = """
mkdir -p "$out/bin"
{
  echo "#!$interpreter"
  test -z "$search" || echo "export PATH=$search\\${PATH:+:\\$PATH}"
  cat "$textPath"
} > "$out/bin/$program"
chmod 755 "$out/bin/$program"
"""
_SHELL: Final = re.compile(r"/(?:[a-z]*sh|busybox sh)(?: .*)?$")


class NotAnInterpreter(hm.EvaluationError, ValueError):
    """What should run a script is no program of a declared input, or can do less than is asked."""

    code = "HM486"


def write_script(
    name: str,
    text: str,
    *,
    interpreter: str,
    inputs: Sequence[hm.Derivation | str] = (),
    environment: Environment = BASE_C,
    meta: hm.Meta | None = None,
) -> hm.Derivation:
    """A program ``bin/NAME`` with this text; paths of derivations in it become references.

    Args:
        name: of the program and of the derivation.
        text: without a first line that names an interpreter.
        interpreter: a program of an input, such as ``f"{bash}/bin/bash"``, with an argument or without.
        inputs: whose programs the script finds before others; for shells alone, which set their own PATH.
        environment: the tools that write it, of which nothing stays.
        meta: no part of the id.

    Raises:
        NotAnInterpreter: ``interpreter`` is none, or is no shell and there are ``inputs``.
    """
    if "/bin/" not in interpreter or interpreter.startswith(("/bin/", "/usr/")) or "\n" in interpreter:
        raise NotAnInterpreter(
            f"{name}: no program of a declared input: {interpreter!r}",
            hint='write interpreter=f"{bash}/bin/bash" with a derivation in it; the closure of a script has no /bin',
        )
    if inputs and not _SHELL.search(interpreter):
        raise NotAnInterpreter(
            f"{name}: only a shell can be given the programs of inputs",
            hint="name the programs by their whole path in the text",
        )
    if text.startswith("#!"):
        raise NotAnInterpreter(f"{name}: its text names an interpreter already", hint="leave the first line out")
    return hm.derivation(
        name=name,
        builder="/bin/sh",
        args=["-euc", _INSTALL],
        env={
            "PATH": "/usr/bin:/bin",
            "interpreter": interpreter,
            "program": name,
            "search": ":".join(f"{each}/bin" for each in inputs),
            "text": text if text.endswith("\n") else f"{text}\n",
        },
        pass_as_file=("text",),
        rootfs=environment.rootfs,
        meta=meta or hm.Meta(),
    )
