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
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from engine.chatwork.simulator.sample.people import ENGINE_ID, MEMBERS
from engine.chatwork.simulator.sample.rooms import ADMIN_ROOM, BOARD
from engine.connect import connect
from engine.keys import Keys
from ops.chaos.site import PARTS, Site

QUIET_AFTER = 300.0
FAULTS = ("answer_500", "hang_after_acting", "reset_after_acting")
"""No 429: obeying it means up to five minutes without a look, in which the bench, unlike a community, writes hundreds
of messages; then some of those that no webhook told have scrolled out of what Chatwork shows."""

PUT_DOWN = "そんなことも知らないで開業するんですか？研修医でも知ってますよ。（{}）"


@dataclass
class Said:
    """What the members said, by message id."""

    questions: set[str] = field(default_factory=set)
    answers: set[str] = field(default_factory=set)
    put_downs: set[str] = field(default_factory=set)
    chat: set[str] = field(default_factory=set)
    askers: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Messages altogether."""
        return len(self.questions) + len(self.answers) + len(self.put_downs) + len(self.chat)


async def talk(site: Site, dice: random.Random, rate: float, until: float, said: Said) -> None:
    """Members write, `rate` messages a second: questions, answers to them, put-downs, small talk."""
    number = 0
    while time.monotonic() < until:
        number += 1
        who = dice.choice(MEMBERS).account_id
        kind = dice.choices(("question", "answer", "put_down", "chat"), (3, 4, 0.3, 3))[0]
        if kind == "answer" and said.questions:
            target = dice.choice(sorted(said.questions))
            if said.askers[target] != who:
                tag = f"[rp aid={said.askers[target]} to={BOARD}-{target}]先生"
                said.answers.add(await say(site, who, f"{tag}\n{number}年前からこうしています。"))
        elif kind == "put_down":
            said.put_downs.add(await say(site, who, PUT_DOWN.format(number)))
        elif kind == "chat":
            said.chat.add(await say(site, who, f"本日{number}人目の方がお帰りになりました。"))
        else:
            message_id = await say(site, who, f"{number}番の書類の書き方を教えてください。")
            said.questions.add(message_id)
            said.askers[message_id] = who
        await asyncio.sleep(dice.expovariate(rate))


async def say(site: Site, account_id: int, body: str) -> str:
    """One message of one member, as in the web page."""
    told = await site.world("POST", f"/rooms/{BOARD}/messages", {"account_id": account_id, "body": body})
    return str(told["message_id"])


async def torment(site: Site, dice: random.Random, pause: float, until: float) -> None:
    """Kill somebody every few seconds, and let Chatwork misbehave."""
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(0.5, 1.5) * pause)
        if dice.random() < 0.3:
            order = {"kind": dice.choice(FAULTS), "count": dice.randint(1, 3), "method": "POST"}
            await site.world("POST", "/faults", order)
        elif dice.random() < 0.2:
            await site.world("POST", "/faults", {"kind": "drop_webhooks", "count": dice.randint(1, 5)})
        await site.kill(dice.choices((*PARTS, "valkey"), (2, 2, 1, 1, 2, 1, 1))[0])


async def calm(site: Site, said: Said) -> None:
    """Wait until everything that was said has been handled and nothing is left to do."""
    await site.world("DELETE", "/faults")
    deadline = time.monotonic() + QUIET_AFTER
    while time.monotonic() < deadline:
        await asyncio.sleep(3)
        if await site.is_ready():
            known = {str(row["message_id"]) for row in await asyncio.to_thread(site.command, "questions", "list")}
            cases = {str(row["message_id"]) for row in await asyncio.to_thread(site.command, "cases", "list")}
            unheard = await never_heard(site)
            if said.questions <= known and said.put_downs <= cases and not unheard and not await waiting(site):
                return


async def never_heard(site: Site) -> int:
    """Messages of the board, the engine's own among them, that neither a webhook told nor the keeper found."""
    written = len(await site.world("GET", f"/rooms/{BOARD}/messages"))
    redis = connect(site.redis_url)
    told = int(await redis.get(Keys("main")("told", BOARD)) or 0)
    await redis.aclose()
    return written - told


async def waiting(site: Site) -> int:
    """Entries that a worker has not finished and posts that are not made yet, from `/metrics` and the database."""
    async with site.session.get(f"http://127.0.0.1:{site.port}/metrics") as response:
        text = await response.text()
    lag = sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("yuruyuru_stream_lag{"))
    due = sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("yuruyuru_due_jobs{"))
    return int(lag + due)


