"""A server is started only on a free port, is up only when it answers, and a failure is reported with its reason."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import install, process, start
from deploy.local.server import HOST, Command, Layout, Probe, RedisCommand, Server, StackError
from deploy.local.stack import no_report


def listener() -> socket.socket:
    listening = socket.socket()
    listening.bind((HOST, 0))
    listening.listen(1)
    return listening


def server(probe: Probe, *, port: int = 1, start_timeout_s: float = 5.0, prepare: Command | None = None) -> Server:
    return Server(
        "toy",
        "redis",
        (port,),
        RedisCommand(()),
        probe,
        prepare=prepare,
        prepared=Path("/nowhere"),
        start_timeout_s=start_timeout_s,
    )


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets commands be shell scripts: RedisCommand(("echo hello",)) and the given one for the empty command."""

    def use(script: str) -> None:
        def argv(command: RedisCommand, _log: Path, _report: install.Report) -> tuple[str, ...]:
            return ("sh", "-c", command.arguments[0] if command.arguments else script)

        monkeypatch.setattr(install, "argv", argv)

    return use


def run(one: Server, directory: Path, report: install.Report = no_report, *, together: bool = False) -> None:
    layout = Layout(directory)
    try:
        start.await_all(start.launch_all((one,), layout, report), report, together)
    finally:
        running = process.find(layout.pid("toy"))
        if running is not None:
            process.send(running, signal.SIGKILL)
            assert process.exited_within(running, 5)


def test_a_port_with_a_listener_is_taken_and_a_free_one_is_not() -> None:
    with listener() as listening:
        port = listening.getsockname()[1]
        assert start.port_taken(port)
    assert not start.port_taken(port)


def test_every_taken_port_is_named_before_anything_starts() -> None:
    with listener() as listening:
        port = listening.getsockname()[1]
        with pytest.raises(StackError, match=rf"nothing was started:\n  port {port} for toy"):
            start.refuse_taken_ports([server(lambda: None, port=port)])


def test_a_server_is_up_once_it_has_answered(tmp_path: Path, shell: Callable[..., None]) -> None:
    shell("exec sleep 60")
    answers = iter(["not yet", "not yet", None])
    reported: list[str] = []
    run(server(lambda: next(answers)), tmp_path, reported.append)
    assert [line.split(" (")[0] for line in reported] == ["toy is up on 127.0.0.1:1"]


def test_a_server_that_ends_is_reported_with_the_tail_of_its_log(tmp_path: Path, shell: Callable[..., None]) -> None:
    log = Layout(tmp_path).log("toy")
    log.parent.mkdir()
    log.write_text("a line of an earlier start\n")
    shell("echo cannot open the database; exit 1")
    with pytest.raises(StackError) as failed:
        run(server(lambda: "connection refused"), tmp_path)
    text = str(failed.value)
    assert text.startswith("toy did not start: it ended after")
    assert f"log: {log}" in text
    assert "  | cannot open the database" in text
    assert "earlier" not in text


def test_a_server_that_does_not_answer_in_time_is_reported_with_the_probes_reason(
    tmp_path: Path, shell: Callable[..., None]
) -> None:
    shell("exec sleep 60")
    with pytest.raises(StackError, match=r"no answer within 0 s \(connection refused\)"):
        run(server(lambda: "connection refused", start_timeout_s=0.1), tmp_path)


def test_a_preparation_that_fails_stops_the_start(tmp_path: Path, shell: Callable[..., None]) -> None:
    shell("exec sleep 60")
    with pytest.raises(StackError, match="its preparation ended with exit status 7"):
        run(server(lambda: None, prepare=RedisCommand(("echo no; exit 7",))), tmp_path)


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {n}\n" for n in range(5000)))
    lines = start.tail(log).splitlines()
    assert len(lines) == start.TAIL_LINES
    assert lines[-1] == "  | line 4999"
    assert start.tail(tmp_path / "none.log") == "  | (no log)"
