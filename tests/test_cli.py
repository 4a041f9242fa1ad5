"""The command `yuruyuru` itself: help, mistakes, signs of life, and processes as a person starts and stops them."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import pytest

from engine import heartbeat
from engine.cli import cli
from engine.routes import WORKERS
from tests.terminal import ROOT, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.commands.office import Office


def all_commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from all_commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(all_commands(cli))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    ran = Terminal().run(*name.split(), "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: yuruyuru {name} ")
    assert COMMANDS[name].help


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([], id="no command"),
        pytest.param(["vendors"], id="a noun without a verb"),
    ],
)
def test_half_a_command_is_answered_with_help(words: list[str]) -> None:
    ran = Terminal().run(*words)
    assert ran.code == 2
    assert "Usage: yuruyuru" in ran.err
    assert "vendors" in ran.err


def test_the_version_is_told() -> None:
    ran = Terminal().run("--version")
    assert ran.code == 0
    assert "0.1.0" in ran.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["vendor"], "No such command 'vendor'", id="a misspelt noun"),
        pytest.param(["vendors", "lst"], "No such command 'lst'", id="a misspelt verb"),
        pytest.param(
            ["vendors", "list", "--jsn"], "No such option '--jsn'. Did you mean '--json'; see", id="a misspelt option"
        ),
        pytest.param(["worker", "nobody"], "'nobody' is not one of 'nudge', 'score'", id="an unknown worker"),
        pytest.param(["worker"], "Choose from: nudge, score, referral,", id="no worker named"),
        pytest.param(["simulator", "--port", "65536"], "65536 is not in the range", id="a port too high"),
        pytest.param(["members", "show", "\udcff"], "an argument is not text in UTF-8", id="bytes that are no text"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_way_on(words: list[str], sentence: str) -> None:
    refusal = Terminal().run(*words).refusal
    assert sentence in refusal
    assert refusal.endswith((" --help", "type it again"))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        pytest.param("LOG_LEVEL", "loud", "LOG_LEVEL: Input should be 'debug'", id="an unknown log level"),
        pytest.param("PORT", "http", "PORT: Input should be a valid integer", id="a port that is no number"),
        pytest.param("YURUYURU_CONFIG", "none.toml", "none.toml: cannot be read", id="a file that is missing"),
        pytest.param("REDIS_URL", "redis://:geheim@h:x", "REDIS_URL: cannot be read", id="an unreadable address"),
    ],
)
def test_a_wrong_setting_is_one_sentence(name: str, value: str, sentence: str) -> None:
    refusal = Terminal({name: value}).run("vendors", "list").refusal
    assert refusal.startswith(sentence)
    assert "geheim" not in refusal


@pytest.mark.parametrize("words", [["ingress"], ["worker", "score"]], ids=["ingress", "worker"])
def test_a_process_beside_others_needs_a_database_that_others_reach(words: list[str]) -> None:
    refusal = Terminal().run(*words).refusal
    assert refusal == "REDIS_URL is not set; the embedded database belongs to: yuruyuru run"


def test_a_child_of_run_ends_so_that_it_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YURUYURU_SUPERVISED", "1")
    assert Terminal().run("worker", "score").code == 2


class TestWorkerHealth:
    def test_a_worker_that_gave_a_sign_is_alive(self, terminal: Terminal) -> None:
        async def beat(office: Office) -> None:
            await heartbeat.beat(office.db, "score", heartbeat.Beat(at=office.clock.now()))

        terminal.does(beat)
        ran = terminal.run("worker", "score", "--health")
        assert (ran.code, ran.out) == (0, "alive\n")

    @pytest.mark.parametrize("name", WORKERS)
    def test_a_worker_that_gave_none_is_not(self, terminal: Terminal, name: str) -> None:
        refusal = terminal.run("worker", name, "--health").refusal
        assert refusal == f"worker {name} gave no sign of life on this host for 30 s"

    def test_a_sign_of_long_ago_is_none(self, terminal: Terminal) -> None:
        async def beat(office: Office) -> None:
            await heartbeat.beat(office.db, "score", heartbeat.Beat(at=office.clock.now() - 31))

        terminal.does(beat)
        assert terminal.run("worker", "score", "--health").code == 1

    def test_a_sign_on_another_host_does_not_count(self, terminal: Terminal) -> None:
        async def beat(office: Office) -> None:
            sign = heartbeat.Beat(at=office.clock.now()).model_dump_json()
            await office.db.redis.hset(office.db.keys("beats"), "score@elsewhere:1", sign)  # type: ignore[misc]

        terminal.does(beat)
        assert terminal.run("worker", "score", "--health").code == 1


class Answer(http.server.BaseHTTPRequestHandler):
    """Well at `/healthz`, lost elsewhere."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


