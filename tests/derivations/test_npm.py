"""Applications of npm: the tree on disk, and what of it can be run. In the sandbox, with busybox for Node."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica_derivations.builders.npm import MissingTarball, mk_npm_application

if TYPE_CHECKING:
    from pathlib import Path

    from tests.derivations.conftest import Bench

pytestmark = pytest.mark.sandbox
SCRIPT = "#!/usr/bin/env node\necho ran\n"


def tarball(directory: Path, name: str, version: str, files: dict[str, str]) -> hm.Pin:
    """A pin of a package as npm packs it: all below ``package/``, and no program executable."""
    path = directory / f"{name.replace('/', '-')}-{version}.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for file, text in {"package.json": json.dumps({"name": name, "version": version}), **files}.items():
            member = tarfile.TarInfo(f"package/{file}")
            member.size, member.mode = len(text.encode()), 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
    digest = hashlib.sha512(path.read_bytes()).hexdigest()
    facts: dict[str, Any] = {"kind": "npm", "name": name, "version": version, "algorithm": "sha512", "hash": digest}
    return hm.Pin(**facts, addresses=(path.as_uri(),))


def application(bench: Bench, packages: dict[str, Any], pins: list[hm.Pin], **settings: Any) -> hm.Derivation:
    """The project ``app`` with these packages; its Node is a shell."""
    node = bench.make(
        name="node", build_phase=":", install_phase="mkdir -p $out/bin; cp /usr/bin/busybox $out/bin/node"
    )
    text = json.dumps({"name": "app", "lockfileVersion": 3, "packages": packages})
    return mk_npm_application(
        name="app-1", package_lock=text, pins=pins, node=node, environment=bench.environment, **settings
    )


def test_packages_lie_where_the_lock_says_and_programs_run_on_the_node_given(bench: Bench, tmp_path: Path) -> None:
    packages = {
        "": {"name": "app", "dependencies": {"@s/tool": "1"}},
        "node_modules/@s/tool": {"version": "1.0.0", "bin": {"tool": "cli.js"}},
        "node_modules/@s/tool/node_modules/leaf": {"version": "1.0.0"},
        "node_modules/leaf": {"version": "2.0.0", "bin": "leaf.js"},
    }
    pins = [
        tarball(tmp_path, "@s/tool", "1.0.0", {"cli.js": SCRIPT}),
        *(tarball(tmp_path, "leaf", version, {"leaf.js": SCRIPT, "v": version}) for version in ("1.0.0", "2.0.0")),
    ]
    made = bench.store.realize(application(bench, packages, pins))
    out = bench.store.objects.on_disk(made["out"])
    modules = out / "lib/node_modules/app/node_modules"
    assert [(modules / place / "v").read_text() for place in ("leaf", "@s/tool/node_modules/leaf")] == [
        "2.0.0",
        "1.0.0",
    ]
    assert [path.name for path in (out / "bin").iterdir()] == ["tool"]
    assert (modules / ".bin/leaf").readlink().as_posix() == "../leaf/leaf.js"
    first = (out / "bin/tool").read_text().partition("\n")[0]
    assert first.startswith("#!/hermetica/store/")
    assert first.endswith("-node/bin/node")
    assert os.access(out / "bin/tool", os.X_OK)
    assert [path.name for path in bench.store.objects.references(made["out"])] == ["node"]


def test_a_project_runs_its_own_program_and_may_be_built_with_those_of_its_packages(
    bench: Bench, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    (project / "packages/part").mkdir(parents=True)
    (project / "cli.js").write_text(SCRIPT)
    (project / "packages/part/part.js").write_text("part")
    packages = {
        "": {"name": "app", "bin": {"app": "cli.js"}, "devDependencies": {"builder": "1"}},
        "node_modules/builder": {"version": "1.0.0", "dev": True, "bin": {"builder": "build.sh"}},
        "node_modules/part": {"resolved": "packages/part", "link": True},
        "packages/part": {"name": "part", "version": "1.0.0"},
    }
    builder = tarball(tmp_path, "builder", "1.0.0", {"build.sh": "#!/bin/sh\necho built > made\n"})
    drv = application(bench, packages, [builder], src=hm.source(project), with_dev=True, build_phase="builder")
    home = bench.build(drv)["out"] / "lib/node_modules/app"
    assert (home / "made").read_text() == "built\n"
    assert (home / "node_modules/part/part.js").read_text() == "part"
    assert (home / "../../../bin/app").resolve() == home / "cli.js"


def test_a_package_without_a_pin_is_an_error_that_says_how_to_lock_again(bench: Bench, tmp_path: Path) -> None:
    old = tarball(tmp_path, "leaf", "1.0.0", {})
    with pytest.raises(MissingTarball, match=r"leaf 2\.0\.0, which no pin has") as caught:
        application(bench, {"node_modules/leaf": {"version": "2.0.0"}}, [old])
    assert caught.value.hint is not None
    assert "hermetica update" in caught.value.hint
