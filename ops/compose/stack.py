"""The stack of docker-compose.yml under a name of its own, in podman; and what it needs on a machine that has nothing.

The file is used as it is. What differs is what differs between any two hosts: the variables that it asks for. Project,
image, volumes and ports are this run's alone, so that an installation on the same machine is never touched.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from engine.chatwork.simulator.sample.people import ENGINE_TOKEN
from engine.chatwork.simulator.sample.rooms import COMMUNITY_FILE, WEBHOOK_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
BASES = ("docker.io/library/python:3.13-slim", "docker.io/valkey/valkey:9.1")
STAND_IN = Path(os.environ.get("STAND_IN_IMAGES") or ROOT.parent / "shared" / "containers" / "stand-in-images")
UID = 10001
HTTP_SECONDS = 15
SECRETS = {
    "chatwork_api_token": ENGINE_TOKEN,
    "chatwork_webhook_tokens": WEBHOOK_TOKENS,
    "admin_token": secrets.token_hex(24),
}
DOUBLE = "import asyncio, sys; from engine.chatwork.simulator.server import serve; \
asyncio.run(serve(sys.argv[1], int(sys.argv[2]), engine_url=sys.argv[3]))"

KINDS = {
    "container": ("ps -a --format {{.Names}}", "rm -f -t 5"),
    "volume": ("volume ls --format {{.Name}}", "volume rm -f"),
    "network": ("network ls --format {{.Name}}", "network rm -f"),
    "image": ("images -a --format {{.Repository}}:{{.Tag}}", "rmi -f"),
}
"""How podman lists and removes each kind of thing, in the order in which they can go."""


class Missing(Exception):
    """This machine lacks something that we cannot give it; the text says what."""


def run(*command: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it says. Raises `CalledProcessError` if it fails and `check` is set."""
    return subprocess.run(command, check=check, capture_output=True, text=True, cwd=ROOT, **options)


def succeeds(*command: str) -> bool:
    """True if a command ends with 0."""
    return run(*command, check=False).returncode == 0


def prepare() -> None:
    """See to podman, the two base images and the init that `init: true` asks for. Raises `Missing`."""
    if os.geteuid() != 0:
        raise Missing("the containers are started by root here: networks, cgroups and owners of secrets need it")
    if shutil.which("podman") is None or not all(succeeds("podman", "image", "exists", base) for base in BASES):
        _get_images()
    if shutil.which("catatonit") is None and not Path("/usr/libexec/podman/catatonit").exists():
        install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "catatonit")
        if shutil.which("apt-get") is None or not succeeds(*install):
            raise Missing("podman's init is not installed; try: apt-get install catatonit")


