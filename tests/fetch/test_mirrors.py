"""Logical addresses: the user's mirrors first, then what apt, pip and npm are told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.config import Config
from hermetica.fetch import InvalidMirrorAddress, Mirrors, NoMirror
from hermetica.fetch.apt import AptSource, ordered_uris, parse_list, parse_sources
from hermetica.fetch.npm import parse_registries, tarball_path
from hermetica.fetch.python_index import file_address, parse_pip, project_of
from hermetica.fetch.system import SystemMirrors
from tests.fetch.servers import Handler, Server, failing, whole

if TYPE_CHECKING:
    from pathlib import Path


def mirrors(tmp_path: Path, environ: dict[str, str] | None = None, **configured: str) -> Mirrors:
    """Mirrors of a system whose settings are all below ``tmp_path``."""
    system = SystemMirrors(
        environ={"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "xdg"), **(environ or {})},
        apt_directory=tmp_path / "apt",
        system_directory=tmp_path / "etc",
    )
    return Mirrors(configured=tuple((name, (url,)) for name, url in sorted(configured.items())), system=system)


def with_file(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_plain_address_is_its_own(tmp_path: Path) -> None:
    for url in ("https://one.example/f", "file:///f"):
        assert mirrors(tmp_path).resolve(url) == (url,)


def test_configured_mirrors_are_prefixes_in_their_order(tmp_path: Path) -> None:
    config = Config.load({"HERMETICA_MIRROR_MY_OWN": "http://a.example/x http://b.example"}, tmp_path)
    resolved = Mirrors.from_config(config).resolve("mirror://my-own/p/q_1%3a2~3+b.deb")
    assert resolved == ("http://a.example/x/p/q_1%3a2~3+b.deb", "http://b.example/p/q_1%3a2~3+b.deb")


def test_the_user_decides_before_the_system(tmp_path: Path) -> None:
    with_file(tmp_path / "apt" / "sources.list", "deb http://system.example/debian s main\n")
    assert mirrors(tmp_path).resolve("mirror://debian/pool/x") == ("http://system.example/debian/pool/x",)
    mine = mirrors(tmp_path, debian="http://mine.example")
    assert mine.resolve("mirror://debian/pool/x") == ("http://mine.example/pool/x",)


@pytest.mark.parametrize("name", ["debian", "pypi", "npm", "elsewhere"])
def test_a_mirror_that_nobody_knows_is_said_with_the_way_out(name: str, tmp_path: Path) -> None:
    with pytest.raises(NoMirror) as caught:
        mirrors(tmp_path).resolve(f"mirror://{name}/file-1.0.tar.gz")
    assert f"HERMETICA_MIRROR_{name.upper()}=" in str(caught.value.hint)
    assert name in caught.value.message


@pytest.mark.parametrize(
    "url",
    ["mirror:", "mirror://", "mirror://x", "mirror://x/", "mirror:///x", "mirror://x/../y", "mirror://x/%2e%2e/y", "mirror://x//y", "mirror://x/y?z"],  # noqa: E501 -- one each
)  # fmt: skip
def test_an_address_without_name_or_plain_path_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidMirrorAddress):
        mirrors(tmp_path, x="http://x.example").resolve(url)


def test_one_address_that_does_not_resolve_spares_the_others(tmp_path: Path) -> None:
    some = mirrors(tmp_path, x="http://x.example")
    urls = ["mirror://nobody/f", "mirror://x/f", "https://y.example/f"]
    assert some.resolve_all(urls) == ("http://x.example/f", "https://y.example/f")
    with pytest.raises(NoMirror, match="nobody"):
        some.resolve_all(urls[:1])
    assert some.resolve_all([]) == ()


def test_both_forms_of_apt_say_the_same() -> None:
    one_line = parse_list(
        "# deb http://old.example/debian s main\n"
        "deb http://a.example/debian/ bookworm main contrib # comment\n"
        "deb-src [arch=amd64 signed-by=/usr/share/k.gpg] http://a.example/debian/ bookworm main contrib\n"
        "nonsense\ndeb\ndeb http://alone.example\n"
    )
    stanzas = parse_sources(
        "Types: deb\n# comment\nURIs: http://a.example/debian/\nSuites: bookworm\nComponents: main\n contrib\n"
        "\n\nTypes: deb-src\nuris: http://a.example/debian/\nSuites: bookworm\nComponents: main contrib\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n xyz\n"
        "\nEnabled: no\nTypes: deb\nURIs: http://off.example/\nSuites: s\nComponents: main\n"
        "\nTypes: deb\nSuites: without-uris\n"
    )
    same = AptSource(uris=("http://a.example/debian/",), suites=("bookworm",), components=("main", "contrib"))
    assert one_line == stanzas == [same, same]


def test_the_main_archive_is_tried_first_then_security_then_others(tmp_path: Path) -> None:
    parts = tmp_path / "apt" / "sources.list.d"
    with_file(parts / "a.list", "deb http://other.example/node nodistro nodes\n")
    with_file(
        parts / "b.sources",
        "Types: deb\nURIs: http://h.example/debian-security\nSuites: s-security\nComponents: main\n\n"
        "Types: deb\nURIs: http://h.example/debian file:/srv/debian cdrom:[x]/\n"
        "Suites: s s-updates\nComponents: main\n",
    )
    with_file(parts / "c.list.disabled", "deb http://disabled.example/debian s main\n")
    with_file(parts / "c~.list", "deb http://backup.example/debian s main\n")
    expected = [
        "http://h.example/debian/pool/x",
        "file:///srv/debian/pool/x",
        "http://h.example/debian-security/pool/x",
        "http://other.example/node/pool/x",
    ]
    assert list(mirrors(tmp_path).resolve("mirror://debian/pool/x")) == expected
    first = mirrors(tmp_path).resolve("mirror://debian-security/pool/x")
    assert first[0] == expected[2]


def test_a_mirror_list_of_apt_is_read(tmp_path: Path) -> None:
    listed = with_file(tmp_path / "m.list", "http://a.example/debian/\tpriority:1\n# no\nhttp://b.example/debian\n")
    with_file(tmp_path / "apt" / "sources.list", f"deb mirror+file:{listed} s main\n")
    resolved = mirrors(tmp_path).resolve("mirror://debian/d")
    assert resolved == ("http://a.example/debian/d", "http://b.example/debian/d")


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["s", "s-security"]), st.sampled_from(["main", "x"])))
)
def test_every_distinct_uri_is_tried_once(entries: list[tuple[str, str, str]]) -> None:
    sources = [AptSource(uris=(uri,), suites=(suite,), components=(part,)) for uri, suite, part in entries]
    found = ordered_uris(sources)
    assert sorted(found) == sorted({uri for uri, _, _ in entries})


@pytest.mark.parametrize(
    ("file", "project"),
    [
        ("attrs-23.2.0-py3-none-any.whl", "attrs"),
        ("Foo_Bar.baz-1.0-py3-none-any.whl", "foo-bar-baz"),
        ("ruamel.yaml-0.18.tar.gz", "ruamel-yaml"),
        ("zope-interface-6.zip", "zope-interface"),
        ("nonsense", None),
        ("x.whl", None),
    ],
)
def test_a_file_names_its_project(file: str, project: str | None) -> None:
    assert project_of(file) == project


def test_pip_is_read_as_pip_reads_itself() -> None:
    files = [
        "[global]\nindex-url = http://a.example/simple\nfind-links =\n  /one\n  /two\n",
        "[install]\nextra_index_url = http://b.example/simple http://a.example/simple\n[other]\nindex-url = http://no\n",
        "this is no ini",
    ]
    settings = parse_pip(files, {})
    assert settings.indices == ("http://a.example/simple", "http://b.example/simple")
    assert settings.find_links == ("/one", "/two")
    assert parse_pip(files, {"PIP_INDEX_URL": "http://c.example/"}).indices[0] == "http://c.example/"
    assert parse_pip(files, {"PIP_NO_INDEX": "1"}).indices == ()


def test_an_index_says_where_a_file_is_as_json_or_as_html(server: Server, tmp_path: Path) -> None:
    file = "pkg-1.0-py3-none-any.whl"
    page = json.dumps({"files": [{"url": "../../files/other.whl"}, {"url": f"../../files/{file}#sha256=00"}]})

    def answer(handler: Handler) -> None:
        assert "simple.v1+json" in handler.headers["Accept"]
        whole(page.encode(), Content_Type="application/vnd.pypi.simple.v1+json")(handler)

    server.add("/json/simple/pkg/", answer)
    html = f"<a href='/h/{file}#sha256=00' data-requires-python='&gt;=3'>{file}</a>"
    server.add("/html/simple/pkg/", whole(html.encode(), Content_Type="text/html"))
    environ = {
        "PIP_INDEX_URL": f"{server.url}/json/simple/",
        "PIP_EXTRA_INDEX_URL": f"{server.url}/html/simple",
    }
    resolved = mirrors(tmp_path, environ).resolve(f"mirror://pypi/{file}")
    assert resolved == (f"{server.url}/json/files/{file}", f"{server.url}/h/{file}")
    configured = mirrors(tmp_path, pypi=f"{server.url}/html/simple").resolve(f"mirror://pypi/{file}")
    assert configured == (f"{server.url}/h/{file}",)


def test_a_configured_mirror_of_pypi_may_be_plain(tmp_path: Path) -> None:
    plain = mirrors(tmp_path, pypi="http://a.example/packages")
    assert plain.resolve("mirror://pypi/x-1.tar.gz") == ("http://a.example/packages/x-1.tar.gz",)


def test_each_index_that_does_not_have_it_is_listed_with_why(server: Server, tmp_path: Path) -> None:
    server.add("/broken/simple/pkg/", failing(500, 99, whole(b"")))
    server.add("/other/simple/pkg/", whole(b"{}", Content_Type="application/json"))
    links = [f"{server.url}/{name}/simple" for name in ("broken", "other", "absent")]
    environ = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_EXTRA_INDEX_URL": " ".join(links)}
    with pytest.raises(NoMirror) as caught:
        mirrors(tmp_path, environ).resolve("mirror://pypi/pkg-1.0.tar.gz")
    causes = [why for _, why in caught.value.details]
    assert "refused" in causes[0]
    assert causes[1].startswith("HTTP 500")
    assert causes[2] == "does not list pkg-1.0.tar.gz"
    assert causes[3].startswith("HTTP 404")


def test_directories_and_file_indices_of_pip_need_no_network(tmp_path: Path) -> None:
    wheel = with_file(tmp_path / "links" / "a-1-py3-none-any.whl", "w")
    sdist = with_file(tmp_path / "simple" / "b" / "b-1.tar.gz", "s")
    with_file(tmp_path / "html" / "c" / "index.html", '<base href="../../files/"><a href="c%2D1.tar.gz">c</a>')
    config = (
        f"[global]\nindex-url = {(tmp_path / 'simple').as_uri()}\nextra-index-url = {(tmp_path / 'html').as_uri()}\n"
        f"find-links = {tmp_path / 'links'}\n"
    )
    for place in (".config/pip/pip.conf", ".pip/pip.conf", "etc/pip.conf", "xdg/pip/pip.conf"):
        file = with_file(tmp_path / place, config)
        some = mirrors(tmp_path)
        assert some.resolve("mirror://pypi/a-1-py3-none-any.whl") == (wheel.as_uri(),)
        assert some.resolve("mirror://pypi/b-1.tar.gz") == (sdist.as_uri(),)
        assert some.resolve("mirror://pypi/c-1.tar.gz") == (f"{tmp_path.as_uri()}/files/c%2D1.tar.gz",)
        file.unlink()
    named = with_file(tmp_path / "named.conf", config)
    assert mirrors(tmp_path, {"PIP_CONFIG_FILE": str(named)}).resolve("mirror://pypi/b-1.tar.gz") == (sdist.as_uri(),)


@given(st.binary(max_size=300), st.booleans())
def test_a_page_that_is_nonsense_lists_nothing(page: bytes, is_json: bool) -> None:  # noqa: FBT001 -- drawn
    assert file_address(page, "http://x.example/", "pkg-1.0.tar.gz", is_json=is_json) is None


def test_a_link_that_is_no_address_spares_the_others() -> None:
    page = b"<a href='http://['>x</a><a href='/f/pkg-1.0.tar.gz'>y</a>"
    found = file_address(page, "http://x.example/", "pkg-1.0.tar.gz", is_json=False)
    assert found == "http://x.example/f/pkg-1.0.tar.gz"


def test_npm_registries_are_by_scope_and_variables_decide(tmp_path: Path) -> None:
    with_file(
        tmp_path / ".npmrc",
        "; comment\nregistry = http://r.example/npm/\n@mine:registry=http://${WHERE}.example\n//r.example/:_auth=x\n",
    )
    some = mirrors(tmp_path, {"WHERE": "own"})
    assert some.resolve("mirror://npm/left-pad/-/left-pad-1.3.0.tgz") == (
        "http://r.example/npm/left-pad/-/left-pad-1.3.0.tgz",
    )
    assert some.resolve("mirror://npm/left-pad-1.3.0.tgz")[0].endswith("/npm/left-pad/-/left-pad-1.3.0.tgz")
    assert some.resolve("mirror://npm/@mine/x-1.0.0-rc.1.tgz") == ("http://own.example/@mine/x/-/x-1.0.0-rc.1.tgz",)
    assert some.resolve("mirror://npm/@other/x-1.0.0.tgz")[0].startswith("http://r.example/npm/@other/")
    forced = mirrors(tmp_path, {"npm_config_registry": "http://v.example/"})
    assert forced.resolve("mirror://npm/a-1.0.0.tgz") == ("http://v.example/a/-/a-1.0.0.tgz",)
    configured = mirrors(tmp_path, npm="http://c.example")
    assert configured.resolve("mirror://npm/a-1.0.0.tgz") == ("http://c.example/a/-/a-1.0.0.tgz",)


def test_a_later_npmrc_decides() -> None:
    assert parse_registries(["registry=http://a/", "registry='http://b'"], {}) == {"": "http://b"}


def test_a_path_that_is_no_tarball_is_left_alone() -> None:
    for path in ("x/-/x-1.0.0.tgz", "readme", "a/b-1.0.0.tgz"):
        assert tarball_path(path) == path
