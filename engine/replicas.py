"""How a script is run so that what it did counts: where a server has replicas, only once they have received it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.commands.core import AsyncScript

CONFIRM_MS = 1000
"""How long a replica may take to receive a commit; less than `ingress.journal.PATIENCE`."""


class Replicas:
    """None: what is on the server's own disk counts."""

    async def wanted(self) -> int:
        """How many must have received a commit. Raises `Transient` for a server that must not be used."""
        return 0

    async def run(self, script: AsyncScript, stream: str, words: Sequence[str]) -> tuple[Any, bool]:
        """The script's reply, and whether everything that it found and did is known to count."""
        wanted = await self.wanted()
        if not wanted:
            return await script(keys=[stream], args=words), True
        # One connection: if it breaks, all of it is done again, on a server that may not know the script yet.
        pipe = script.registered_client.pipeline(transaction=False)
        pipe.eval(str(script.script), 1, stream, *words)
        # WAIT is for this connection's last write. The script may have found another's, not yet received, and written
        # nothing itself: a repeated webhook must not be called kept because of one that may still be lost.
        pipe.set(f"{stream}:confirmed", "", ex=60)
        pipe.wait(wanted, CONFIRM_MS)
        replies = await pipe.execute(raise_on_error=False)  # it would put the commit's words into the error
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies[0], replies[2] >= wanted
