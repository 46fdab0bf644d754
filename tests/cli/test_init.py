"""``init``: projects to begin with, from this package and from others, through the real command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hermetica.cli.templates import Template, templates

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine

TEMPLATES = {template.name: template for template in templates()}


def _offer(site: Path, manifest: str | None) -> dict[str, str]:
    """An installed package that offers one template, ``tool``; the environment that has it."""
    (site / "acme_templates" / "tool" / "dot-config").mkdir(parents=True)
    (site / "acme_templates" / "__init__.py").write_text("")
    (site / "acme_templates" / "tool" / "run.sh").write_text("#!/bin/sh\n")
    (site / "acme_templates" / "tool" / "run.sh").chmod(0o755)
    (site / "acme_templates" / "tool" / "dot-config" / "dot-rc").write_text("x\n")
    if manifest is not None:
        (site / "acme_templates" / "tool" / "template.toml").write_text(manifest)
    info = site / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hermetica.templates]\nacme = acme_templates\n")
    return {"PYTHONPATH": str(site)}


def test_without_a_word_the_templates_are_listed(hermetica: CommandLine) -> None:
    listed = hermetica("init").stdout.splitlines()
    assert [line.split()[0] for line in listed] == list(TEMPLATES)
    document = json.loads(hermetica("init", "--json").stdout)
    assert [row["name"] for row in document["templates"]] == list(TEMPLATES)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_is_written_whole_and_its_targets_evaluate(hermetica: CommandLine, name: str) -> None:
    made = hermetica("init", name, "new/project")
    files = made.stdout.splitlines()
    assert sorted(files) == sorted(f"new/project/{file}" for file in TEMPLATES[name].files())
    assert all((hermetica.directory / file).is_file() for file in files)
    assert "cd new/project" in made.stderr
    listed = json.loads(hermetica("ls", "--json", "new/project/pkgs.py").stdout)
    assert listed["targets"]


def test_hidden_files_and_modes_are_kept_and_other_packages_may_offer_templates(
    hermetica: CommandLine, tmp_path: Path
) -> None:
    site = _offer(tmp_path / "site", 'description = "a tool"\nsteps = ["./run.sh"]\n')
    assert "tool" in hermetica("init", env=site).stdout
    hermetica("init", "tool", env=site)
    assert (hermetica.directory / ".config" / ".rc").read_text() == "x\n"
    assert (hermetica.directory / "run.sh").stat().st_mode & 0o111
    assert not (hermetica.directory / "template.toml").exists()


def test_what_is_there_is_never_overwritten_and_nothing_is_written_beside_it(hermetica: CommandLine) -> None:
    hermetica.write("pkgs.py", "mine\n")
    refused = hermetica("init", "c-library", status=2)
    assert "error[HM601]" in refused.stderr
    assert "has pkgs.py already" in refused.stderr
    assert [path.name for path in hermetica.directory.iterdir()] == ["pkgs.py"]
    assert (hermetica.directory / "pkgs.py").read_text() == "mine\n"


def test_a_template_that_is_not_offered_gets_the_close_ones(hermetica: CommandLine) -> None:
    assert "did you mean c-library?" in hermetica("init", "c-libary", status=2).stderr
    assert "there are" in hermetica("init", "zzz", status=2).stderr


def test_a_place_that_cannot_be_written_is_named(hermetica: CommandLine) -> None:
    hermetica.write("file", "")
    assert "cannot write to file/below" in hermetica("init", "c-library", "file/below", status=2).stderr


@pytest.mark.parametrize("manifest", ["description = 1", "not toml", 'description = "x"\nsteps = 7\n'])
def test_a_broken_template_is_refused_by_name(hermetica: CommandLine, tmp_path: Path, manifest: str) -> None:
    site = _offer(tmp_path / "site", manifest)
    refused = hermetica("init", env=site, status=4)
    assert "error[HM602]" in refused.stderr
    assert "acme_templates/tool/template.toml" in refused.stderr


def test_a_template_says_what_it_is_and_what_comes_next() -> None:
    assert {"c-library"} <= set(TEMPLATES)
    for template in TEMPLATES.values():
        assert isinstance(template, Template)
        assert template.description
        assert template.steps