@dataclass
class Verdict:
    """The table, and whether it is as promised."""

    rows: list[tuple[str, object]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def tell(self, what: str, value: object, *, zero: bool = False) -> None:
        """Add a row; one that must be zero is remembered if it is not."""
        self.rows.append((what, value))
        if zero and value:
            self.broken.append(f"{what}: {value}")


async def judge(site: Site, said: Said) -> Verdict:
    """Compare what was said with what is known and what stands in the rooms."""
    verdict = Verdict()
    questions = await asyncio.to_thread(site.command, "questions", "list")
    cases = await asyncio.to_thread(site.command, "cases", "list")
    members = await asyncio.to_thread(site.command, "members", "list")
    dead = await asyncio.to_thread(site.command, "dead", "list")
    deliveries = await site.world("GET", "/deliveries")
    posts = [
        message["body"]
        for room in (BOARD, ADMIN_ROOM)
        for message in await site.world("GET", f"/rooms/{room}/messages")
        if author(message) == ENGINE_ID
    ]
    asked, opened = times(questions), times(cases)
    verdict.tell("messages said", said.total)
    verdict.tell("webhooks sent", len(deliveries))
    statuses = Counter(delivery["http_status"] for delivery in deliveries)
    verdict.tell("webhooks answered 200", statuses.pop(200, 0))
    verdict.tell("webhooks that found nobody or were dropped on order", statuses.pop(None, 0))
    verdict.tell("webhooks answered otherwise", sum(statuses.values()), zero=True)
    verdict.tell("messages never heard", await never_heard(site), zero=True)
    verdict.tell("questions lost", len(said.questions - asked.keys()), zero=True)
    verdict.tell("questions counted twice", doubled(asked), zero=True)
    verdict.tell("cases lost", len(said.put_downs - opened.keys()), zero=True)
    verdict.tell("cases counted twice", doubled(opened), zero=True)
    answers = sum(row["answers"] for row in questions)
    verdict.tell("answers counted", answers)
    verdict.tell("answers scored but not counted, or the other way round", score_gap(members, answers), zero=True)
    verdict.tell("posts made", len(posts))
    verdict.tell("posts doubled", doubled(Counter(posts)), zero=True)
    verdict.tell("cards missing", len(cases) - sum("ご確認のお願い" in body for body in posts), zero=True)
    verdict.tell("gaps filled (messages)", sum(line["messages"] for line in site.logged("gap_filled")))
    verdict.tell("gaps beyond repair", len(site.logged("gap_unrecoverable")), zero=True)
    verdict.tell("dead letters", len(dead), zero=True)
    verdict.tell("ends without being killed", ", ".join(site.exits) or 0, zero=True)
    verdict.tell("kills", ", ".join(f"{victim} {count}" for victim, count in sorted(site.kills.items())))
    return verdict


def author(message: dict[str, Any]) -> int:
    """Who wrote a message, as the control API tells it."""
    return int(message["account_id"])


def times(rows: list[dict[str, Any]]) -> Counter[str]:
    """How often each message stands in a list."""
    return Counter(str(row["message_id"]) for row in rows)


def doubled(found: Counter[str]) -> int:
    """How many there are too many."""
    return sum(count - 1 for count in found.values())


def score_gap(members: list[dict[str, Any]], answers: int) -> float:
    """Answers that the score counts beyond those the questions hold; the half-life is a century here."""
    return float(round(abs(sum(row["answers"] for row in members) - answers), 1))


async def run(seconds: float, seed: int, rate: float, pause: float) -> int:
    """One run; returns the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="yuruyuru-chaos-"))
    dice, site, said = random.Random(seed), Site(folder), Said()
    began = time.monotonic()
    try:
        await site.start()
        until = time.monotonic() + seconds
        await asyncio.gather(talk(site, dice, rate, until, said), torment(site, random.Random(seed), pause, until))
        calmed = time.monotonic()
        await calm(site, said)
        verdict = await judge(site, said)
    finally:
        await site.stop()
    verdict.tell("seconds under fire / until calm", f"{seconds:.0f} / {time.monotonic() - calmed:.0f}")
    print(f"| seed {seed} | {time.monotonic() - began:.0f} s |\n|---|---|")
    for what, value in verdict.rows:
        print(f"| {what} | {value} |")
    if verdict.broken:
        print("\nBROKEN: " + "; ".join(verdict.broken) + f"\nlogs are kept in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long things are killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=5, help="messages a second")
    parser.add_argument("--pause", type=float, default=4, help="seconds between two kills")
    chosen = parser.parse_args()
    sys.exit(asyncio.run(run(chosen.seconds, chosen.seed, chosen.rate, chosen.pause)))


if __name__ == "__main__":
    main()
