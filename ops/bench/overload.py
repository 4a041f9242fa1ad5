#!/usr/bin/env python3
"""Measures how much slower webhooks are answered while a million events wait that no worker has handled.

ops/bench/overload.py --events 1000000      # prints medians and their ratio, and the memory of the database and ingress
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import aiohttp

from engine.chatwork.simulator.sample.rooms import BOARD, WEBHOOK_TOKENS
from engine.connect import connect
from engine.embedded import EmbeddedValkey
from engine.events import MessageCreated, envelope
from engine.ingress.signature import sign
from engine.keys import Keys
from engine.routes import WORKERS
from engine.settings import parse_webhook_tokens
from engine.stream import Consumer
from ops.chaos.site import free_port

BATCH = 5000
SAMPLES = 2000


def memory(pid: int) -> float:
    """Resident memory of a process, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def answers(url: str, first: int) -> list[float]:
    """Seconds that each of some webhooks took, one after the other."""
    [(setting, (token, *_)), *_] = parse_webhook_tokens(WEBHOOK_TOKENS).items()
    took = []
    async with aiohttp.ClientSession() as session:
        for number in range(first, first + SAMPLES):
            now = int(time.time())
            event = {
                "message_id": str(number), "room_id": BOARD, "account_id": 1, "body": "はい", "send_time": now,
                "update_time": 0,
            }  # fmt: skip
            payload = {"webhook_setting_id": setting, "webhook_event_type": "message_created"}
            raw = json.dumps(payload | {"webhook_event_time": now, "webhook_event": event}).encode()
            began = time.perf_counter()
            headers = {"x-chatworkwebhooksignature": sign(token, raw)}
            async with session.post(f"{url}/webhooks/chatwork", data=raw, headers=headers) as answer:
                assert answer.status == 200, answer.status
            took.append(time.perf_counter() - began)
    return took


async def queue(redis_url: str, events: int) -> None:
    """Put events on the stream that nobody reads."""
    redis, keys = connect(redis_url), Keys("main")
    for begin in range(0, events, BATCH):
        pipe = redis.pipeline(transaction=False)
        for number in range(begin, min(begin + BATCH, events)):
            told = MessageCreated(
                room_id=BOARD, message_id=str(10**9 + number), account_id=1, body="は" * 60, sent_at=1
            )
            pipe.xadd(keys.stream, {"e": envelope(told, now=1.0).model_dump_json()})
        await pipe.execute()
    await redis.aclose()


async def measure(events: int) -> None:
    """Before, and with the queue."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        valkey = stack.enter_context(EmbeddedValkey(folder))
        port = free_port()
        environment = os.environ | {
            "REDIS_URL": valkey.url, "DATA_DIR": str(folder), "PORT": str(port), "LOG_LEVEL": "error",
            "CHATWORK_WEBHOOK_TOKENS": WEBHOOK_TOKENS,
        }  # fmt: skip
        ingress = await asyncio.create_subprocess_exec(sys.executable, "-m", "engine", "ingress", env=environment)
        try:
            await compare(events, valkey, ingress.pid, f"http://127.0.0.1:{port}")
        finally:
            ingress.terminate()
            await ingress.wait()


async def compare(events: int, valkey: EmbeddedValkey, ingress: int, url: str) -> None:
    """Print the table."""
    redis = connect(valkey.url)
    from engine.commit import Database  # noqa: PLC0415 - nothing else here needs it
    from tests.fakes import NoWakes  # noqa: PLC0415 - nobody is woken

    for worker in WORKERS:
        await Consumer(Database(redis, Keys("main"), NoWakes()), worker, "bench").ensure_group()
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            try:
                async with session.get(f"{url}/healthz"):
                    break
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
    await answers(url, 1)
    before, ingress_before = await answers(url, 10**6), memory(ingress)
    await queue(valkey.url, events)
    after, ingress_after = await answers(url, 2 * 10**6), memory(ingress)
    used = int((await redis.info("memory"))["used_memory"]) / 1e6
    print(f"| {events} events queued | without | with | ratio |\n|---|---|---|---|")
    for name, quantile in (("median", 0.5), ("99 %", 0.99)):
        low, high = (1000 * statistics.quantiles(taken, n=100)[int(quantile * 100) - 1] for taken in (before, after))
        print(f"| answer to a webhook, {name}, ms | {low:.2f} | {high:.2f} | {high / low:.2f} |")
    print(f"| ingress, MB | {ingress_before:.0f} | {ingress_after:.0f} | {ingress_after / ingress_before:.2f} |")
    print(f"| database, MB | – | {used:.0f} | {1e6 * used / events:.0f} bytes an event |")
    await redis.aclose()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    asyncio.run(measure(parser.parse_args().events))


if __name__ == "__main__":
    main()
