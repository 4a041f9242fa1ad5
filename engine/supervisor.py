"""`yuruyuru run`: everything in one terminal.

Starts the database, the ingress, the workers, and without a token the simulator; starts again what dies; ends
everything when told to, and leaves no process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import click

from engine.chatwork.simulator.sample.people import ENGINE_TOKEN
from engine.chatwork.simulator.sample.rooms import COMMUNITY_FILE, WEBHOOK_TOKENS
from engine.clock import SystemClock
from engine.commands.office import Office
from engine.commands.vendors import add_vendor
from engine.commit import Database
from engine.connect import connect, connect_arq
from engine.embedded import DataDir, EmbeddedValkey, die_with_parent
from engine.errors import Refused, Transient
from engine.jobs import ArqWakes
from engine.keys import Keys
from engine.log import get_logger
from engine.referrals.store import Referrals, list_vendors
from engine.routes import WORKERS
from engine.sentinels import replicas_of
from engine.settings import load_community, load_environment

if TYPE_CHECKING:
    from engine.settings import Environment

log = get_logger()

EXIT_REFUSED = 2
"""A child that ends so has said why; starting it again would not help."""

CHILD_SECONDS = 3.0
"""Time that children get to end by themselves; with the database's it stays below five seconds."""

PAUSES = (0.5, 1.0, 2.0, 5.0, 15.0)
STEADY = 60.0
"""Seconds after which a child counts as steady, and its next end is the first again."""

SAMPLE_VENDORS = ("クリニック開業サポート株式会社（見本）", "みほん医療機器株式会社")


class Command(NamedTuple):
    """A child: its arguments and what its environment has besides ours."""

    arguments: tuple[str, ...]
    environment: dict[str, str]


