"""The generic builder: phases, hooks, flags, and what it does to outputs. In the sandbox, with busybox for tools."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica_derivations.stdenv import UnknownSetting, mk_derivation, shell_words

if TYPE_CHECKING:
    from pathlib import Path

    from tests.derivations.conftest import Bench


def archive(path: Path, files: dict[str, str], *, mode: str = "w:gz") -> hm.Source:
    """A tarball with one directory at its top."""
    opened: Any = tarfile.open  # its overloads know no mode that is a parameter
    with opened(path, mode) as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"thing-1/{name}")
            member.size, member.mode = len(text.encode()), 0o755 if name == "configure" else 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
    return hm.source(path)


@pytest.mark.parametrize(
    ("key", "hint"),
    [("configure_flag", "did you mean configure_flags?"), ("build_phases", "did you mean build_phase?"), ("xyz", None)],
)
def test_a_setting_that_does_not_exist_is_refused_with_the_closest_one(key: str, hint: str | None) -> None:
    settings: dict[str, Any] = {key: "1"}
    with pytest.raises(UnknownSetting, match=key) as caught:
        mk_derivation(name="x", **settings)
    assert caught.value.details[0][0] == "settings"
    assert caught.value.hint == hint


def test_words_keep_blanks_and_quotes_and_let_variables_through() -> None:
    assert shell_words(["A=b c", 'say "x"', "$out/lib", "`id`"]) == '"A=b c" "say \\"x\\"" "$out/lib" "\\`id\\`"'


def test_every_setting_reaches_the_id() -> None:
    plain = mk_derivation(name="x")
    changes: list[dict[str, Any]] = [
        {"make_flags": ["a"]},
        {"do_check": True},
        {"after_build": ":"},
        {"phases": ["build"]},
    ]
    for change in changes:
        assert mk_derivation(name="x", **change).id != plain.id
    assert mk_derivation(name="x", meta=hm.Meta(licence="MIT")).id == plain.id


@pytest.mark.sandbox
def test_phases_run_in_order_with_what_surrounds_them(bench: Bench, tmp_path: Path) -> None:
    phases = ["unpack", "patch", "configure", "build", "check", "install", "fixup"]
    settings = {f"before_{phase}": f"echo before-{phase} >> /tmp/order" for phase in phases}
    settings |= {f"after_{phase}": f"echo after-{phase} >> /tmp/order" for phase in phases}
    made = bench.build(
        bench.make(
            src=archive(tmp_path / "a.tar.gz", {"x": ""}),
            check_phase=":",
            build_phase="echo own-build >> /tmp/order",
            install_phase="mkdir $out",
            **{**settings, "after_fixup": "cp /tmp/order $out/order"},
        )
    )
    lines = (made["out"] / "order").read_text().split()
    assert lines == [
        line
        for phase in phases
        for line in (f"before-{phase}", *(["own-build"] if phase == "build" else []), f"after-{phase}")
        if line != "after-fixup"
    ]


@pytest.mark.sandbox
@pytest.mark.parametrize("ending", ["tar.gz", "tar.bz2", "tar.xz", "tar"])
def test_an_archive_is_unpacked_and_configured_with_the_flags(bench: Bench, tmp_path: Path, ending: str) -> None:
    configure = '#!/bin/sh\nfor word; do echo "[$word]"; done > words\n'
    src = archive(tmp_path / f"a.{ending}", {"configure": configure}, mode=f"w:{ending[4:]}")
    drv = bench.make(
        src=src,
        configure_flags=["A=b c", "--libdir=$out/lib"],
        build_phase=":",
        install_phase="mkdir $out; cp words $out",
    )
    out = bench.build(drv)["out"]
    words = (out / "words").read_text().splitlines()
    assert [word.replace(str(bench.store.path(drv)), "OUT") for word in words] == [
        "[--prefix=OUT]",
        "[A=b c]",
        "[--libdir=OUT/lib]",
    ]


@pytest.mark.sandbox
def test_a_directory_and_a_single_file_are_sources_too(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "file").write_text("in a tree")
    install = "mkdir $out; cp * $out/"
    tree = bench.make(src=hm.source(tmp_path / "tree"), source_root="sub", build_phase=":", install_phase=install)
    assert (bench.build(tree)["out"] / "file").read_text() == "in a tree"
    single = bench.make(src=hm.text("one.c", "alone"), build_phase=":", install_phase=install)
    assert (bench.build(single)["out"] / "one.c").read_text() == "alone"


@pytest.mark.sandbox
def test_patches_are_applied_and_one_that_does_not_fit_fails_the_build(bench: Bench, tmp_path: Path) -> None:
    src = archive(tmp_path / "a.tar.gz", {"x": "old\n"})
    fits = hm.text("fits.patch", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n")
    install = {"build_phase": ":", "install_phase": "mkdir $out; cp x $out/"}
    assert (bench.build(bench.make(src=src, patches=[fits], **install))["out"] / "x").read_text() == "new\n"
    other = hm.text("other.patch", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-else\n+new\n")
    with pytest.raises(hm.HermeticaError):
        bench.build(bench.make(src=src, patches=[other], **install))


@pytest.mark.sandbox
def test_a_phase_that_fails_fails_the_build(bench: Bench) -> None:
    with pytest.raises(hm.HermeticaError, match="status 3"):
        bench.build(bench.make(build_phase="exit 3", install_phase="mkdir $out"))
    with pytest.raises(hm.HermeticaError):
        bench.build(bench.make(build_phase="false; true", install_phase="mkdir $out"))


@pytest.mark.sandbox
def test_inputs_are_on_the_paths_of_programs_headers_and_libraries(bench: Bench) -> None:
    library = bench.make(
        name="library",
        outputs=("out", "dev"),
        build_phase=":",
        install_phase="""
            mkdir -p $out/lib $out/bin $dev/include
            echo 'echo ran' > $out/bin/tool
            chmod +x $out/bin/tool
        """,
    )
    user = bench.make(
        inputs=[f"{library:dev}", library],
        allow_dev_references=True,
        build_phase=":",
        install_phase='mkdir $out; { tool; echo "$C_INCLUDE_PATH"; echo "$LIBRARY_PATH"; } > $out/seen',
    )
    seen = (bench.build(user)["out"] / "seen").read_text().splitlines()
    paths = bench.store.path(library, "dev"), bench.store.path(library)
    assert seen == ["ran", f"{paths[0]}/include", f"{paths[1]}/lib"]


@pytest.mark.sandbox
def test_fixup_drops_la_files_normalises_gzip_and_rewrites_shebangs(bench: Bench) -> None:
    shell = bench.make(
        name="shell", build_phase=":", install_phase="mkdir -p $out/bin; cp /usr/bin/busybox $out/bin/sh"
    )
    install = """