class Broken(Answer):
    """In trouble."""

    def do_GET(self) -> None:
        self.send_error(503)


class Server6(http.server.HTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def serving(handler: type[Answer], host: str = "127.0.0.1") -> Iterator[int]:
    with (Server6 if ":" in host else http.server.HTTPServer)((host, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


class TestIngressHealth:
    @pytest.mark.parametrize(
        ("listens", "host"),
        [
            pytest.param("127.0.0.1", "127.0.0.1", id="on the loopback"),
            pytest.param("127.0.0.1", "0.0.0.0", id="on every address"),
            pytest.param("::1", "::1", id="on an address of the new kind"),
        ],
    )
    def test_an_ingress_that_answers_is_alive(self, terminal: Terminal, listens: str, host: str) -> None:
        with serving(Answer, listens) as port:
            ran = terminal.having(HOST=host, PORT=str(port)).run("ingress", "--health")
        assert (ran.code, ran.out) == (0, "ok\n")

    def test_a_proxy_is_not_asked(self, terminal: Terminal) -> None:
        with serving(Answer) as port:
            proxied = terminal.having(PORT=str(port), http_proxy="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1")
            assert proxied.run("ingress", "--health").code == 0

    def test_an_ingress_in_trouble_is_not_alive(self, terminal: Terminal) -> None:
        with serving(Broken) as port:
            refusal = terminal.having(PORT=str(port)).run("ingress", "--health").refusal
        assert refusal == f"the ingress does not answer on 127.0.0.1:{port}"

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "no such host"])
    def test_nobody_there_is_not_alive(self, terminal: Terminal, host: str) -> None:
        refusal = terminal.having(HOST=host, PORT="1").run("ingress", "--health").refusal
        assert refusal.startswith("the ingress does not answer on ")


@pytest.mark.e2e
class TestProcesses:
    def test_a_refusal_is_one_sentence_on_stderr(self, terminal: Terminal) -> None:
        assert terminal.process("members", "show", "5").refusal == "no member 5; see: yuruyuru members list"

    def test_json_is_alone_on_stdout(self, terminal: Terminal) -> None:
        assert terminal.process("vendors", "list", "--json").json == []

    def test_a_reader_that_leaves_early_causes_no_traceback(self, tmp_path: Path) -> None:
        file = tmp_path / "many.jsonl"
        file.write_text("".join(f'{{"id": {number}, "text": "なぜですか？"}}\n' for number in range(5000)))
        with Terminal().starts("questions", "judge", str(file)) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert json.loads(process.stdout.readline())["id"] == 0
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(30) == 1

    def test_control_c_stops_it_with_one_word(self) -> None:
        read, write = os.pipe()
        with subprocess.Popen(
            [sys.executable, "-m", "engine", "questions", "judge", "-"],
            stdin=read,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        ) as process:
            assert process.stdout is not None
            os.write(write, b'{"id": 1, "text": "a"}\n')
            assert process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        os.close(read)
        os.close(write)
        assert (process.returncode, err.decode().split()) == (1, ["yuruyuru:", "stopped"])

    def test_the_simulator_says_where_it_is_and_ends_when_told(self) -> None:
        with Terminal().starts("simulator") as process:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert list(ready) == ["url", "accounts", "rooms"]
            process.terminate()
            assert process.communicate(timeout=30) == (b"", b"")
            assert process.returncode == 0

    def test_a_simulator_on_a_used_port_says_what_to_do(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            refusal = Terminal().process("simulator", "--port", str(port)).refusal
        assert refusal.startswith(f"port {port} cannot be used: ")
        assert refusal.endswith("; choose another with --port")