def _get_images() -> None:
    """Make stand-ins where the script for them is at hand, else ask the registry."""
    if STAND_IN.exists():
        made = subprocess.run([STAND_IN], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if made.returncode:
            raise Missing(f"{STAND_IN} failed: {made.stderr.strip()[-300:]}")
    elif shutil.which("podman") is None:
        raise Missing("podman is not installed; install it, or name a script that does in STAND_IN_IMAGES")
    for base in BASES:
        if not succeeds("podman", "image", "exists", base) and not succeeds("podman", "pull", "-q", base):
            raise Missing(
                f"the image {base} is neither here nor to be had; name a script that makes it in STAND_IN_IMAGES"
            )


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Stack:
    """One project of podman-compose: its containers by the names of their services, and the double of Chatwork."""

    def __init__(self) -> None:
        self.name = f"yuruyuru-test-{secrets.token_hex(3)}"
        self.image = f"yuruyuru:{self.name}"
        self.engine = f"http://127.0.0.1:{free_port()}"
        self.double = ""
        self._folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self._folder.chmod(0o755)
        self._process: subprocess.Popen[str] | None = None

    def build(self) -> None:
        """Build the image. The network is the host's because pip may be served there; no layers, so none are left."""
        command = ("podman", "build", "--quiet", "--layers=false", "--network", "host", "-f", "ops/Dockerfile")
        run(*command, "-t", self.image, ".")

    def settle(self) -> None:
        """Write what an operator would: `.env`, secrets, rooms. The network is made first, to learn its address."""
        folder = self._folder / "secrets"
        folder.mkdir()
        for name, value in SECRETS.items():
            (folder / name).write_text(value)
            (folder / name).chmod(0o400)
            os.chown(folder / name, UID, UID)
        outside = f"{self.name}_outside"
        run("podman", "network", "create", "--label", f"com.docker.compose.project={self.name}", outside)
        (network,) = json.loads(run("podman", "network", "inspect", outside).stdout)
        self.double = f"http://{network['subnets'][0]['gateway']}:{free_port()}"
        settings = {
            "YURUYURU_VERSION": self.name,
            "YURUYURU_CONFIG": shutil.copy(COMMUNITY_FILE, self._folder),
            "CHATWORK_API_URL": f"{self.double}/v2",
            "SECRETS_DIR": str(folder),
            "PORT": self.engine.rpartition(":")[2],
        }
        (self._folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def compose(self, *arguments: str) -> str:
        """Run podman-compose on the repository's file. Nothing of this shell's environment reaches the file."""
        asked = re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text())
        environment = {name: value for name, value in os.environ.items() if name not in asked}
        command = (sys.executable, "-m", "podman_compose", "--env-file", str(self._folder / ".env"), "-p", self.name)
        return run(*command, *arguments, env=environment).stdout

    def services(self) -> dict[str, Any]:
        """The services as podman-compose understands them, every variable filled in."""
        config: dict[str, Any] = yaml.safe_load(self.compose("config"))
        return dict(config["services"])

    def up(self) -> None:
        """Start everything. Without systemd nobody asks for health, which dependants wait for; so we ask meanwhile."""
        with self._asking("valkey"):
            self.compose("up", "-d", "--no-build")

    @contextmanager
    def _asking(self, service: str) -> Iterator[None]:
        done = threading.Event()

        def ask() -> None:
            while not done.wait(1):
                self.is_healthy(service)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            yield
        finally:
            done.set()
            asking.join()

    def start_double(self) -> None:
        """Start the simulator on the address that the host has in the network `outside`, which exists by now."""
        host, _, port = self.double.removeprefix("http://").rpartition(":")
        command = [sys.executable, "-c", DOUBLE, host, port, self.engine]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "the double did not start"

    def stop_double(self) -> None:
        """End the simulator."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def container(self, service: str) -> str:
        """The container of a service."""
        return f"{self.name}_{service}_1"

    def inside(self, service: str, *command: str, check: bool = True) -> str:
        """Run a command in a container and give what it prints."""
        return run("podman", "exec", self.container(service), *command, check=check).stdout.strip()

    def inspect(self, service: str) -> Any:
        """What podman knows about a container."""
        return json.loads(run("podman", "inspect", self.container(service)).stdout)[0]

    def is_healthy(self, service: str) -> bool:
        """Run the container's own health check."""
        return succeeds("podman", "healthcheck", "run", self.container(service))

    def left(self) -> list[tuple[str, str]]:
        """What is still there of this run: names, each with the kind of thing it is."""
        return [
            (kind, name)
            for kind, (listing, _) in KINDS.items()
            for name in run("podman", *listing.split()).stdout.split()
            if self.name in name
        ]

    def remove(self) -> None:
        """Remove everything of this run, whatever state it is in."""
        self.stop_double()
        shutil.rmtree(self._folder, ignore_errors=True)
        for kind, name in self.left():
            run("podman", *KINDS[kind][1].split(), name, check=False)


def fetch(url: str, order: object = None) -> tuple[int, Any]:
    """GET, or POST with a body; gives the status and the JSON that came, None without."""
    body = None if order is None else json.dumps(order).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=HTTP_SECONDS) as answer:
            status, content = answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        status, content = refusal.code, refusal.read()
    with suppress(ValueError):
        return status, json.loads(content)
    return status, None
