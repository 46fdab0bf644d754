"""Settings: what the file and the variables say, which has the last word, and what bad ones get."""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.config import Config, ConfigError
from hermetica.config.load import unreadable
from hermetica.config.settings import SETTINGS, parse_environment, parse_file

FILE = "/etc/u/.config/hermetica/config.toml"


def home_with(tmp_path: Path, text: str) -> dict[str, str]:
    """An environment whose home has this file of settings."""
    file = tmp_path / ".config" / "hermetica" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    return {"HOME": str(tmp_path)}


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_file(text, FILE)
    return caught.value


def test_without_file_and_variables_there_are_the_defaults(tmp_path: Path) -> None:
    assert Config.load({"HOME": str(tmp_path)}, tmp_path) == Config()
    assert Config.load({}, tmp_path) == Config()
    assert Config().origin("jobs") == "default"


def test_the_file_is_read_and_says_where_each_setting_is_from(tmp_path: Path) -> None:
    environ = home_with(
        tmp_path,
        'store = "~/store"\njobs = 3\ntimeout_s = 1.5\nlog_limit_bytes = 0\nkeep_failed = true\n\n[mirrors]\n'
        'debian = ["https://one.example/debian/", "file:///srv/debian"]\nMy_Own = "http://two.example:8080/x"\n',
    )
    config = Config.load(environ, tmp_path)
    file = tmp_path / ".config" / "hermetica" / "config.toml"
    assert config == Config(
        store=tmp_path / "store",
        jobs=3,
        timeout_s=1.5,
        log_limit_bytes=None,
        keep_failed=True,
        mirrors=(
            ("debian", ("https://one.example/debian", "file:///srv/debian")),
            ("my-own", ("http://two.example:8080/x",)),
        ),
    )
    assert config.origin("timeout_s") == f"{file}:3"
    assert config.origin("mirrors.my-own") == f"{file}:9"
    assert config.mirror("MY_OWN") == ("http://two.example:8080/x",)
    assert config.mirror("absent") == ()


def test_variables_have_the_last_word(tmp_path: Path) -> None:
    environ = home_with(tmp_path, 'jobs = 3\ncores = 5\n[mirrors]\ndebian = ["https://one.example"]\n')
    environ |= {
        "HERMETICA_JOBS": "7",
        "HERMETICA_KEEP_FAILED": "yes",
        "HERMETICA_STORE": "relative",
        "HERMETICA_TIMEOUT_S": "0",
        "HERMETICA_MIRROR_DEBIAN": "http://a.example/ http://b.example",
        "HERMETICA_CORES": "",
        "HERMETICA_REQUIRE_SANDBOX": "1",
    }
    config = Config.load(environ, Path("/somewhere"))
    assert (config.jobs, config.cores, config.keep_failed, config.timeout_s) == (7, 5, True, None)
    assert config.store == Path("/somewhere/relative")
    assert config.mirror("debian") == ("http://a.example", "http://b.example")
    assert config.origin("jobs") == "HERMETICA_JOBS"


