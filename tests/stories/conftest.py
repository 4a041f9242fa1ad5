"""`community`: the whole engine in one process, driven through its real doors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stories.community import Community

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from redis.asyncio import Redis


@pytest.fixture
async def community(redis: Redis, tmp_path: Path) -> AsyncIterator[Community]:
    """A board, an admin room, a vendor's room, and people in them; everything already known to the engine."""
    async with Community.opened(redis, tmp_path) as opened:
        yield opened
