"""Scripts as programs. In the sandbox, with busybox for tools and for a shell."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from hermetica_derivations.single_file import NotAnInterpreter, write_script
from tests.derivations.closures import in_closure

if TYPE_CHECKING:
    from tests.derivations.conftest import Bench


@pytest.mark.sandbox
def test_a_script_runs_with_its_interpreter_and_its_programs_and_nothing_else(bench: Bench) -> None:
    install = "mkdir -p $out/bin; cp /usr/bin/busybox $out/bin/sh; ln -s sh $out/bin/seq; ln -s sh $out/bin/wc"
    shell = bench.make(name="shell", build_phase=":", install_phase=install)
    text = 'seq 3 | wc -l; echo "$0 \\"quoted\\" `echo x`"'
    script = write_script(
        "count", text, interpreter=f"{shell}/bin/sh -eu", inputs=[shell], environment=bench.environment
    )
    out = bench.store.realize(script)["out"]
    assert in_closure(bench.store, script, "count").decode() == f'3\n{out}/bin/count "quoted" x\n'
    assert {path.name for path in bench.store.objects.references(out)} == {"shell"}
    bare = write_script("bare", text, interpreter=f"{shell}/bin/sh -eu", environment=bench.environment)
    with pytest.raises(subprocess.CalledProcessError):
        in_closure(bench.store, bare, "bare")


@pytest.mark.parametrize("interpreter", ["/bin/sh", "sh", "/usr/bin/env bash", "/hermetica/x/bin/sh\n"])
def test_an_interpreter_that_no_input_has_is_refused(interpreter: str) -> None:
    with pytest.raises(NotAnInterpreter, match="no program of a declared input"):
        write_script("x", "echo", interpreter=interpreter)


def test_programs_for_what_is_no_shell_and_a_second_first_line_are_refused() -> None:
    with pytest.raises(NotAnInterpreter, match="only a shell"):
        write_script(
            "x", "print()", interpreter="/hermetica/store/hx-python/bin/python3", inputs=["/hermetica/store/hx-y"]
        )
    with pytest.raises(NotAnInterpreter, match="names an interpreter already"):
        write_script("x", "#!/bin/sh\n", interpreter="/hermetica/store/hx-bash/bin/bash")
