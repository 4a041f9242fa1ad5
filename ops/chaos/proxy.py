"""A TCP proxy between two parties: it cuts, delays, resets, swallows and halves what passes.

What was sent into a cut arrives a little after the cut is over, each connection at its own time and also if its sender
has long given up, as retransmitted packets do. A party that is not there looks like one that resets: whoever connects
cannot know how far its request came.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Awaitable, Callable

CHUNK = 65536
SENT_AGAIN_WITHIN = 3.0
"""Seconds after a cut until the last connection has sent again what was lost in it."""

NO_LINGER = struct.pack("ii", 1, 0)


def reset(writer: StreamWriter) -> None:
    """Close with RST instead of FIN."""
    with suppress(OSError):  # closed already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    writer.transport.abort()


@dataclass(frozen=True, eq=False, slots=True)
class Link:
    """One connection and the one behind it."""

    near: StreamWriter
    far: StreamWriter

    def reset(self) -> None:
        """Reset both."""
        reset(self.near)
        reset(self.far)


class Proxy:
    """Listens on `port` and passes everything on to whatever `connect` opens; `hits` counts what was done to whom."""

    def __init__(
        self, connect: Callable[[], Awaitable[tuple[StreamReader, StreamWriter]]], dice: random.Random
    ) -> None:
        self.port = 0
        self._dice = dice
        self.hits: Counter[str] = Counter()
        self._connect = connect
        self._links: set[Link] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._silent_until = 0.0
        self._delay = (0.0, 0.0)
        self._close_after = 0.0
        self._armed: list[str] = []

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no longer; what is open is reset."""
        self._server.close()
        self.heal()
        self.reset()
        await self._server.wait_closed()

    def heal(self) -> None:
        """All passes again, at once."""
        self._silent_until, self._delay, self._close_after = 0.0, (0.0, 0.0), 0.0
        self._armed.clear()
        self._open.set()

    def cut(self, seconds: float) -> None:
        """No byte passes for so long; connections stay open, new ones are taken, nobody hears anything."""
        self.hits["cut"] += 1
        self._silent_until = max(self._silent_until, time.monotonic() + seconds)
        self._open.clear()
        asyncio.get_running_loop().call_later(seconds, self._end_of_cut)

    def _end_of_cut(self) -> None:
        if time.monotonic() >= self._silent_until - 0.01:
            self._open.set()

    def delay(self, each: float, seconds: float) -> None:
        """Whatever passes within `seconds` takes so much longer."""
        self.hits["delay"] += 1
        self._delay = (each, time.monotonic() + seconds)

    def reset(self) -> None:
        """Reset every connection, whatever is on its way."""
        self.hits["reset"] += 1
        for link in self._links:
            link.reset()

    def arm(self, kind: str) -> None:
        """Spoil the next answer: "swallow" resets in place of it, "halve" closes in the midst of it."""
        self.hits[kind] += 1
        self._armed.append(kind)

    def close_slowly(self, seconds: float) -> None:
        """From now on who hangs up is noticed so much later."""
        self.hits["slow close"] += 1
        self._close_after = seconds

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        await self._whole()
        try:
            far_reader, far_writer = await self._connect()
        except OSError:
            reset(writer)
            return
        link = Link(writer, far_writer)
        self._links.add(link)
        try:
            asked = asyncio.create_task(self._pass_on(reader, far_writer))
            await self._answer(far_reader, link)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        finally:
            self._links.discard(link)
            far_writer.transport.abort()
            writer.close()

    async def _pass_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        """What one party asks."""
        try:
            while chunk := await reader.read(CHUNK):
                await self._road()
                writer.write(chunk)
                await writer.drain()
            await self._whole()
            writer.write_eof()
        except OSError:
            writer.transport.abort()

    async def _answer(self, reader: StreamReader, link: Link) -> None:
        """What the other answers, until it hangs up."""
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await self._road()
                if self._armed:
                    self._spoil(self._armed.pop(0), chunk, link)
                    return
                link.near.write(chunk)
                await link.near.drain()
            await asyncio.sleep(self._close_after)

    def _spoil(self, kind: str, chunk: bytes, link: Link) -> None:
        if kind == "swallow":
            link.reset()
        else:
            link.near.write(chunk[: len(chunk) // 2])

    async def _road(self) -> None:
        """How long it takes."""
        each, until = self._delay
        if time.monotonic() < until:
            await asyncio.sleep(each)
        await self._whole()

    async def _whole(self) -> None:
        """Wait until the cut is over and it is this one's turn to be sent again."""
        if not self._open.is_set():
            await self._open.wait()
            await asyncio.sleep(self._dice.uniform(0.0, SENT_AGAIN_WITHIN))
