"""Vendors from the outside: their receiver of acknowledgements, and the doctors whom they refer.

The receiver verifies signatures with a library of other people's, and by script fails some first attempts: an answer
500, no answer in time. A second attempt is always welcome, because the one after it comes five minutes later.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from engine.chatwork.simulator.sample.rooms import BOARD, BOARD_LINK

if TYPE_CHECKING:
    import random

    from ops.chaos.site import Site

SILENCE = 17.0
"""Seconds that a receiver says nothing; longer than the engine waits."""

LOOK_EVERY = 2.0
RETRY_AFTER = 1.0
PATIENCE = aiohttp.ClientTimeout(total=10)
Step = tuple[str, str]


class Receiver:
    """Takes in acknowledgements: `seen` has the ids under which each step (referral, type) came, `taken` got a 2xx."""

    def __init__(self, dice: random.Random, fails: float) -> None:
        self.seen: defaultdict[Step, set[str]] = defaultdict(set)
        self.steps_of: defaultdict[str, set[Step]] = defaultdict(set)
        self.attempts: Counter[str] = Counter()
        self.taken: set[str] = set()
        self.forged = 0
        self.port = 0
        self.secret = ""
        self._dice = dice
        self._fails = fails

    @property
    def waits(self) -> bool:
        """Whether something came and has not been taken yet; its next attempt should arrive."""
        return bool(self.attempts.keys() - self.taken)

    async def start(self) -> None:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_post("/hook", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Listen no longer."""
        await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            Webhook(self.secret).verify(body, dict(request.headers))
        except (WebhookVerificationError, ValueError):
            self.forged += 1
            return web.Response(status=401)
        told, webhook_id = json.loads(body), request.headers["webhook-id"]
        step = (told["data"]["referral_id"], told["type"])
        self.seen[step].add(webhook_id)
        self.steps_of[webhook_id].add(step)
        self.attempts[webhook_id] += 1
        if self.attempts[webhook_id] == 1 and self._dice.random() < self._fails:
            if self._dice.random() < 0.7:
                return web.Response(status=500)
            await asyncio.sleep(SILENCE)
        self.taken.add(webhook_id)
        return web.Response(status=204)

    @property
    def doubled(self) -> int:
        """Steps that came under more than one id, and ids that stood for more than one step."""
        return sum(len(ids) - 1 for ids in self.seen.values()) + sum(len(steps) - 1 for steps in self.steps_of.values())


class Referring:
    """Doctors whom the vendor refers; `ids` has the referrals that each request was answered with, by its key."""

    def __init__(self, site: Site, receiver: Receiver, dice: random.Random) -> None:
        self.ids: defaultdict[str, set[str]] = defaultdict(set)
        self.expected: set[Step] = set()
        self.told_otherwise = 0
        self._site = site
        self._receiver = receiver
        self._dice = dice
        self._doctors: list[asyncio.Task[None]] = []
        self._key = ""

    async def settle_in(self) -> None:
        """The operator adds the vendor."""
        url = f"http://127.0.0.1:{self._site.proxies['vendor'].port}/hook"
        added = await asyncio.to_thread(self._site.command, "vendors", "add", "みなと医療機器", "--webhook", url)
        self._key, self._receiver.secret = added["api_key"], added["webhook_secret"]

    async def refer(self, pause: float, until: float) -> None:
        """A doctor every now and then, until `until` (seconds of the loop's clock)."""
        loop, number = asyncio.get_running_loop(), 0
        while loop.time() < until:
            number += 1
            self._doctors.append(asyncio.create_task(self._doctor(number)))
            await asyncio.sleep(pause * self._dice.uniform(0.5, 1.5))

    async def arrive(self) -> None:
        """Wait until every doctor has come and spoken; cancelled: who has not come will not."""
        await asyncio.gather(*self._doctors)

    async def _doctor(self, number: int) -> None:
        """Referred, joins, writes the code, is joined, and speaks for the first time."""
        referral = await self._create(f"紹介-{number}")
        self.expected.add((referral["id"], "referral.received"))
        await asyncio.sleep(LOOK_EVERY)
        account_id = (await self._site.world("POST", "/accounts", {"name": f"紹介された医師{number}"}))["account_id"]
        await self._site.world("POST", "/joins", {"account_id": account_id, "code": BOARD_LINK})
        await self._says(account_id, f"はじめまして。紹介コードは {referral['code']} です。")
        self.expected.add((referral["id"], "referral.joined"))
        state = "received"
        while state == "received":
            await asyncio.sleep(LOOK_EVERY)
            state = (await self._ask("GET", f"/v1/referrals/{referral['id']}"))["state"]
        await self._says(account_id, f"{number}人目です。よろしくお願いいたします。")
        self.expected.add((referral["id"], "referral.first_post"))

    async def _says(self, account_id: int, body: str) -> None:
        await self._site.world("POST", f"/rooms/{BOARD}/messages", {"account_id": account_id, "body": body})

    async def _create(self, reference: str) -> Any:
        """Refer, and sometimes once more under the same key, as who lost the answer does."""
        wanted = {"reference": reference, "consent": True}
        referral = await self._ask("POST", "/v1/referrals", wanted, key=reference)
        if self._dice.random() < 0.3:
            await self._ask("POST", "/v1/referrals", wanted, key=reference)
        return referral

    async def _ask(self, method: str, path: str, body: object = None, key: str | None = None) -> Any:
        """Ask until there is an answer."""
        headers = {"authorization": f"Bearer {self._key}"} | ({"idempotency-key": key.encode().hex()} if key else {})
        url = f"http://127.0.0.1:{self._site.proxies['ingress'].port}{path}"
        while True:
            with suppress(aiohttp.ClientError, OSError, ValueError):
                async with self._site.session.request(
                    method, url, json=body, headers=headers, timeout=PATIENCE
                ) as answer:
                    if answer.status in (200, 201):
                        told = await answer.json()
                        if key:
                            self.ids[key].add(told["id"])
                        return told
                    self.told_otherwise += answer.status != 503
            await asyncio.sleep(RETRY_AFTER)