@dataclass(slots=True)
class Supervisor:
    """Children that run until `stop` is set; `refused` once one of them cannot work at all."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    refused: bool = False

    async def run(self, commands: list[Command], database: EmbeddedValkey | None) -> None:
        """Keep all commands, and the database if it is ours, running until `stop`."""
        async with asyncio.TaskGroup() as group:
            for command in commands:
                group.create_task(self._keep(command))
            if database is not None:
                group.create_task(self._keep_database(database))

    async def _keep_database(self, database: EmbeddedValkey) -> None:
        """A database that ended (a full disk ends it) is started again, as often as it takes."""
        deaths = 0
        while not self.stop.is_set():
            await self._wait(PAUSES[0])
            if self.stop.is_set() or database.pid is not None:
                continue
            pause = PAUSES[min(deaths, len(PAUSES) - 1)]
            deaths += 1
            log.error("process_died", process="valkey", exit_code=None, starting_again_in=pause)
            await self._wait(pause)
            with suppress(Refused):  # it says so by being dead again at the next look
                await asyncio.to_thread(database.__enter__)
                deaths = 0

    async def _keep(self, command: Command) -> None:
        deaths = 0
        while not self.stop.is_set():
            began = time.monotonic()
            code = await self._once(command)
            if self.stop.is_set():
                return
            if code == EXIT_REFUSED:
                self.refused = True
                self.stop.set()
                return
            deaths = 1 if time.monotonic() - began > STEADY else deaths + 1
            pause = PAUSES[min(deaths, len(PAUSES)) - 1]
            log.error("process_died", process=" ".join(command.arguments), exit_code=code, starting_again_in=pause)
            await self._wait(pause)

    async def _once(self, command: Command) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "engine",
            *command.arguments,
            env={**os.environ, **command.environment},
            stdin=asyncio.subprocess.DEVNULL,
            preexec_fn=die_with_parent,
            start_new_session=True,  # Ctrl-C is for the supervisor, which ends its children in order
        )
        ended, stopped = asyncio.create_task(process.wait()), asyncio.create_task(self.stop.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not ended.done():
            process.terminate()
            await asyncio.wait({ended}, timeout=CHILD_SECONDS)
        if not ended.done():
            process.kill()
        return await ended

    async def _wait(self, seconds: float) -> None:
        stopped = asyncio.create_task(self.stop.wait())
        await asyncio.wait({stopped}, timeout=seconds)
        stopped.cancel()


def run_all() -> None:
    """Run everything until SIGINT or SIGTERM. Raises `Refused`."""
    environment = load_environment()
    load_community(environment.yuruyuru_config)
    with ExitStack() as stack:
        database = None
        if environment.redis_url is None:
            held = DataDir(environment.data_dir)
            stack.callback(held.release)
            database = stack.enter_context(EmbeddedValkey(environment.data_dir))
        try:
            supervisor = asyncio.run(_supervise(environment, database))
        except Transient as away:
            raise Refused(f"the database does not answer ({away.reason}); is REDIS_URL right?") from None
    if supervisor.refused:
        raise Refused("stopped: see the reason above")


async def _supervise(environment: Environment, database: EmbeddedValkey | None) -> Supervisor:
    supervisor = Supervisor()
    redis_url = database.url if database else str(environment.redis_url)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop.set)
    shared = {"REDIS_URL": redis_url, "DATA_DIR": str(environment.data_dir), "YURUYURU_SUPERVISED": "1"}
    commands = []
    if environment.chatwork_api_token is None:
        simulated, simulator = await _simulation(environment, redis_url)
        shared |= simulated
        commands.append(simulator)
    _greet(environment, simulated=bool(commands))
    commands.append(Command(("ingress",), shared))
    commands += [Command(("worker", name), shared) for name in WORKERS]
    await supervisor.run(commands, database)
    return supervisor


def _greet(environment: Environment, *, simulated: bool) -> None:
    """The few lines that are no log: who we talk to, where we listen, what to do next."""
    url = f"http://{environment.host}:{environment.port}"
    if simulated:
        click.echo("No CHATWORK_API_TOKEN is set: a simulated Chatwork with a sample community plays on this machine.")
    click.echo(f"Listening on {url} (webhooks: {url}/webhooks/chatwork, state: {url}/readyz). Ctrl-C ends everything.")
    if simulated:
        click.echo("To connect a real account, see “Connect your Chatwork” in README.md.")


async def _simulation(environment: Environment, redis_url: str) -> tuple[dict[str, str], Command]:
    """The environment of a simulated Chatwork, and the command that runs it."""
    port = _free_port()
    base = f"http://127.0.0.1:{port}"
    shared = {
        "CHATWORK_API_TOKEN": ENGINE_TOKEN,
        "CHATWORK_API_URL": f"{base}/v2",
        "CHATWORK_WEBHOOK_TOKENS": WEBHOOK_TOKENS,
        "YURUYURU_CONFIG": str(environment.yuruyuru_config or COMMUNITY_FILE),
        "VENDOR_ALLOW_NETWORKS": environment.vendor_allow_networks or "127.0.0.0/8",
    }
    vendors = await _sample_vendors(redis_url, base, shared)
    engine_url = f"http://{environment.host}:{environment.port}"
    arguments = ("simulator", "--port", str(port), "--play", "--engine-url", engine_url, "--quiet")
    return shared, Command(arguments, {"SIMULATOR_VENDORS": json.dumps(vendors)})


async def _sample_vendors(redis_url: str, base: str, shared: dict[str, str]) -> list[dict[str, str]]:
    """Add the sample vendors anew at every start: their keys cannot be read back, their inbox has another port."""
    environment = load_environment({**os.environ, **shared})
    community = load_community(environment.yuruyuru_config)
    keys, clock = Keys(community.community.id), SystemClock()
    redis, arq = connect(redis_url), connect_arq(redis_url, keys.arq_queue("cli"))
    office = Office(Database(redis, keys, ArqWakes(arq, keys), replicas_of(redis)), clock, community, environment)
    try:
        for old in await list_vendors(office.db):
            if old.name in SAMPLE_VENDORS and not old.disabled:
                commit = office.commit()
                referrals = Referrals(commit)
                known = await referrals.vendor(old.id)
                if known is not None:
                    await referrals.put_vendor(known.model_copy(update={"disabled": True}))
                    await office.apply(commit)
        added = []
        for number, name in enumerate(SAMPLE_VENDORS, 1):
            _, api_key = await add_vendor(office, name, webhook=f"{base}/_vendors/vendor{number}")
            added.append({"name": name, "api_key": api_key})
        return added
    finally:
        await redis.aclose()
        await arq.aclose()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
