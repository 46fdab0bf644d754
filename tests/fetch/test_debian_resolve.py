"""Resolution: the closure of what packages need, or a refusal; never a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.fetch.debian_control import MalformedControl
from hermetica.fetch.debian_index import PackageIndex, SourceIndex
from hermetica.fetch.debian_resolve import UnresolvedPackages, resolve

if TYPE_CHECKING:
    from random import Random


def package(name: str, version: str = "1", **fields: str) -> str:
    lines = {"Package": name, "Version": version, "Filename": f"pool/{name}_{version}.deb", "Size": "3"}
    lines |= {"SHA256": "0" * 64, **{key.replace("_", "-"): value for key, value in fields.items()}}
    return "".join(f"{key}: {value}\n" for key, value in lines.items())


def index(*stanzas: str) -> PackageIndex:
    return PackageIndex.parse(["\n".join(stanzas)])


def names(packages: PackageIndex, *wanted: str) -> list[str]:
    return [each.name for each in resolve(packages, wanted)]


NAMES = [f"p{number}" for number in range(8)]
GRAPHS = st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES), max_size=3, unique=True) for name in NAMES})


@given(GRAPHS, st.lists(st.sampled_from(NAMES), min_size=1, max_size=3), st.randoms())
def test_the_result_is_the_closure_whatever_the_order_of_the_index(
    graph: dict[str, list[str]], wanted: list[str], random: Random
) -> None:
    stanzas = [package(name, Depends=", ".join(needs)) if needs else package(name) for name, needs in graph.items()]
    expected: set[str] = set()
    pending = list(wanted)
    while pending:
        name = pending.pop()
        if name not in expected:
            expected.add(name)
            pending += graph[name]
    random.shuffle(stanzas)
    assert names(index(*stanzas), *wanted) == sorted(expected)


def test_pre_depends_count_and_cycles_end() -> None:
    packages = index(package("a", Pre_Depends="b"), package("b", Depends="a"), package("c"))
    assert names(packages, "a") == ["a", "b"]


def test_an_alternative_that_is_chosen_already_wins_and_else_the_first_that_exists() -> None:
    packages = index(package("a", Depends="gone | b | c"), package("b"), package("c"))
    assert names(packages, "a") == ["a", "b"]
    assert names(packages, "a", "c") == ["a", "c"]


def test_the_only_provider_is_taken_and_of_several_none() -> None:
    one = [package("a", Depends="awk"), package("mawk", Provides="awk")]
    assert names(index(*one), "a") == ["a", "mawk"]
    packages = index(*one, package("gawk", Provides="awk (= 2)"))
    with pytest.raises(UnresolvedPackages, match="several packages provide") as caught:
        names(packages, "a")
    assert caught.value.details == (("provided by", "gawk, mawk"),)
    assert names(packages, "a", "gawk") == ["a", "gawk"]


def test_a_provider_that_is_needed_anyhow_settles_what_was_ambiguous() -> None:
    packages = index(
        package("a", Depends="awk, z"), package("z", Depends="gawk"), package("gawk", Provides="awk"),
        package("mawk", Provides="awk"),
    )  # fmt: skip
    assert names(packages, "a") == ["a", "gawk", "z"]


def test_a_versioned_need_is_met_by_a_versioned_provision_alone() -> None:
    needs = package("a", Depends="api (>= 2)")
    assert names(index(needs, package("b", Provides="api (= 2.1)")), "a") == ["a", "b"]
    for provision in ("api", "api (= 1)"):
        with pytest.raises(UnresolvedPackages, match=r"a 1 needs api \(>= 2\)"):
            names(index(needs, package("b", Provides=provision)), "a")


def test_versions_are_honoured_and_the_newest_of_two_stands() -> None:
    packages = index(package("a", Depends="b (>= 2)"), package("b", "1"), package("b", "2"), package("b", "1.5"))
    assert [str(each.version) for each in resolve(packages, ["a"])] == ["1", "2"]
    with pytest.raises(UnresolvedPackages, match="which the indices cannot give"):
        names(index(package("a", Depends="b (<< 2)"), package("b", "2")), "a")


@pytest.mark.parametrize("field", ["Conflicts", "Breaks"])
def test_packages_that_refuse_each_other_are_refused(field: str) -> None:
    stanza = package("b", **{field: "c (<< 2)"})
    with pytest.raises(UnresolvedPackages, match="b 1 conflicts with c 1"):
        names(index(stanza, package("c", "1")), "b", "c")
    assert names(index(stanza, package("c", "2")), "b", "c") == ["b", "c"]


def test_a_package_may_provide_what_it_conflicts_with() -> None:
    mail = {"Provides": "mta", "Conflicts": "mta"}
    assert names(index(package("exim", **mail)), "exim") == ["exim"]
    with pytest.raises(UnresolvedPackages, match="conflicts"):
        names(index(package("exim", **mail), package("postfix", **mail)), "exim", "postfix")


def test_a_name_that_is_only_provided_is_refused_with_who_provides_it() -> None:
    with pytest.raises(UnresolvedPackages, match="no package is called 'mta'") as caught:
        names(index(package("exim", Provides="mta"), package("postfix", Provides="mta")), "mta")
    assert caught.value.details == (("provided by", "exim, postfix"),)


def test_an_unknown_name_is_refused_with_the_closest_ones() -> None:
    with pytest.raises(UnresolvedPackages, match="no package 'helo'") as caught:
        names(index(package("hello")), "helo")
    assert caught.value.hint == "did you mean hello?"


def test_another_architecture_meets_nothing() -> None:
    with pytest.raises(UnresolvedPackages, match="b:i386"):
        names(index(package("a", Depends="b:i386"), package("b")), "a")
    assert names(index(package("a", Depends="b:any"), package("b")), "a") == ["a", "b"]


def test_essential_packages_are_listed_and_in_no_closure() -> None:
    packages = index(package("a"), package("dash", Essential="yes"))
    assert packages.essential() == ("dash",)
    assert names(packages, "a") == ["a"]


@pytest.mark.parametrize("stanza", ["Version: 1\n", "Package: a\nVersion: 1\n", "Package: a\n"])
def test_a_stanza_without_what_every_package_has_is_refused(stanza: str) -> None:
    with pytest.raises(MalformedControl):
        resolve(index(stanza, "Package: a\nVersion: 2\n"), ["a"])


SOURCE = f"""Package: zlib
Version: 1:1.2-1
Directory: pool/main/z/zlib
Checksums-Sha256:
 {"1" * 64} 10 zlib_1.2-1.dsc
 {"2" * 64} 20 zlib_1.2.orig.tar.gz
 {"4" * 64} 20 zlib_1.2.orig-extra.tar.gz
 {"3" * 64} 30 zlib_1.2-1.debian.tar.xz
"""


def test_a_source_package_names_upstreams_tarballs() -> None:
    found = SourceIndex.parse([SOURCE]).find("zlib")
    assert found is not None
    assert {component: file.path for component, file in found.upstream().items()} == {
        "": "pool/main/z/zlib/zlib_1.2.orig.tar.gz",
        "extra": "pool/main/z/zlib/zlib_1.2.orig-extra.tar.gz",
    }
    assert SourceIndex.parse([SOURCE]).find("none") is None
    native = SourceIndex.parse([SOURCE.replace(".orig.tar", ".tar").replace(".orig-extra", ".debian")]).find("zlib")
    assert native is not None
    assert [file.sha256[0] for file in native.upstream().values()] == ["2"]


def test_a_file_of_a_source_package_stays_in_its_directory() -> None:
    with pytest.raises(MalformedControl, match="not a file of a source package"):
        SourceIndex.parse([SOURCE.replace("zlib_1.2-1.dsc", "../x.dsc")]).find("zlib")
