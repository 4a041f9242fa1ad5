"""One worker as a process: arq for due times, a consumer loop for events, a sign of life while the loop turns.

arq's traps and how each is closed (`ops/decisions/0002-arq.md` says more):

- jobs expire after a day, carry pickles: jobs are wake-ups in JSON; due times and intents live in the database
- not retried on ordinary exceptions, no dead letters: `Runtime.run_job` answers every ending itself
- a killed worker blocks its job for time-out + 10 s: one short time-out for all jobs
- exits when Redis is away: connections retry, and `_run_arq` starts arq again
- hangs on a silent connection: every connection has a read time-out
- five SIGTERMs use a job up: `max_tries` is out of reach; attempts are counted by the runtime
"""

from __future__ import annotations

import asyncio
import importlib
import signal
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

import structlog
from arq.worker import Worker, func
from redis.exceptions import RedisError

from engine.calendar import build_hours
from engine.chatwork.channel import ChatChannel
from engine.chatwork.client import ChatworkClient, SilentChat
from engine.chatwork.limits import Limiter
from engine.clock import SystemClock
from engine.commit import Database
from engine.connect import connect, connect_arq, refuse_forgetful
from engine.errors import Refused, Transient
from engine.jobs import RUN, ArqWakes, dump_job, load_job
from engine.keys import Keys
from engine.log import get_logger
from engine.referrals.channel import SilentHttp, VendorChannel
from engine.referrals.delivery import VendorHttp
from engine.referrals.mail import MailChannel, NoMailer, SilentMailer, SmtpMailer
from engine.sentinels import replicas_of
from workers.consuming import PAUSES, ConsumerLoop, until
from workers.runtime import Deps, Runtime

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from engine.outbox import Channel
    from engine.ports import Account, Chat
    from engine.referrals.channel import Poster
    from engine.referrals.mail import Mailer
    from engine.settings import Community, Environment

log = get_logger()

JOB_TIMEOUT = 60
"""Seconds; longer than any channel's time-out. A killed worker's job is free again after this and ten seconds."""

GRACE = 4.0
"""Seconds that running jobs get to end after SIGTERM."""


async def run_worker(name: str, environment: Environment, community: Community, redis_url: str) -> None:
    """Run one worker until SIGTERM or SIGINT."""
    structlog.contextvars.bind_contextvars(worker=name)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        runtime = await until(stop, _build(name, environment, community, redis_url, stack))
        if runtime is not None:
            log.info("worker_started", account_id=runtime.deps.own_account_id, dry_run=environment.dry_run)
            await _serve(runtime, redis_url, stop)
    log.info("worker_stopped")


async def _build(
    name: str, environment: Environment, community: Community, redis_url: str, stack: AsyncExitStack
) -> Runtime:
    """Connect everything; waits for Redis and Chatwork as long as it takes."""
    clock, keys = SystemClock(), Keys(community.community.id)
    redis, arq = connect(redis_url), connect_arq(redis_url, keys.arq_queue(name))
    stack.push_async_callback(redis.aclose)
    stack.push_async_callback(arq.aclose)
    db = Database(redis, keys, ArqWakes(arq, keys), replicas_of(redis))
    if environment.chatwork_api_token is None:
        raise Refused("CHATWORK_API_TOKEN is not set; see README, “Connect your Chatwork”")
    client = await stack.enter_async_context(
        ChatworkClient(environment.chatwork_api_url, environment.chatwork_api_token, Limiter(redis, keys, clock))
    )
    chat: Chat = SilentChat(client) if environment.dry_run else client
    http: Poster = SilentHttp()
    if not environment.dry_run:
        http = await stack.enter_async_context(VendorHttp(environment.allowed_networks))
    mailer = _mailer(environment)
    account = await _own_account(chat, redis)
    backups = environment.data_dir / "backups"
    deps = Deps(db, clock, community, chat, build_hours(community), account.account_id, backups)
    channels: dict[str, Channel] = {
        "chat": ChatChannel(chat, account.account_id),
        "vendor": VendorChannel(db, http, clock),
        "mail": MailChannel(db, mailer),
    }
    return Runtime(name, importlib.import_module(f"workers.{name}"), deps, channels)


def _mailer(environment: Environment) -> Mailer:
    if environment.dry_run:
        return SilentMailer()
    return SmtpMailer(environment.smtp_url) if environment.smtp_url else NoMailer()


async def _own_account(chat: Chat, redis: Redis) -> Account:
    """Who we are; asked until Chatwork and Redis answer."""
    for attempt in range(1_000_000):
        try:
            await refuse_forgetful(redis)
            return await chat.me()
        except Transient as failure:
            log.warning("chatwork_away", reason=failure.reason)
            await asyncio.sleep(max(PAUSES[min(attempt, len(PAUSES) - 1)], failure.retry_after or 0))
    raise Refused("Chatwork never answered")


async def _serve(runtime: Runtime, redis_url: str, stop: asyncio.Event) -> None:
    loops = [
        asyncio.create_task(ConsumerLoop(runtime).run(stop), name="consumer"),
        asyncio.create_task(_run_arq(runtime, redis_url, stop), name="arq"),
    ]
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({*loops, stopped}, return_when=asyncio.FIRST_COMPLETED)
    ended = [task for task in loops if task.done()]
    stop.set()
    await asyncio.wait(loops, timeout=GRACE)
    for task in loops:
        task.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    stopped.cancel()
    for task in ended:
        task.result()  # a loop that ended by itself ended by a bug: let the supervisor see it


async def _run_arq(runtime: Runtime, redis_url: str, stop: asyncio.Event) -> None:
    """Arq's worker, started again whenever Redis made it end."""
    keys = runtime.deps.db.keys
    while not stop.is_set():
        pool = connect_arq(redis_url, keys.arq_queue(runtime.worker))
        worker = Worker(
            functions=[func(_run_job, name=RUN, keep_result=0)],
            queue_name=keys.arq_queue(runtime.worker),
            redis_pool=pool,
            ctx={"runtime": runtime},
            handle_signals=False,
            job_timeout=JOB_TIMEOUT,
            keep_result=0,
            max_tries=1_000_000,
            health_check_interval=10,
            job_serializer=dump_job,
            job_deserializer=load_job,
        )
        running = asyncio.create_task(worker.async_run())
        try:
            await until(stop, asyncio.shield(running))
        except (RedisError, OSError) as away:
            log.warning("arq_restarted", reason=type(away).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)
        worker.allow_pick_jobs = False
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*worker.tasks.values(), return_exceptions=True), GRACE - 1)
        while not running.done():  # a cancellation can be lost between two answers of Redis's
            running.cancel()
            await asyncio.wait({running}, timeout=0.2)
        with suppress(asyncio.CancelledError):
            running.exception()  # told above, or of no interest any more
        with suppress(asyncio.CancelledError, RedisError, OSError):
            await worker.close()
        with suppress(RedisError, OSError):  # a job that was cut off keeps arq from closing it
            await pool.aclose()


async def _run_job(ctx: dict[str, Any], job: str, argument: str) -> str:
    """What arq calls: run the job if the database agrees that it is due."""
    runtime: Runtime = ctx["runtime"]
    try:
        due_at = await runtime.due_times.due_at(job, argument)
        return "skipped: not due" if due_at is None else await runtime.run_job(job, argument, due_at)
    except Transient as away:
        log.warning("redis_away", reason=away.reason)
        return "left to the sweep"
