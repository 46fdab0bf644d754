"""Substituters of plug-ins: asked before anything is built, trusted as the settings say, and never in a build's way."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica.config import Config
from hermetica.entry_points import UnknownPlugin
from hermetica.realize import DerivationFinished, RunFinished, SubstitutionFinished, SubstitutionStarted, Warned
from hermetica.realize.errors import BuildCancelled
from hermetica.realize.substituters import SubstituteRefused, SubstituterFailed
from hermetica_store.exchange import export_archive
from tests.cli.conftest import make_tools
from tests.plugins.conftest import lay_out

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from tests.cli.conftest import CommandLine
    from tests.plugins.conftest import Install

pytestmark = pytest.mark.sandbox

SHELF = Path(__file__).with_name("shelf.py").read_text(encoding="utf-8")
ENTRIES = (
    "substituters shelf = shelf_plug:Shelf",
    "substituters served = shelf_plug:served",
    "substituters falling = shelf_plug:falling",
    "substituters hanging = shelf_plug:hanging",
    "substituters endless = shelf_plug:endless",
    "substituters strange = shelf_plug:strange",
    "substituters broken = shelf_plug:nothing",
)


def publish(store: hm.Store, place: Path, key: str = "resolved_id") -> None:
    """Puts everything that was built in a store on a shelf: by resolved id, or by ``drv``, the id it declares."""
    place.mkdir(exist_ok=True)
    for record in store.trace.all_records():
        outputs = {output: made["path"] for output, made in record["outputs"].items()}
        (place / f"{record[key]}.json").write_text(json.dumps(outputs))
        with (place / f"{record[key]}.archive").open("wb") as archive:
            export_archive(store.objects, [hm.StorePath.parse(path) for path in outputs.values()], archive)


@contextmanager
def serving(directory: Path) -> Generator[tuple[str, list[str]]]:
    """A directory over HTTP, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002 -- as the library has it
            asked.append(self.path)

        def log_error(self, format: str, *args: Any) -> None:  # noqa: A002 -- as the library has it
            """Says nothing."""

    handler = functools.partial(Handler, directory=os.fspath(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def plugged(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plug-in, installed for this process."""
    lay_out(site, "shelf_plug", SHELF, *ENTRIES)
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    yield
    sys.modules.pop("shelf_plug", None)


class Bench:
    """Derivations, a shelf with all of them, and stores that lack them."""

    def __init__(self, place: Path) -> None:
        self._place = place
        make_tools(place / "tools")
        self.shelf, self.declared = place / "shelf", place / "declared"
        busybox = hm.source(place / "tools", name="busybox")
        self._shell = f"{busybox}/bin/sh"
        self.library = self.made("library", "mkdir $out $dev; echo code > $out/lib; echo head > $dev/h", "out", "dev")
        self.app = self.made("app", f"echo {self.library}/lib > $out; echo {self.library:dev} >> $out")
        with hm.Store.open(place / "first") as store:
            store.realize(self.app)
            self.path = store.path(self.app)
            publish(store, self.shelf)
            publish(store, self.declared, "drv")
        self.records: list[dict[str, Any]] = []
        self.root = place

    def made(self, name: str, script: str, *outputs: str) -> hm.Derivation:
        return hm.derivation(name=name, builder=self._shell, args=["-euc", script], outputs=outputs or ("out",))

    @functools.cached_property
    def many(self) -> list[hm.Derivation]:
        return [self.made(f"many-{index}", f"echo {index} > $out") for index in range(8)]

    def realize(
        self,
        *derivations: hm.Derivation,
        substituters: Sequence[str],
        trusted: bool = True,
        root: Path | None = None,
        patience_s: float = 60,
        **options: Any,
    ) -> tuple[hm.Realizations, list[hm.Event]]:
        """Realizes in a store that has nothing; what became of it, and the events."""
        events: list[hm.Event] = []
        config = Config(
            substituters=tuple(substituters),
            trusted_substituters=tuple(substituters) if trusted else (),
            fetch_timeout_s=patience_s,
            fetch_retries=0,
        )
        self.root = root or self._place / f"store-{len(list(self._place.iterdir()))}"
        with hm.Store.open(self.root, config=config) as store:
            results = store.realize_all(derivations, on_event=events.append, **options)
            self.records = store.trace.all_records()
        return results, events


@pytest.fixture
def bench(tmp_path: Path, plugged: None) -> Iterator[Bench]:
    with hm.evaluation():
        yield Bench(tmp_path)


def outcomes(events: list[hm.Event]) -> dict[str, str]:
    return {each.name: str(each.outcome) for each in events if isinstance(each, DerivationFinished)}


def refusals(events: list[hm.Event]) -> list[str]:
    """The codes of what went wrong with substituters; each comes with a warning."""
    codes = [each.error.code for each in events if isinstance(each, SubstitutionFinished) and each.error]
    assert [each.message[1:6] for each in events if isinstance(each, Warned)] == codes
    return codes


def test_what_a_trusted_shelf_has_is_taken_and_not_built(bench: Bench) -> None:
    results, events = bench.realize(bench.app, substituters=[f"shelf={bench.shelf}"])
    assert results.ok
    assert outcomes(events) == {"library": "substituted", "app": "substituted"}
    assert results[bench.app].out == bench.path
    assert results[bench.app].references
    assert [(each["outcome"], each["substituter"]) for each in bench.records] == [
        ("substituted", f"shelf={bench.shelf}")
    ] * 2
    kinds = [each.kind for each in events if getattr(each, "name", "") == "library"][1:]
    assert kinds == ["derivation-started", "substitution-started", "substitution-finished", "derivation-finished"]
    finished = next(each for each in events if isinstance(each, SubstitutionFinished))
    assert finished.received_bytes > 100
    assert finished.outputs.keys() == {"out", "dev"}


def test_what_is_had_by_the_id_it_declares_needs_no_inputs(bench: Bench) -> None:
    results, events = bench.realize(bench.app, substituters=[f"shelf={bench.declared}"])
    assert results[bench.app].out == bench.path
    assert outcomes(events) == {"app": "substituted"}
    kinds = [each.kind for each in events if getattr(each, "name", "") == "app"][1:]
    assert kinds == ["derivation-started", "substitution-started", "substitution-finished", "derivation-finished"]
    counts = next(each.counts for each in events if isinstance(each, RunFinished))
    assert counts == {"substituted": 1}
    again, events = bench.realize(bench.app, substituters=[f"shelf={bench.declared}"], root=bench.root)
    assert again.ok
    assert outcomes(events) == {}


def test_what_is_had_by_the_id_it_declares_serves_what_has_to_be_made(bench: Bench) -> None:
    other = bench.made("other", f"cat {bench.app} > $out; echo {bench.library} >> $out")
    results, events = bench.realize(other, substituters=[f"shelf={bench.declared}"])
    assert results.ok
    assert outcomes(events) == {"app": "substituted", "library": "substituted", "other": "built"}


def test_what_is_refused_by_the_id_it_declares_is_made_with_all_it_needs(bench: Bench) -> None:
    _altered(bench.declared)
    results, events = bench.realize(bench.app, substituters=[f"shelf={bench.declared}"], jobs=1)
    assert results[bench.app].out == bench.path
    assert outcomes(events) == {"library": "built", "app": "built"}
    assert refusals(events) == [SubstituteRefused.code]


def test_a_shelf_behind_http_serves_many_at_once(bench: Bench, tmp_path: Path) -> None:
    with hm.Store.open(tmp_path / "many") as store:
        assert store.realize_all(bench.many).ok
        publish(store, bench.shelf)
    with serving(bench.shelf) as (address, asked):
        results, events = bench.realize(*bench.many, substituters=[f"served={address}"], jobs=8)
    assert results.ok
    assert set(outcomes(events).values()) == {"substituted"}
    assert len(asked) == 3 * len(bench.many)  # by the id that it declares, by its resolved id, and the archive


def test_what_no_shelf_has_is_built_and_the_next_one_is_asked(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    other = bench.made("other", "echo other > $out")
    shelves = [f"shelf={tmp_path / 'empty'}", f"shelf={bench.shelf}"]
    _, events = bench.realize(other, bench.app, substituters=shelves)
    assert outcomes(events) == {"other": "built", "library": "substituted", "app": "substituted"}
    assert {each.substituter for each in events if isinstance(each, SubstitutionStarted)} == {shelves[1]}


def test_who_is_not_trusted_is_not_even_asked_for_what_builds_make(bench: Bench) -> None:
    with serving(bench.shelf) as (address, asked):
        _, events = bench.realize(bench.app, substituters=[f"served={address}"], trusted=False)
    assert outcomes(events) == {"library": "built", "app": "built"}
    assert asked == []


def test_who_asks_for_no_substitutes_builds(bench: Bench) -> None:
    _, events = bench.realize(bench.app, substituters=[f"shelf={bench.shelf}"], substitute=False)
    assert outcomes(events) == {"library": "built", "app": "built"}


def test_fixed_content_is_taken_from_anybody_and_held_to_its_hash(bench: Bench, tmp_path: Path) -> None:
    content = b"words\n"
    (tmp_path / "words").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    here = hm.fetchurl(f"file://{tmp_path}/words", sha256=sha256)
    with hm.Store.open(tmp_path / "fetched") as store:
        store.realize(here)
        publish(store, bench.shelf)
    gone = hm.fetchurl("file:///nowhere/words", sha256=sha256)
    results, events = bench.realize(gone, substituters=[f"shelf={bench.shelf}"], trusted=False)
    assert results.ok, refusals(events)
    assert outcomes(events) == {"words": "substituted"}

    with hm.Store.open(tmp_path / "lying") as store:
        with store.objects.lease() as lease:
            other = store.objects.add_bytes(b"other\n", "words", lease=lease)
        for file in bench.shelf.glob("*.json"):
            if json.loads(file.read_text()) == {"out": str(results[gone].out)}:
                file.write_text(json.dumps({"out": str(other)}))
                with file.with_suffix(".archive").open("wb") as archive:
                    export_archive(store.objects, [other], archive)
    results, events = bench.realize(here, substituters=[f"shelf={bench.shelf}"], trusted=False)
    assert outcomes(events) == {"words": "built"}
    assert refusals(events) == [SubstituteRefused.code]
    assert "its content has another hash" in str(next(each for each in events if isinstance(each, Warned)).message)


def _cut(shelf: Path) -> None:
    for file in shelf.glob("*.archive"):
        file.write_bytes(file.read_bytes()[:-9])


def _altered(shelf: Path) -> None:
    for file in shelf.glob("*.archive"):
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)


def _of_another(shelf: Path) -> None:
    archives = [file.read_bytes() for file in sorted(shelf.glob("*.archive"))]
    for file, data in zip(sorted(shelf.glob("*.archive")), archives[1:] + archives[:1], strict=True):
        file.write_bytes(data)


def _named_otherwise(shelf: Path) -> None:
    for file in shelf.glob("*.json"):
        outputs = json.loads(file.read_text())
        file.write_text(json.dumps({output: f"{path}-other" for output, path in outputs.items()}))


def _no_paths(shelf: Path) -> None:
    for file in shelf.glob("*.json"):
        file.write_text(json.dumps(dict.fromkeys(json.loads(file.read_text()), "../../etc/passwd")))


def _too_few(shelf: Path) -> None:
    for file in shelf.glob("*.json"):
        file.write_text("{}")


@pytest.mark.parametrize("damage", [_cut, _altered, _of_another, _named_otherwise, _no_paths, _too_few])
def test_what_is_not_what_it_is_said_to_be_is_refused_once_and_built_here(bench: Bench, damage: Any) -> None:
    damage(bench.shelf)
    results, events = bench.realize(bench.app, substituters=[f"shelf={bench.shelf}"], jobs=1)
    assert outcomes(events) == {"library": "built", "app": "built"}
    assert results[bench.app].out == bench.path
    assert refusals(events) == [SubstituteRefused.code]
    (warned,) = (each for each in events if isinstance(each, Warned))
    assert ": what the substituter shelf of shelf-plug 1.2 offers is refused: " in warned.message
    assert warned.message.endswith("; this run asks it no more")


def test_an_archive_without_end_is_refused_at_the_limit_of_what_a_build_may_write(bench: Bench) -> None:
    _, events = bench.realize(bench.app, substituters=["endless"], jobs=1, build_limit_bytes=10 << 20)
    assert outcomes(events) == {"library": "built", "app": "built"}
    assert refusals(events) == [SubstituteRefused.code]
    assert "its archive has more than" in next(each for each in events if isinstance(each, Warned)).message


def test_one_that_raises_is_asked_a_few_times_and_then_no_more(bench: Bench) -> None:
    results, events = bench.realize(*bench.many, substituters=["falling"], jobs=1)
    assert results.ok
    assert refusals(events) == [SubstituterFailed.code] * 3
    warned = [each.message for each in events if isinstance(each, Warned)]
    assert "the substituter falling of shelf-plug 1.2 failed: ConnectionError: the shelf is away" in warned[0]
    assert [text.endswith("asks it no more") for text in warned] == [False, False, True]


def test_one_that_says_nothing_is_left_alone_and_the_next_is_asked(bench: Bench) -> None:
    _, events = bench.realize(bench.app, substituters=["hanging=30", f"shelf={bench.shelf}"], patience_s=1)
    assert outcomes(events) == {"library": "substituted", "app": "substituted"}
    assert refusals(events) == [SubstituterFailed.code]
    assert "said nothing for 1 s" in next(each for each in events if isinstance(each, Warned)).message


def test_a_run_that_is_cancelled_waits_for_none(bench: Bench, tmp_path: Path) -> None:
    cancellation = hm.Cancellation()
    threading.Timer(0.3, cancellation.cancel).start()
    config = Config(substituters=("hanging=60",), trusted_substituters=("hanging=60",))
    with hm.Store.open(tmp_path / "cancelled", config=config) as store, pytest.raises(BuildCancelled):
        store.realize(bench.library, cancellation=cancellation)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("strange", "HM707", "its answer is str, not a Substitute"),
        ("shelf=/nowhere", "HM703", "the substituter shelf of shelf-plug 1.2 failed"),
        ("broken", "HM700", "the substituter broken of shelf-plug 1.2 cannot be used"),
    ],
)
def test_one_that_cannot_be_used_is_told_once(bench: Bench, text: str, code: str, said: str) -> None:
    results, events = bench.realize(bench.app, substituters=[text], jobs=1)
    assert results.ok
    assert refusals(events) == [code]
    assert said in next(each for each in events if isinstance(each, Warned)).message


def test_one_that_is_not_installed_is_an_error_of_the_settings(bench: Bench) -> None:
    with pytest.raises(UnknownPlugin, match="there is no substituter 'shlef'"):
        bench.realize(bench.app, substituters=["shlef=/srv"])


PUT = """\
#!/bin/sh
set -eu
set -- $HERMETICA_OUT_PATHS
printf '{"out": "%s"}' "$1" > "$SHELF/$HERMETICA_RESOLVED_ID.json"
PYTHON -m hermetica store export -o "$SHELF/$HERMETICA_RESOLVED_ID.archive" "$@"
"""


def test_one_machine_fills_a_shelf_by_its_hook_and_another_takes_from_it(
    hermetica: CommandLine, install: Install, tmp_path: Path
) -> None:
    install("shelf_plug", SHELF, *ENTRIES)
    hermetica.module('a = sh("a", "echo a > $out")', 'b = sh("b", f"cat {a} {a} > $out")')
    hermetica.write("put", PUT.replace("PYTHON", sys.executable)).chmod(0o755)
    (tmp_path / "shelf").mkdir()
    hermetica.environment["SHELF"] = str(tmp_path / "shelf")
    first = hermetica("build", "--no-link", "./pkgs.py:b", "--post-build-hook", "./put").stdout
    elsewhere = {
        "HERMETICA_STORE": str(tmp_path / "elsewhere"),
        "HERMETICA_SUBSTITUTERS": f"shelf={tmp_path / 'shelf'}",
        "HERMETICA_TRUSTED_SUBSTITUTERS": f"shelf={tmp_path / 'shelf'}",
    }
    second = hermetica("build", "--no-link", "./pkgs.py:b", env=elsewhere)
    assert Path(second.stdout).name == Path(first).name
    assert "to do: at most 2 builds" in second.stderr
    assert "2 substituted in " in second.stderr
    assert "taken from the substituter shelf=" in hermetica("explain", "./pkgs.py:b", env=elsewhere).stdout
    assert "no build of ./pkgs.py:b is on record" in hermetica("log", "./pkgs.py:b", env=elsewhere, status=2).stderr
    elsewhere["HERMETICA_STORE"] = str(tmp_path / "third")
    third = hermetica("build", "--no-link", "--no-substitute", "./pkgs.py:b", env=elsewhere)
    assert "2 built" in third.stderr
