"""The command `yuruyuru`: the processes here, the nouns in `engine/commands/`. Errors are one sentence, exit code 1."""

from __future__ import annotations

import http.client
import importlib
import json
import os
import socket
import sys
import urllib.request
from typing import TYPE_CHECKING

import click
import uvloop

from engine import heartbeat
from engine.commands.office import asynchronous, opened
from engine.errors import EngineError, Refused
from engine.log import setup_logs
from engine.routes import WORKERS
from engine.settings import load_community, load_environment

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from engine.settings import Community, Environment

EXIT_REFUSED = 2
"""How a process ends that cannot work with its settings; the supervisor does not start it again."""

HEALTH_SECONDS = 5


NOUNS = {
    "check": "check",
    "vendors": "vendors",
    "members": "members",
    "questions": "questions",
    "cases": "moderation",
    "moderation": "moderation",
    "referrals": "referrals",
    "dead": "upkeep",
    "brake": "upkeep",
    "replay": "replaying",
    "backup": "backups",
    "restore": "backups",
}
"""Commands and their modules in `engine/commands/`; imported when called, so that health checks cost little."""


class Lazy(click.Group):
    """A group that knows its commands by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return sorted({*super().list_commands(ctx), *NOUNS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None if there is none of this name."""
        if cmd_name not in NOUNS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(importlib.import_module(f"engine.commands.{NOUNS[cmd_name]}"), cmd_name)
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="yuruyuru")
def cli() -> None:
    """A GIVE & GIVEN community engine beside Chatwork."""


@cli.command()
def run() -> None:
    """Run everything in this terminal; without CHATWORK_API_TOKEN with a simulated community."""
    environment = load_environment()
    setup_logs(environment.log_format, environment.log_level, worker="run")
    importlib.import_module("engine.supervisor").run_all()


@cli.command()
@click.option("--health", is_flag=True, help="Ask the running ingress instead; exit code 1 if it does not answer.")
def ingress(health: bool) -> None:
    """Run the ingress: webhooks, vendors' API, health."""
    environment, community, redis_url = _process("ingress")
    if health:
        _ask_ingress(environment)
        return
    _serve(importlib.import_module("engine.ingress.app").run_ingress(environment, community, redis_url))


@cli.command()
@click.argument("name", type=click.Choice(WORKERS))
@click.option("--health", is_flag=True, help="Ask for the running worker's sign of life instead.")
def worker(name: str, health: bool) -> None:
    """Run one worker."""
    environment, community, redis_url = _process(name)
    if health:
        _ask_worker(name)
        return
    _serve(importlib.import_module("workers.process").run_worker(name, environment, community, redis_url))


@cli.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on; 0 takes any free one.")
@click.option("--play", is_flag=True, help="Let the sample community talk once the engine is ready.")
@click.option("--engine-url", default="http://127.0.0.1:8080", show_default=True, help="Where webhooks go.")
@click.option("--quiet", is_flag=True, help="Do not print the JSON line.")
def simulator(port: int, play: bool, engine_url: str, quiet: bool) -> None:
    """Run a Chatwork-compatible server; prints one JSON line with addresses and tokens once it listens."""
    server = importlib.import_module("engine.chatwork.simulator.server")
    player = importlib.import_module("engine.chatwork.simulator.sample.player")
    vendor_list = [player.Vendor(**vendor) for vendor in json.loads(os.environ.get("SIMULATOR_VENDORS", "[]"))]
    on_ready = (lambda _: None) if quiet else server.print_line
    try:
        _serve(
            server.serve("127.0.0.1", port, play=play, engine_url=engine_url, vendors=vendor_list, on_ready=on_ready)
        )
    except OSError as error:
        raise Refused(f"port {port} cannot be used: {error.strerror}; choose another with --port") from None


def _process(name: str) -> tuple[Environment, Community, str]:
    """Settings of a process that runs beside others: it needs a database that others reach, too."""
    environment = load_environment()
    setup_logs(environment.log_format, environment.log_level, worker=name)
    community = load_community(environment.yuruyuru_config)
    if environment.redis_url is None:
        raise Refused("REDIS_URL is not set; the embedded database belongs to: yuruyuru run")
    return environment, community, environment.redis_url


def _serve(work: Coroutine[None, None, None]) -> None:
    uvloop.run(work)


def _ask_ingress(environment: Environment) -> None:
    host = "127.0.0.1" if environment.host in ("0.0.0.0", "::") else environment.host  # noqa: S104 - compared, not bound
    name = f"[{host}]" if ":" in host else host
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy's answer would say nothing of us
    try:
        with direct.open(f"http://{name}:{environment.port}/healthz", timeout=HEALTH_SECONDS) as answer:
            click.echo(answer.read().decode())
    except (OSError, http.client.HTTPException):
        raise Refused(f"the ingress does not answer on {name}:{environment.port}") from None


@asynchronous
async def _ask_worker(name: str) -> None:
    async with opened() as office:
        now = office.clock.now()
        known = await heartbeat.beats(office.db, now)
        if not heartbeat.is_alive(known, name, now, socket.gethostname()):
            raise Refused(f"worker {name} gave no sign of life on this host for {heartbeat.STALE:.0f} s")
    click.echo("alive")


def main() -> None:
    """Entry point: errors are one sentence on stderr."""
    level = os.environ.get("LOG_LEVEL")
    setup_logs("json", level if level in ("debug", "error") else "warning", worker="cli", stderr=True)
    try:
        _check_arguments()
        cli.main(prog_name="yuruyuru", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _tell(_sentence(error))
        sys.exit(error.exit_code)
    except (EngineError, click.Abort) as error:
        _tell(str(error) or "stopped")
        sys.exit(EXIT_REFUSED if _is_child() else 1)


def _check_arguments() -> None:
    """Raise `Refused` for bytes that are no text: neither the database nor a terminal could take them."""
    try:
        "".join(sys.argv).encode()
    except UnicodeEncodeError:
        raise Refused("an argument is not text in UTF-8; type it again") from None


def _sentence(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    remedy = f"; see: {context.command_path} --help" if context else ""
    return " ".join(error.format_message().split()).rstrip(".?") + remedy


def _tell(sentence: str) -> None:
    click.echo(f"yuruyuru: {sentence}", err=True)


def _is_child() -> bool:
    """True for a process that `yuruyuru run` started."""
    return os.environ.get("YURUYURU_SUPERVISED") == "1"
