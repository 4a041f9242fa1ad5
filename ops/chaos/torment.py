"""The seeded script of what goes wrong: who is killed, what Chatwork does, what the wires between all parties do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ops.chaos.site import PARTS

if TYPE_CHECKING:
    import random

    from ops.chaos.site import Site
    from ops.chaos.vendor import Receiver

FAULTS = ("answer_500", "hang_after_acting", "reset_after_acting")
"""No 429: obeying it means up to five minutes without a look, in which the bench, unlike a community, writes hundreds
of messages; then some of those that no webhook told have scrolled out of what Chatwork shows."""

VICTIMS = dict.fromkeys(PARTS, 3.0) | {"ingress": 1.5, "keeper": 2.0, "valkey": 2.0}
"""How often who is killed. While the ingress is away all rooms have gaps, and the keeper cannot look at all at once."""

ADMIN_LOOKS = 5.0
WIRES = ("redis", "chatwork", "ingress", "vendor")
TOXICS = ("cut", "long cut", "delay", "reset", "swallow", "halve", "slow close")


class Admin:
    """Does what only a person can."""

    def __init__(self, site: Site) -> None:
        self.switched_on = 0
        self._site = site

    async def look_after_webhooks(self) -> None:
        """An admin looks at the webhooks now and then, until cancelled, and enables what Chatwork disabled."""
        while True:
            await asyncio.sleep(ADMIN_LOOKS)
            for webhook in await self._site.world("GET", "/webhooks"):
                if webhook["status"] != "valid":
                    self.switched_on += 1
                    await self._site.world("PUT", f"/webhooks/{webhook['setting_id']}", {"status": "valid"})


class Torment:
    """Does the script."""

    def __init__(self, site: Site, receiver: Receiver, dice: random.Random, kills: random.Random) -> None:
        self._site = site
        self._receiver = receiver
        self._dice = dice
        self._kills = kills  # dice of their own, so that a seed kills the same ones in the same order

    async def kill(self, pause: float, until: float) -> None:
        """Kill somebody every `pause` seconds or so."""
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            await asyncio.sleep(self._kills.uniform(0.5, 1.5) * pause)
            await self._site.kill(self._kills.choices(list(VICTIMS), list(VICTIMS.values()))[0])

    async def spoil(self, pause: float, until: float) -> None:
        """Let Chatwork or a wire misbehave every `pause` seconds or so."""
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            await asyncio.sleep(self._dice.uniform(0.5, 1.5) * pause)
            if self._dice.random() < 0.3:
                await self._misbehave()
            else:
                self._poison(self._dice.choices(WIRES, (4, 3, 1, 1))[0], self._dice.choice(TOXICS))

    async def _misbehave(self) -> None:
        """Chatwork answers wrongly, or loses webhooks."""
        if self._dice.random() < 0.7:
            order = {"kind": self._dice.choice(FAULTS), "count": self._dice.randint(1, 3), "method": "POST"}
        else:
            order = {"kind": "drop_webhooks", "count": self._dice.randint(1, 5)}
        await self._site.world("POST", "/faults", order)

    def _poison(self, wire: str, toxic: str) -> None:
        """Something happens to a wire. A vendor's second attempt is spared, see `vendor.py`."""
        if wire == "vendor" and self._receiver.waits:
            return
        proxy = self._site.proxies[wire]
        match toxic:
            case "cut":
                proxy.cut(self._dice.uniform(0.5, 4.0))
            case "long cut" if wire in ("redis", "chatwork"):
                proxy.cut(self._dice.uniform(11.0, 18.0))  # longer than who waits for an answer has patience
            case "delay":
                proxy.delay(self._dice.uniform(0.01, 0.3), self._dice.uniform(2.0, 10.0))
            case "swallow" | "halve" as kind:
                proxy.arm(kind)
            case "slow close":
                proxy.close_slowly(self._dice.uniform(0.1, 2.0))
            case _:
                proxy.reset()


async def upgrade(site: Site, until: float) -> None:
    """A rolling restart: one part after the other is told to end, and comes back; at least once round."""
    loop = asyncio.get_running_loop()
    while not site.restarts or loop.time() < until:
        for part in PARTS:
            await site.restart(part)
