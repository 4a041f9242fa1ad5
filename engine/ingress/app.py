"""The ingress process: builds the clients, routes the paths, ends cleanly.

`POST /webhooks/chatwork` is the only path that must never fail; it shares nothing with the others but the event loop.
"""

from __future__ import annotations

import asyncio
import base64
import signal
import time
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click
import structlog
from aiohttp import web

from engine import heartbeat
from engine.clock import SystemClock
from engine.commit import Database
from engine.connect import connect, connect_arq, refuse_forgetful
from engine.errors import Refused, Transient
from engine.ingress.console.app import Console
from engine.ingress.console.outlook import Viewpoint
from engine.ingress.console.session import Sessions, kept_token
from engine.ingress.health import Health
from engine.ingress.journal import Journal, soon
from engine.ingress.spool import Spool, SpoolFailed
from engine.ingress.vendor_api import VendorApi, problems
from engine.ingress.webhook import MAX_BODY, Door
from engine.jobs import ArqWakes
from engine.keys import Keys
from engine.log import get_logger
from engine.sentinels import replicas_of
from engine.settings import parse_webhook_tokens
from engine.stream import Publisher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from aiohttp.typedefs import Handler, Middleware

    from engine.clock import Clock
    from engine.settings import Community, Environment

log = get_logger()

SPOOL_BYTES = 256 * 1024 * 1024
HEADER_TIMEOUT = 15
READY_PAUSE = 0.5
READY_REMINDER = 10.0
"""Seconds between two lines about what is missing."""


def create_app(
    db: Database, clock: Clock, journal: Journal, door: Door, community: Community, *, sessions: Sessions
) -> web.Application:
    """The routes over ready-made parts; background work starts and ends with the application."""
    health = Health(db, clock, journal, door)
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_count(health), problems])
    app.router.add_post("/webhooks/chatwork", door.receive)
    app.router.add_get("/webhooks/chatwork", _says_ok)
    app.router.add_get("/healthz", health.healthz)
    app.router.add_get("/readyz", health.readyz)
    app.router.add_get("/metrics", health.serve_metrics)
    VendorApi(db, clock, community).add_to(app.router)
    viewpoint = Viewpoint(db, clock, health, ZoneInfo(community.community.timezone))
    Console(sessions, viewpoint, clock).add_to(app.router)
    app.cleanup_ctx.append(_background(journal.keep_draining))
    app.cleanup_ctx.append(_background(lambda: _beat(db, door, clock)))
    app.cleanup_ctx.append(_background(lambda: _announce_ready(health)))
    return app


async def _says_ok(_: web.Request) -> web.Response:
    """Chatwork's form asks the address by GET when a webhook is registered."""
    return web.Response()


def _count(health: Health) -> Middleware:
    """Count webhooks by status, and the time they took."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method != "POST" or request.path != "/webhooks/chatwork":
            return await handler(request)
        began = time.perf_counter()
        response = await handler(request)
        health.metrics.webhooks.labels(response.status).inc()
        health.metrics.seconds.observe(time.perf_counter() - began)
        return response

    return middleware


def _background(work: Callable[[], Coroutine[None, None, None]]) -> Callable[[web.Application], AsyncIterator[None]]:
    """A task that lives as long as the application."""

    async def context(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(work())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return context


async def _beat(db: Database, door: Door, clock: Clock) -> None:
    """Tell the keeper that we are alive and when the last genuine webhook came."""
    while True:
        with suppress(Transient):
            await heartbeat.beat(db, "ingress", heartbeat.Beat(at=clock.now(), last_webhook=door.last_genuine))
        await asyncio.sleep(heartbeat.EVERY)


async def _announce_ready(health: Health) -> None:
    """Say once that everything works; until then say every ten seconds what is missing."""
    began = time.monotonic()
    told = began
    while (ready := await health.readiness()).problems:
        if time.monotonic() > told + READY_REMINDER:
            told = time.monotonic()
            log.warning("engine_waits", problems=list(ready.problems))
        await asyncio.sleep(READY_PAUSE)
    log.info("engine_ready", seconds=round(time.monotonic() - began, 1))


async def run_ingress(environment: Environment, community: Community, redis_url: str) -> None:
    """Run the ingress until SIGTERM or SIGINT. Raises `Refused` for settings it cannot work with."""
    structlog.contextvars.bind_contextvars(worker="ingress")
    tokens = _tokens(environment)
    clock, keys = SystemClock(), Keys(community.community.id)
    async with AsyncExitStack() as stack:
        redis, arq = connect(redis_url), connect_arq(redis_url, keys.arq_queue("ingress"))
        stack.push_async_callback(redis.aclose)
        stack.push_async_callback(arq.aclose)
        db = Database(redis, keys, ArqWakes(arq, keys), replicas_of(redis))
        with suppress(Transient):  # while it is away the spool takes what comes
            await soon(refuse_forgetful(redis))
        spool = stack.enter_context(_open_spool(environment))
        journal = Journal(db, Publisher(db, clock), spool, clock)
        door = Door(tokens, journal, clock)
        app = create_app(db, clock, journal, door, community, sessions=Sessions(_admin_token(environment)))
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=HEADER_TIMEOUT, shutdown_timeout=2.0)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        site = web.TCPSite(runner, environment.host, environment.port, reuse_address=True)
        await _start(site, environment)
        log.info("ingress_listening", url=site.name, port=runner.addresses[0][1])
        await _until_stopped()
    log.info("ingress_stopped")


def _tokens(environment: Environment) -> dict[str, tuple[str, ...]]:
    if environment.chatwork_webhook_tokens is None:
        raise Refused("CHATWORK_WEBHOOK_TOKENS is not set; copy the token from Chatwork's webhook form, see README")
    tokens = parse_webhook_tokens(environment.chatwork_webhook_tokens.get_secret_value())
    try:
        for token in (token for group in tokens.values() for token in group):
            base64.b64decode(token, validate=True)
    except ValueError:
        raise Refused("CHATWORK_WEBHOOK_TOKENS: a token is not base64; copy it whole from Chatwork's form") from None
    return tokens


def _admin_token(environment: Environment) -> str:
    """The token of the console; where nobody set one, it is made once, and shown that one time."""
    if environment.admin_token is not None:
        return environment.admin_token.get_secret_value()
    token, is_new = kept_token(environment.data_dir)
    if is_new:
        click.echo(f"Console: http://{environment.host}:{environment.port}/admin, token {token} (not shown again)")
    return token


def _open_spool(environment: Environment) -> Spool:
    try:
        spool = Spool(environment.data_dir / "spool", SPOOL_BYTES)
    except SpoolFailed as failed:
        raise Refused(f"DATA_DIR {environment.data_dir}: {failed.reason}") from None
    if spool.lost_bytes or spool.cut_bytes:
        log.error("spool_damaged", lost_bytes=spool.lost_bytes, cut_bytes=spool.cut_bytes)
    return spool


async def _start(site: web.TCPSite, environment: Environment) -> None:
    try:
        await site.start()
    except OSError as error:
        raise Refused(
            f"{environment.host}:{environment.port} cannot be used: {error.strerror}; set PORT or HOST to another"
        ) from None


async def _until_stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
