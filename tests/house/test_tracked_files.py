"""What git tracks holds no address of a registry, and no path of the machine it was written on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.house.code import ROOT, tracked_files

APT = Path("/etc/apt")
ADDRESS = re.compile(r"\b(?:https?|ftp)://(?:[^/@\s]*@)?([\w.-]+\.[a-z]{2,})(?=[:/\s\"']|$)")
COMMON = re.compile(r"/|/(?:var/)?tmp|/home|/root|/usr/src|/opt|/srv|/mnt|/build|/src|/hermetica")
HOMES = re.compile(r"(?<![\w.}-])/(?:home/(?!me/|you/)[a-z][\w-]*|root|Users/\w+)/")


def registry_hosts() -> frozenset[str]:
    """The hosts that this machine's apt, pip and npm are configured for."""
    texts = [path.read_text(errors="replace") for path in APT.rglob("*") if path.suffix in {".list", ".sources"}]
    texts = ["\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")) for text in texts]
    texts.append(_output(sys.executable, "-m", "pip", "config", "list"))
    texts.append(_output("npm", "config", "get", "registry"))
    texts.extend(value for name, value in os.environ.items() if re.match(r"(?i)(pip|uv|npm|goproxy|cargo)", name))
    return frozenset(host for text in texts for host in ADDRESS.findall(text))


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60).stdout
    except FileNotFoundError:
        return ""


@cache
def tracked_texts() -> dict[str, str]:
    """The tracked files that are text, by path."""
    texts: dict[str, str] = {}
    for path in tracked_files():
        try:
            texts[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return texts


def occurrences(pattern: re.Pattern[str]) -> list[str]:
    """``file:line`` of every match in a tracked text."""
    return [
        f"{name}:{number} {match[0]}"
        for name, text in tracked_texts().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if (match := pattern.search(line))
    ]


def test_the_search_sees_the_files() -> None:
    assert "pyproject.toml" in tracked_texts()
    assert occurrences(re.compile(r'^name = "hermetica-build"$'))


def test_no_tracked_file_names_a_registry_of_this_machine() -> None:
    hosts = registry_hosts()
    if not hosts:
        pytest.skip("no registry is configured here")
    assert occurrences(re.compile("|".join(rf"(?<![\w.-]){re.escape(host)}\b" for host in sorted(hosts)))) == []


def test_no_tracked_file_holds_a_home_directory() -> None:
    assert occurrences(HOMES) == []


def test_no_tracked_file_holds_the_place_of_this_clone() -> None:
    places = [str(place) for place in (ROOT, ROOT.parent) if not COMMON.fullmatch(str(place))]
    pattern = "|".join(rf"(?<![\w.]){re.escape(place)}\b" for place in places)
    assert occurrences(re.compile(pattern or r"(?!)")) == []


def test_nobody_is_told_to_install_somebody_elses_package() -> None:
    command = "pip " + "install "
    assert occurrences(re.compile(command + r"(?:-\S+ )*hermetica(?![\w-])")) == []
