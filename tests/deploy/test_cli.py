"""`caas stack` reports the state of the servers by its output and exit status, for people and scripts."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from deploy.local import cli, process, record
from deploy.local.server import Layout


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers(required=True))
    return parser.parse_args(["stack", *words])


def run(*words: str) -> int:
    return cli.run(parse(*words))


def recorded(directory: Path, brokers: int = 3, roles: tuple[str, ...] = ("kafka",)) -> None:
    record.write(directory, record.Record(brokers, roles, "memory", 0, "c"))


def test_env_prints_what_a_shell_can_eval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("env", "--dir", str(tmp_path)) == 0
    lines = capsys.readouterr().out
    shell = subprocess.run(["sh", "-c", f"{lines}\nenv"], capture_output=True, text=True, check=True)
    assert "CAAS_MONGO_URL=mongodb://127.0.0.1:27017/caas" in shell.stdout.splitlines()


def test_env_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("env", "--json", "--dir", str(tmp_path)) == 0
    assert json.loads(capsys.readouterr().out)["CAAS_ADAPTERS"] == "stack"


def test_status_exits_with_3_when_a_server_is_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--dir", str(tmp_path), "--only", "redis", "--json") == 3
    printed = json.loads(capsys.readouterr().out)
    assert printed["all_up"] is False
    assert {server["state"] for server in printed["servers"]} == {"down"}
    assert len(printed["servers"]) == 5


def test_status_names_a_server_that_ran_out_of_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "logs" / "mongo.log"
    log.parent.mkdir()
    log.write_text("listening\nTerminating due to java.lang.OutOfMemoryError: Java heap space\n")
    assert run("status", "--dir", str(tmp_path), "--only", "mongo") == 3
    assert "it ran out of memory" in capsys.readouterr().out
    log.write_text(log.read_text() + "listening again\nnothing wrong\nended\n")
    assert run("status", "--dir", str(tmp_path), "--only", "mongo") == 3
    assert "memory" not in capsys.readouterr().out.partition("MiB")[2]


def test_a_failure_exits_with_1_and_prints_its_reason_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(tmp_path, brokers=1)
    assert run("up", "--dir", str(tmp_path), "--brokers", "3") == 1
    assert "caas stack up: " in capsys.readouterr().err


def test_missing_options_are_taken_from_the_directory(tmp_path: Path) -> None:
    recorded(tmp_path)
    stack = cli.stack_of(parse("status", "--dir", str(tmp_path)))
    assert (stack.brokers, stack.only) == (3, frozenset({"kafka"}))
    assert cli.stack_of(parse("up", "--dir", str(tmp_path))).only is None


def test_the_directory_comes_from_the_setting_or_the_working_directory() -> None:
    assert cli.stack_of(parse("env"), {"CAAS_STACK_DIR": "/elsewhere"}).directory == Path("/elsewhere")
    assert cli.stack_of(parse("env"), {}).directory == Path.cwd() / ".caas" / "stack"


def test_clean_and_down_without_servers_succeed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("down", "--dir", str(tmp_path)) == run("clean", "--dir", str(tmp_path)) == 0
    assert capsys.readouterr().out.count("nothing was running") == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("backend", "gone"), [("memory", True), ("h2", False)])
def test_down_warns_of_the_data_lost_with_a_mongodb_in_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], backend: Literal["memory", "h2"], gone: bool
) -> None:
    record.write(tmp_path, record.Record(1, ("mongo",), backend, 0, "c"))
    layout = Layout(tmp_path)
    process.launch(("sleep", "60"), layout.log("mongo"), layout.pid("mongo"))
    assert run("down", "--dir", str(tmp_path)) == 0
    printed = capsys.readouterr()
    assert printed.out == "stopped: mongo\n"
    assert ("the read models are gone" in printed.err) == gone


@pytest.mark.parametrize("words", [("--brokers", "2"), ("--only", "kafka,s3"), ("--only", "")])
def test_a_wrong_option_exits_with_2(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("up", *words)
    assert ended.value.code == 2


@pytest.mark.parametrize("action", [(), *((name,) for name in cli.ACTIONS)])
def test_every_help_has_an_example(action: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(*action, "--help")
    assert "example:" in capsys.readouterr().out


def test_the_module_runs_without_the_rest_of_caas(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "deploy.local", "stack", "status", "--dir", str(tmp_path)]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 3
