"""The tree that ``package-lock.json`` describes, as a value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hermetica_derivations.builders.npm_lock import NpmLayoutError, Place, parse_layout


def lock(packages: dict[str, Any], **more: Any) -> str:
    return json.dumps({"name": "app", "lockfileVersion": 3, "packages": packages, **more})


def paths(packages: dict[str, Any], *, with_dev: bool = False) -> list[str]:
    return [place.path for place in parse_layout(lock(packages), "lock", with_dev=with_dev).places]


def test_packages_come_before_what_lies_in_them_and_know_their_programs() -> None:
    text = lock({
        "": {"name": "app", "dependencies": {"@s/b": "1"}},
        "node_modules/@s/b/node_modules/a": {"version": "1.0.0"},
        "node_modules/@s/b": {"version": "2.0.0", "bin": {"tool": "./cli.js", "alias": "cli.js"}},
        "node_modules/a": {"version": "3.0.0", "bin": "run.js"},
    })  # fmt: skip
    layout = parse_layout(text, "lock")
    assert layout.places == (
        Place(
            path="node_modules/@s/b", name="@s/b", version="2.0.0", programs=(("alias", "cli.js"), ("tool", "cli.js"))
        ),
        Place(path="node_modules/@s/b/node_modules/a", name="a", version="1.0.0"),
        Place(path="node_modules/a", name="a", version="3.0.0", programs=(("a", "run.js"),)),
    )
    assert layout.exported() == (("alias", "node_modules/@s/b/cli.js"), ("tool", "node_modules/@s/b/cli.js"))


def test_the_programs_of_a_project_are_what_it_exports() -> None:
    text = lock({
        "": {"name": "@me/app", "bin": "cli.js", "dependencies": {"a": "1"}},
        "node_modules/a": {"version": "1.0.0", "bin": "run.js"},
    })  # fmt: skip
    assert parse_layout(text, "lock").exported() == (("app", "cli.js"),)


def test_what_is_for_development_or_another_platform_or_bundled_is_left_out() -> None:
    packages = {
        "": {"dependencies": {"a": "1"}},
        "node_modules/a": {"version": "1"},
        "node_modules/dev": {"version": "1", "dev": True},
        "node_modules/mac": {"version": "1", "os": ["darwin"], "optional": True},
        "node_modules/arm": {"version": "1", "cpu": "arm64"},
        "node_modules/not-here": {"version": "1", "os": ["!linux"]},
        "node_modules/musl": {"version": "1", "libc": ["musl"]},
        "node_modules/here": {"version": "1", "os": ["!win32"], "cpu": ["x64", "arm64"]},
        "node_modules/in": {"version": "1", "inBundle": True},
    }
    assert paths(packages) == ["node_modules/a", "node_modules/here"]
    assert paths(packages, with_dev=True) == ["node_modules/a", "node_modules/dev", "node_modules/here"]


def test_a_member_of_a_workspace_is_a_link_with_the_programs_it_has() -> None:
    packages = {
        "": {"dependencies": {"part": "*"}},
        "node_modules/part": {"resolved": "packages/part", "link": True},
        "packages/part": {"name": "part", "version": "1.0.0", "bin": {"part": "cli.js"}},
    }
    (place,) = parse_layout(lock(packages), "lock").places
    assert place == Place(
        path="node_modules/part", name="part", version="", link="packages/part", programs=(("part", "cli.js"),)
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no JSON"),
        ("[]", "no package-lock.json of version 2 or 3"),
        ('{"lockfileVersion": 1}', "no package-lock.json of version 2 or 3"),
        (lock({"": []}), "no table"),
        (lock({"node_modules/../../x": {"version": "1"}}), "none inside of a project"),
        (lock({"node_modules/a b": {"version": "1"}}), "none inside of a project"),
        (lock({"node_modules/a": {"version": "1", "bin": {"../x": "y"}}}), "none inside of a project"),
        (lock({"node_modules/a": {"version": "1", "bin": "/etc/passwd"}}), "none inside of a project"),
        (lock({"node_modules/a": {"link": True, "resolved": "../a"}}), "none inside of a project"),
    ],
)
def test_a_lock_that_describes_no_tree_is_refused(text: str, says: str) -> None:
    with pytest.raises(NpmLayoutError, match=says):
        parse_layout(text, "lock")