mkdir -p $out/bin $out/lib $out/share
touch $out/lib/x.la
echo text > named; gzip -c named > $out/share/x.gz; gzip -c < named > $out/share/y.gz
printf '#!/bin/sh -e\\necho ran\\n' > $out/bin/plain
printf '#!/usr/bin/env sh\\necho ran\\n' > $out/bin/by-env
printf '#!/usr/bin/perl -w\\n1;\\n' > $out/bin/perl-script
printf '#!/bin/sh\\n' > $out/share/data
chmod 755 $out/bin/*
"""
    drv = bench.make(inputs=[shell], build_phase=":", install_phase=install)
    log = bench.log(drv)
    out = bench.build(drv)["out"]
    sh = f"{bench.store.path(shell)}/bin/sh"
    assert not list((out / "lib").iterdir())
    assert (out / "share/x.gz").read_bytes()[4:8] == bytes(4)
    assert gzip.decompress((out / "share/y.gz").read_bytes()) == b"text\n"
    assert (out / "bin/plain").read_text() == f"#!{sh} -e\necho ran\n"
    assert (out / "bin/by-env").read_text() == f"#!{sh}\necho ran\n"
    assert (out / "bin/perl-script").read_text() == "#!/usr/bin/perl -w\n1;\n"
    assert "perl-script starts with #!/usr/bin/perl -w, which no declared input has" in log
    assert (out / "share/data").read_text() == "#!/bin/sh\n"
    assert stat.S_IMODE((out / "bin/plain").stat().st_mode) & 0o111
    assert bench.store.path(shell) in bench.store.objects.references(bench.store.realize(drv)["out"])


@pytest.mark.sandbox
def test_a_path_in_pieces_is_refused_unless_it_is_allowed(bench: Bench) -> None:
    install = 'mkdir $out; echo "${out%????????????????????}|rest" > $out/file'
    with pytest.raises(hm.HermeticaError):
        bench.build(bench.make(name="p", build_phase=":", install_phase=install))
    allowed = bench.make(name="p", build_phase=":", install_phase=install, allow_cut_paths=True)
    assert (bench.build(allowed)["out"] / "file").read_text().endswith("|rest\n")


@pytest.mark.sandbox
def test_a_comment_in_a_phase_builds_again_and_spares_dependants(bench: Bench) -> None:
    def pair(comment: str) -> tuple[hm.Derivation, hm.Derivation]:
        low = bench.make(name="low", build_phase=f"# {comment}\n:", install_phase="mkdir $out; echo 1 > $out/x")
        return low, bench.make(name="high", inputs=[low], build_phase=":", install_phase=f"cp -r {low} $out")

    first = bench.store.realize_all(pair("one"))
    second = bench.store.realize_all(pair("two"))
    assert [str(each.outcome) for each in second.all] == ["built", "cached"]
    assert [each.outputs for each in second.all] == [each.outputs for each in first.all]
