"""The embedded database: one holder of a directory, durable, private, and gone when its starter is."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from redis import Redis

from engine.embedded import SOCKET_PATH_LIMIT, DataDir, EmbeddedValkey, answers, socket_path
from engine.errors import Refused
from tests.terminal import ROOT

LONG = "x" * SOCKET_PATH_LIMIT


def client(server: EmbeddedValkey) -> Redis:
    return Redis.from_url(server.url, decode_responses=True)


class TestDataDir:
    def test_it_is_made_for_its_owner_alone(self, tmp_path: Path) -> None:
        held = DataDir(tmp_path / "a" / "b")
        assert stat.S_IMODE(held.path.stat().st_mode) == 0o700
        assert (held.path / "lock").read_text() == f"{os.getpid()}\n"
        held.release()

    def test_a_second_holder_is_told_who_the_first_is(self, tmp_path: Path) -> None:
        held = DataDir(tmp_path)
        with pytest.raises(Refused, match=f"process {os.getpid()} holds the data directory .*; stop it first"):
            DataDir(tmp_path)
        held.release()

    def test_a_holder_that_did_not_sign_is_unknown(self, tmp_path: Path) -> None:
        with (tmp_path / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(Refused, match="process unknown holds"):
                DataDir(tmp_path)

    def test_what_was_released_can_be_held_again(self, tmp_path: Path) -> None:
        (tmp_path / "lock").write_text("a long number of an old process")
        DataDir(tmp_path).release()
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
        DataDir(tmp_path).release()

    @pytest.mark.parametrize("inside", ["file", "file/data"])
    def test_a_file_is_no_directory(self, tmp_path: Path, inside: str) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(Refused, match=f"^DATA_DIR .*{inside}: cannot be used: "):
            DataDir(tmp_path / inside)


class TestSocketPath:
    def test_it_lies_in_the_directory(self) -> None:
        assert socket_path(Path("/data")) == Path("/data/valkey.sock")

    def test_a_long_one_moves_to_the_temporary_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        first, second = socket_path(tmp_path / LONG / "a"), socket_path(tmp_path / LONG / "b")
        assert first.parent == second.parent == tmp_path / f"yuruyuru-{os.getuid()}"
        assert first != second
        assert first == socket_path(tmp_path / LONG / "a")
        assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700

    def test_a_temporary_folder_of_somebody_else_is_not_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They could put a database of their own there."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        monkeypatch.setattr(os, "getuid", lambda: 4711)
        with pytest.raises(Refused, match="yuruyuru-4711 belongs to somebody else; choose a shorter DATA_DIR"):
            socket_path(tmp_path / LONG)

    def test_a_temporary_folder_that_is_a_file_is_not_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        (tmp_path / f"yuruyuru-{os.getuid()}").touch()
        with pytest.raises(Refused, match=r"cannot be used: .*; choose a shorter DATA_DIR"):
            socket_path(tmp_path / LONG)


class TestServer:
    def test_it_is_private_and_durable(self, tmp_path: Path) -> None:
        with EmbeddedValkey(tmp_path) as server, client(server) as redis:
            assert redis.config_get("port") == {"port": "0"}
            assert stat.S_IMODE(socket_path(tmp_path).stat().st_mode) == 0o600
            redis.set("a", "1")
        assert server.pid is None
        assert not answers(socket_path(tmp_path))
        with EmbeddedValkey(tmp_path) as server, client(server) as redis:
            assert redis.get("a") == "1"

    def test_it_runs_where_the_path_is_too_long_for_a_socket(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with EmbeddedValkey(tmp_path / LONG) as server, client(server) as redis:
            assert redis.ping()

    def test_one_that_outlived_its_starter_is_ended_first(self, tmp_path: Path) -> None:
        old = EmbeddedValkey(tmp_path).__enter__()
        with client(old) as redis:
            redis.set("a", "1")
        with EmbeddedValkey(tmp_path) as new, client(new) as redis:
            assert redis.get("a") == "1"
            assert old.pid is None
        old.stop()

    def test_one_that_hangs_is_killed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("engine.embedded.STOP_SECONDS", 0.05)
        server = EmbeddedValkey(tmp_path).__enter__()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGSTOP)
        server.stop()
        assert not answers(socket_path(tmp_path))
        server.stop()

    def test_one_that_does_not_start_points_to_its_log(self, tmp_path: Path) -> None:
        (tmp_path / "valkey").mkdir()
        (tmp_path / "valkey" / "appendonlydir").touch()
        with pytest.raises(Refused, match=r"the embedded database did not start; see .*/valkey\.log"):
            EmbeddedValkey(tmp_path).__enter__()
        assert (tmp_path / "valkey" / "valkey.log").exists()

    def test_one_that_is_never_ready_is_stopped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("engine.embedded.START_SECONDS", 0)
        server = EmbeddedValkey(tmp_path)
        with pytest.raises(Refused, match="the embedded database was not ready in 0 s; see "):
            server.__enter__()
        assert server.pid is None


DYING_STARTER = """
import os, signal, sys
from pathlib import Path
from engine.embedded import EmbeddedValkey
server = EmbeddedValkey(Path(sys.argv[1])).__enter__()
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_it_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DYING_STARTER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as starter:
        assert starter.stdout is not None
        watched = os.pidfd_open(int(starter.stdout.readline()))
        starter.kill()
    ended, _, _ = select.select([watched], [], [], 10)
    os.close(watched)
    assert ended
    assert not answers(socket_path(tmp_path))
