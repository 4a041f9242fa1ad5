#!/usr/bin/env python3
"""Kills everything again and again under load, then asks from the outside what was lost and what happened twice.

ops/chaos/run.py --seconds 60 --seed 1      # exit code 1 if a figure that must be zero is not
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from ops.chaos.books import Archive
from ops.chaos.site import Site
from ops.chaos.talk import Manner, Members, Said
from ops.chaos.torment import Admin, Torment, upgrade
from ops.chaos.vendor import Receiver, Referring
from ops.chaos.verdict import Acknowledged, Verdict, judge
from ops.chaos.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ops.chaos.books import Books

LOOK_EVERY = 3.0

Script = Callable[[Site, Receiver, float], "list[Coroutine[None, None, None]]"]
"""What goes wrong: coroutines that end at the given time of the loop's clock, or soon after."""


async def calm(site: Site, archive: Archive, said: Said, referring: Referring, patience: float) -> Books:
    """Wait until everything that was said has been handled and nothing is left to do; what the books say then."""
    await site.world("DELETE", "/faults")
    for proxy in site.proxies.values():
        proxy.heal()
    deadline = time.monotonic() + patience
    with suppress(TimeoutError):
        await asyncio.wait_for(referring.arrive(), patience)
    while True:
        await asyncio.sleep(LOOK_EVERY)
        is_late, open_ends = time.monotonic() > deadline, await waiting(site)
        open_ends["never heard"] = await archive.never_heard()
        if is_late or not any(open_ends.values()):
            books = await archive.read()
            open_ends |= {"unsettled": len(books.unsettled), "unheard edits": books.unheard_edits}
            open_ends["unknown"] = await _unknown(site, said)
            if is_late or not any(open_ends.values()):
                for intent in books.unsettled:
                    print(intent, file=sys.stderr)
                return books
        print(", ".join(f"{what}: {count}" for what, count in open_ends.items() if count), file=sys.stderr)


async def _unknown(site: Site, said: Said) -> int:
    known = {str(row["message_id"]) for row in await asyncio.to_thread(site.command, "questions", "list")}
    cases = {str(row["message_id"]) for row in await asyncio.to_thread(site.command, "cases", "list")}
    return len(said.questions - known) + len(said.put_downs - cases)


async def waiting(site: Site) -> dict[str, int]:
    """Entries that a worker has not finished and jobs that are due; a part that is not ready counts, too."""
    if not await site.is_ready():
        return {"not ready": 1}
    async with site.session.get(f"http://127.0.0.1:{site.port}/metrics") as response:
        lines = (await response.text()).splitlines()
    gauges = {"entries": "yuruyuru_stream_lag{", "due jobs": "yuruyuru_due_jobs{"}
    return {
        what: int(sum(float(line.split()[-1]) for line in lines if line.startswith(gauge)))
        for what, gauge in gauges.items()
    }


async def under_fire(site: Site, chosen: argparse.Namespace, script: Script) -> Verdict:
    """One run: start, talk while the script goes on, calm down, judge."""
    receiver = Receiver(random.Random(chosen.seed + 1), chosen.vendor_fails)
    referring = Referring(site, receiver, random.Random(chosen.seed + 2))
    members = Members(site, random.Random(chosen.seed), Manner(chosen.rate, chosen.questions, chosen.put_downs))
    await receiver.start()
    site.vendor_port = receiver.port
    await site.start()
    archive = Archive(site)
    while not await archive.moved_in():  # noqa: ASYNC110 - asked of the database
        await asyncio.sleep(0.2)
    await referring.settle_in()
    watch, admin = Watch(site), Admin(site)
    watching = [asyncio.create_task(watch.run()), asyncio.create_task(admin.look_after_webhooks())]
    until = asyncio.get_running_loop().time() + chosen.seconds
    await asyncio.gather(
        members.talk(until),
        referring.refer(chosen.referral_pause, until),
        *script(site, receiver, until),
    )
    calmed = time.monotonic()
    books = await calm(site, archive, members.said, referring, chosen.patience)
    for task in watching:
        task.cancel()
    await archive.close()
    verdict = await judge(site, books, members.said, Acknowledged(receiver, referring), watch)
    verdict.tell("webhooks switched off by Chatwork and on again by hand", admin.switched_on)
    verdict.tell("seconds under fire / until calm", f"{chosen.seconds:.0f} / {time.monotonic() - calmed:.0f}")
    await receiver.stop()
    return verdict


def everything_goes_wrong(chosen: argparse.Namespace) -> Script:
    """Everybody is killed, Chatwork and the wires misbehave."""

    def script(site: Site, receiver: Receiver, until: float) -> list[Coroutine[None, None, None]]:
        torment = Torment(site, receiver, random.Random(chosen.seed + 3), random.Random(chosen.seed + 4))
        return [torment.kill(chosen.pause, until), torment.spoil(chosen.wire_pause, until)]

    return script


def an_upgrade(site: Site, _: Receiver, until: float) -> list[Coroutine[None, None, None]]:
    """A rolling restart, again and again."""
    return [upgrade(site, until)]


async def run(chosen: argparse.Namespace) -> int:
    """Run and print; returns the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="yuruyuru-chaos-"))
    site, began = Site(folder, chosen.rooms - 1, chosen.seed), time.monotonic()
    try:
        verdict = await under_fire(site, chosen, an_upgrade if chosen.upgrade else everything_goes_wrong(chosen))
    finally:
        await site.stop()
    print(f"| seed {chosen.seed} | {time.monotonic() - began:.0f} s |\n|---|---|")
    for what, value in verdict.rows:
        print(f"| {what} | {value} |")
    if verdict.broken:
        print("\nBROKEN: " + "; ".join(verdict.broken) + f"\nlogs are kept in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def arguments() -> argparse.ArgumentParser:
    """What can be chosen; the defaults are those of the long run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2260, help="how long things go wrong")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--upgrade", action="store_true", help="only a rolling restart, again and again")
    parser.add_argument("--rooms", type=int, default=36, help="board rooms")
    parser.add_argument("--rate", type=float, default=8, help="messages a second; most make two or three events")
    parser.add_argument("--questions", type=float, default=1.5, help="a minute")
    parser.add_argument("--put-downs", type=float, default=1, help="a minute")
    parser.add_argument("--pause", type=float, default=5.5, help="seconds between two kills")
    parser.add_argument("--wire-pause", type=float, default=7, help="seconds between two faults of wires or Chatwork")
    parser.add_argument("--referral-pause", type=float, default=60, help="seconds between two referrals")
    parser.add_argument("--vendor-fails", type=float, default=0.15, help="share of first attempts a vendor fails")
    parser.add_argument("--patience", type=float, default=900, help="seconds until it must be calm afterwards")
    return parser


def main() -> None:
    """Read the arguments and run."""
    sys.exit(asyncio.run(run(arguments().parse_args())))


if __name__ == "__main__":
    main()