def test_the_file_is_found_where_the_specification_says(tmp_path: Path) -> None:
    environ = home_with(tmp_path, "jobs = 1")
    (tmp_path / "xdg" / "hermetica").mkdir(parents=True)
    (tmp_path / "xdg" / "hermetica" / "config.toml").write_text("jobs = 2")
    (tmp_path / "named.toml").write_text("jobs = 3")
    assert Config.load(environ, tmp_path).jobs == 1
    assert Config.load(environ | {"XDG_CONFIG_HOME": "relative"}, tmp_path).jobs == 1
    environ |= {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert Config.load(environ, tmp_path).jobs == 2
    assert Config.load(environ | {"HERMETICA_CONFIG": "named.toml"}, tmp_path).jobs == 3


def test_a_relative_store_in_a_file_is_relative_to_the_file() -> None:
    assert parse_file('store = "s"', FILE)["store"].value == "/etc/u/.config/hermetica/s"
    assert parse_file('store = "/s"', FILE)["store"].value == "/s"


def test_the_process_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HERMETICA_CONFIG", str(tmp_path / "c.toml"))
    (tmp_path / "c.toml").write_text("cores = 9")
    monkeypatch.delenv("HERMETICA_CORES", raising=False)
    assert Config.load().cores == 9


@pytest.mark.parametrize(
    ("text", "line", "said", "hint"),
    [
        ("joobs = 3", 1, "no setting 'joobs'", "jobs"),
        ("\n\nkeep-failed = true", 3, "no setting 'keep-failed'", "keep_failed"),
        ("[mirors]\na = 'x'", 1, "no setting 'mirors'", "mirrors"),
        ("zzzzzz = 1", 1, "no setting 'zzzzzz'", None),
        ("jobs = '3'", 1, "jobs cannot be '3'", None),
        ("jobs = 0", 1, "jobs cannot be 0", None),
        ("jobs = true", 1, "jobs cannot be True", None),
        ("jobs = 1.5", 1, "jobs cannot be 1.5", None),
        ("#\ntimeout_s = inf", 2, "timeout_s cannot be inf", None),
        ("timeout_s = -1", 1, "timeout_s cannot be -1", None),
        ("keep_failed = 1", 1, "keep_failed cannot be 1", None),
        ("store = ''", 1, "store cannot be ''", None),
        ('store = "a\\u0000b"', 1, "store cannot be", None),
        ("mirrors = 3", 1, "mirrors is a table", "[mirrors]"),
        ("jobs = 1\n[mirrors]\n\ndebian = 3", 4, "the mirror debian cannot be 3", "https"),
        ("[mirrors]\ndebian = []", 2, "the mirror debian cannot be []", "https"),
        ("[mirrors]\ndebian = ['ftp://x.example']", 2, "address that is none", None),
        ("mirrors.debian = 'https://'", 1, "address that is none", None),
        ("[mirrors]\n'a b' = ['http://x.example:port']", 2, "address that is none", None),
        ("jobs = 1\njobs = 2", 2, "no TOML", None),
        ("jobs =", 1, "no TOML", None),
    ],
)
def test_what_cannot_be_is_refused_with_file_line_and_what_is_close(
    text: str, line: int, said: str, hint: str | None
) -> None:
    error = refused(text)
    assert error.where == error.origin == f"{FILE}:{line}"
    assert said in error.message
    assert (hint is None) == (error.hint is None) or hint is None
    assert hint is None or hint in str(error.hint)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HERMETICA_JOBS", "many"),
        ("HERMETICA_JOBS", "0"),
        ("HERMETICA_TIMEOUT_S", "soon"),
        ("HERMETICA_TIMEOUT_S", "nan"),
        ("HERMETICA_KEEP_GOING", "perhaps"),
        ("HERMETICA_MIRROR_DEBIAN", "debian.example"),
    ],
)
def test_a_variable_that_cannot_be_is_named(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable) as caught:
        parse_environment({variable: value}, PurePosixPath("/"))
    assert caught.value.code == "HM420"


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"store = '\xff'")
    for name, said in (("absent.toml", "no such file"), ("latin.toml", "not UTF-8"), ("d", "directory")):
        (tmp_path / "d").mkdir(exist_ok=True)
        with pytest.raises(ConfigError, match=said):
            Config.load({"HERMETICA_CONFIG": name}, tmp_path)
    with pytest.raises(ConfigError, match="no HOME"):
        Config.load({"HERMETICA_STORE": "~/x"}, tmp_path)


@given(st.integers(1, 10**6), st.booleans(), st.floats(0.001, 10**6))
def test_a_setting_is_the_same_in_the_file_and_in_a_variable(jobs: int, keep: bool, timeout: float) -> None:  # noqa: FBT001 -- drawn
    values = {"jobs": jobs, "keep_failed": keep, "timeout_s": timeout}
    file = parse_file("\n".join(f"{key} = {str(value).lower()}" for key, value in values.items()), FILE)
    variables = {f"HERMETICA_{key.upper()}": str(value) for key, value in values.items()}
    environment = parse_environment(variables, PurePosixPath("/"))
    assert {key: found.value for key, found in file.items()} == {key: found.value for key, found in environment.items()}


def test_every_setting_is_a_field_of_the_configuration() -> None:
    fields = {name for name in Config.__slots__ if not name.startswith("_")}  # type: ignore[attr-defined]  # of attrs
    assert set(SETTINGS) | {"mirrors", "origins"} == fields


def test_the_configuration_compares_without_where_it_is_from() -> None:
    assert Config.of(parse_file("jobs = 1", "/a")) == Config.of(parse_file("jobs = 1", "/b"))
    assert os.fspath(Config(store=Path("/s")).store or "") == "/s"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.EMFILE, "TooManyOpenFiles"),
        (errno.ENOMEM, "OutOfMemory"),
        (errno.EIO, "DiskFailed"),
        (errno.EACCES, "ConfigError"),
    ],
)
def test_a_file_that_cannot_be_read_says_whose_fault_it_is(code: int, kind: str) -> None:
    error = unreadable(Path("config.toml"), OSError(code, os.strerror(code)))
    assert type(error).__name__ == kind
    assert "config.toml" in error.message
    assert error.hint
