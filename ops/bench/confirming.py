#!/usr/bin/env python3
"""What it costs to wait for a replica: publishing with and without, in turns, on one primary with one replica.

ops/bench/confirming.py --rounds 5
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from engine.clock import SystemClock
from engine.commit import Database
from engine.connect import connect
from engine.events import MessageCreated, envelope
from engine.keys import Keys
from engine.replicas import Replicas
from engine.stream import Publisher
from tests.failover import Servers
from tests.fakes import NoWakes

if TYPE_CHECKING:
    from engine.events import Envelope

ALONE, TOGETHER = 300, 5000
"""Events published one after the other, and all at once (as concurrent webhooks are)."""

BODY = "あ" * 250
numbers = count()


class OneReplica(Replicas):
    """Always wait for one."""

    async def wanted(self) -> int:
        """One."""
        return 1


def told() -> Envelope:
    """A message nobody told before."""
    message = MessageCreated(room_id=1, message_id=str(next(numbers)), account_id=2, body=BODY, sent_at=3)
    return envelope(message, now=1.0)


async def measure(publisher: Publisher) -> tuple[list[float], float]:
    """Milliseconds of each single event; events a second when many come at once."""
    single = []
    for _ in range(ALONE):
        began = time.perf_counter()
        await publisher.publish(told())
        single.append((time.perf_counter() - began) * 1000)
    began = time.perf_counter()
    await asyncio.gather(*(publisher.publish(told()) for _ in range(TOGETHER)))
    return single, TOGETHER / (time.perf_counter() - began)


async def run(rounds: int, folder: Path) -> None:
    """Print the table."""
    servers = Servers(folder)
    try:
        await servers.start()
        redis = connect(f"redis://127.0.0.1:{servers.primary.port}")
        ways = {"without": Replicas(), "with WAIT": OneReplica()}
        singles: dict[str, list[float]] = {way: [] for way in ways}
        rates: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, replicas in ways.items():
                single, rate = await measure(
                    Publisher(Database(redis, Keys("main"), NoWakes(), replicas), SystemClock())
                )
                singles[way] += single
                rates[way].append(rate)
        await redis.aclose()
    finally:
        for server in servers.all:
            server.end()
    print("| | one: median ms | one: 99 % ms | many: events/s |\n|---|---|---|---|")
    for way in ways:
        quantiles = statistics.quantiles(singles[way], n=100)
        print(f"| {way} | {quantiles[49]:.2f} | {quantiles[98]:.2f} | {statistics.median(rates[way]):.0f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(run(parser.parse_args().rounds, Path(place)))
