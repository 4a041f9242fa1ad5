"""Redis is away: what its client says of that, in our words. Everything else that it says is a bug."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from redis.exceptions import BusyLoadingError, OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from engine.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Iterator

AWAY = (RedisConnectionError, RedisTimeoutError, BusyLoadingError, ReadOnlyError, OutOfMemoryError, OSError)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Translate "Redis is away" into `Transient`; a wrong command stays a bug."""
    try:
        yield
    except AWAY as error:
        raise Transient(f"redis_away: {type(error).__name__}") from error
    except ResponseError as error:
        if str(error).startswith(("MISCONF", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "UNBLOCKED")):
            raise Transient("redis_cannot_write") from error
        raise
    except RedisError as error:
        raise Transient(f"redis: {type(error).__name__}") from error
