"""A coverage plugin: lets Python 3.11 measure coroutines that talk to Redis.

redis-py asks each pooled connection for stray data by reading under a time-out of zero, which throws CancelledError
into the coroutine. CPython 3.11 reports no call for a coroutine entered by a throw, only its return, so that coverage
loses count of frames and the lines behind every Redis command look as if they had never run. Python 3.12 reports such
calls. Asking the stream itself needs no throw.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from redis._parsers.hiredis import NOT_ENOUGH_DATA, _AsyncHiredisParser
from redis.exceptions import ConnectionError as RedisConnectionError

if TYPE_CHECKING:
    from coverage.plugin_support import Plugins


async def has_stray_data(parser: Any) -> bool:
    """What `can_read_destructive` answers, without a time-out. Raises redis-py's ConnectionError on a closed stream."""
    await asyncio.sleep(0)
    stream = parser._stream  # noqa: SLF001 - stands in for a method of the class itself
    if stream is None or stream.at_eof():
        raise RedisConnectionError("Connection closed by server.")
    return parser._reader.gets() is not NOT_ENOUGH_DATA or bool(getattr(stream, "_buffer", b""))  # noqa: SLF001


def coverage_init(_: Plugins, __: dict[str, Any]) -> None:
    """Called by coverage in every process it measures."""
    if sys.version_info < (3, 12):
        setattr(_AsyncHiredisParser, "can_read_destructive", has_stray_data)  # noqa: B010 - types know no such assignment
