"""Kafka's jars: the folder given, then the cache, then Maven offline, then Maven online."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.kafka.errors import KafkaUnavailable
from deploy.kafka.jars import cache_folder, find_jars, find_java

JARS = ("kafka_2.13-4.1.0.jar", "kafka-clients-4.1.0.jar")


def _fill(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for jar in JARS:
        (folder / jar).touch()
    return folder


def _program(folder: Path, name: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).touch(mode=0o755)
    return str(folder)


class FakeMaven:
    """Copies the jars where `online` says that the mode it was called in succeeds."""

    def __init__(self, *, offline_works: bool, online_works: bool) -> None:
        self.works = {True: offline_works, False: online_works}
        self.offline: list[bool] = []

    def __call__(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        offline = "-o" in argv
        self.offline.append(offline)
        if self.works[offline]:
            _fill(Path(argv[-1].removeprefix("-DoutputDirectory=")))
            return subprocess.CompletedProcess(argv, 0, "", "")
        return subprocess.CompletedProcess(argv, 1, "", "[ERROR] it said no")


def _never(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    raise AssertionError(f"ran {argv}")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": _program(tmp_path / "bin", "mvn")}


def test_the_folder_given_comes_first(env: dict[str, str], tmp_path: Path) -> None:
    """LAM_KAFKA_LIBS wins over a filled cache."""
    _fill(cache_folder(env))
    given = _fill(tmp_path / "given")
    assert find_jars({**env, "LAM_KAFKA_LIBS": str(given)}, _never) == given


def test_a_wrong_folder_given_is_named(env: dict[str, str], tmp_path: Path) -> None:
    """A setting that is wrong is not passed over in silence."""
    with pytest.raises(KafkaUnavailable, match="LAM_KAFKA_LIBS"):
        find_jars({**env, "LAM_KAFKA_LIBS": str(tmp_path)}, _never)


def test_the_cache_comes_before_maven(env: dict[str, str]) -> None:
    cached = _fill(cache_folder(env))
    assert find_jars(env, _never) == cached


def test_maven_is_asked_offline_first(env: dict[str, str]) -> None:
    """What Maven has already is taken without the network, and cached."""
    maven = FakeMaven(offline_works=True, online_works=False)
    assert find_jars(env, maven) == cache_folder(env)
    assert maven.offline == [True]
    assert find_jars(env, _never) == cache_folder(env)


def test_maven_goes_online_last(env: dict[str, str]) -> None:
    maven = FakeMaven(offline_works=False, online_works=True)
    assert find_jars(env, maven) == cache_folder(env)
    assert maven.offline == [True, False]


def test_an_error_says_what_was_tried_and_what_to_do(env: dict[str, str]) -> None:
    with pytest.raises(KafkaUnavailable, match=r"it said no.*it said no.*Install Maven.*LAM_KAFKA"):
        find_jars(env, FakeMaven(offline_works=False, online_works=False))
    assert not cache_folder(env).exists()


def test_no_maven_is_named(env: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(KafkaUnavailable, match="no mvn on PATH"):
        find_jars({**env, "PATH": str(tmp_path)}, _never)


def test_an_old_java_is_refused(tmp_path: Path) -> None:
    """Kafka 4 needs Java 17; 11 is named with what is needed."""

    def java_11(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(argv, 0, "", 'openjdk version "11.0.2" 2019-01-15')

    with pytest.raises(KafkaUnavailable, match=r"Java 11;.*needs 17"):
        find_java({"PATH": _program(tmp_path / "bin", "java")}, java_11)


def test_no_java_is_named(tmp_path: Path) -> None:
    with pytest.raises(KafkaUnavailable, match="install Java 17"):
        find_java({"PATH": str(tmp_path)}, _never)
