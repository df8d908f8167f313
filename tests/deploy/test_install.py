"""The cache holds complete folders of pinned packages, despite interrupted and concurrent installs."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from deploy.local import install, java, kafka, maven, mongo, redis_install, search
from deploy.local.server import HOST, Layout, Package, RedisCommand, StackError
from deploy.local.stack import no_report


def test_a_folder_is_filled_once(tmp_path: Path) -> None:
    fills: list[Path] = []

    def fill(folder: Path) -> None:
        fills.append(folder)
        (folder / "file").write_text("x")

    target = tmp_path / "servers" / "thing"
    assert install.installed(target, fill) == install.installed(target, fill) == target
    assert len(fills) == 1
    assert (target / "file").read_text() == "x"


def test_an_interrupted_install_leaves_no_target(tmp_path: Path) -> None:
    target = tmp_path / "thing"

    def interrupted(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install.installed(target, interrupted)
    assert not target.exists()
    install.installed(target, lambda folder: (folder / "whole").touch())
    assert [found.name for found in target.iterdir()] == ["whole"]
    assert not list(tmp_path.glob(".new-*"))


def test_concurrent_installs_fill_it_once(tmp_path: Path) -> None:
    fills: list[Path] = []
    threads = [threading.Thread(target=install.installed, args=(tmp_path / "thing", fills.append)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fills) == 1


def test_the_cache_is_where_the_setting_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAAS_CACHE", str(tmp_path))
    assert install.cache() == tmp_path
    monkeypatch.delenv("CAAS_CACHE")
    assert install.cache() == Path.home() / ".cache" / "caas"


@pytest.mark.parametrize("package", [kafka.PACKAGE, mongo.PACKAGE, search.PACKAGE])
def test_every_artifact_is_pinned_to_an_exact_version(package: Package) -> None:
    text = maven.pom(package)
    for artifact in package.artifacts:
        group, name, version = artifact.split(":")
        assert version[0].isdigit()
        assert f"<groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>" in text


def test_the_fingerprint_covers_our_own_class() -> None:
    assert "class MongoServerMain" in maven.source(mongo.PACKAGE)
    bare = Package(mongo.PACKAGE.name, mongo.PACKAGE.artifacts, mongo.PACKAGE.java)
    assert maven.fingerprint(bare) != maven.fingerprint(mongo.PACKAGE)


def jdk(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    for program in ("java", "javac"):
        (folder / "bin" / program).touch(mode=0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


def test_java_home_is_used_if_new_enough_else_the_newest_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = jdk(tmp_path / "jvm" / "a", "17.0.15"), jdk(tmp_path / "jvm" / "b", "25.0.3")
    (tmp_path / "jvm" / "empty").mkdir()
    monkeypatch.setattr(java, "INSTALLED", tmp_path / "jvm")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert java.java_home(17) == new
    monkeypatch.setenv("JAVA_HOME", str(old))
    assert java.java_home(17) == old
    assert java.java_home(21) == new
    with pytest.raises(StackError, match=r"a JDK 30 or newer is needed \(found: .*17.*25"):
        java.java_home(30)


def test_an_install_without_root_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_install, "BINARY", tmp_path / "none")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(StackError, match="apt-get install redis-server"):
        redis_install.fill(tmp_path)


def test_a_missing_maven_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match="apt-get install maven"):
        maven.fill(kafka.PACKAGE, tmp_path, tmp_path)


def test_redis_from_the_path_runs_with_its_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "redis-server").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    words = install.argv(RedisCommand(("--port", "1")), tmp_path / "x.log", no_report)
    assert words == (str(tmp_path / "redis-server"), "--port", "1")


def test_mongo_keeps_its_data_in_memory_or_in_a_file(tmp_path: Path) -> None:
    (memory,), (h2,) = mongo.servers(Layout(tmp_path)), mongo.servers(Layout(tmp_path), "h2")
    assert memory.command.arguments == (HOST, "27017", "memory")
    assert h2.command.arguments[2] == str(tmp_path / "data" / "mongo" / "mongo.mv")
