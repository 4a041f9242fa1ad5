"""A database that would lose accepted events is refused at the start, with the setting and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.connect import connect, refuse_forgetful
from engine.errors import Refused
from tests.e2e.stack import command
from tests.e2e.test_database_away import site

if TYPE_CHECKING:
    from tests.e2e.test_database_away import Site

__all__ = ["site"]
pytestmark = pytest.mark.e2e

FORGETFUL = [
    pytest.param("appendfsync", "everysec", id="a second can be lost"),
    pytest.param("appendonly", "no", id="everything can be lost"),
    pytest.param("maxmemory-policy", "allkeys-lru", id="what is old is evicted"),
]


@pytest.mark.parametrize(("setting", "value"), FORGETFUL)
async def test_it_is_named(site: Site, setting: str, value: str) -> None:
    redis = connect(site.valkey.url)
    await refuse_forgetful(redis)
    await redis.config_set(setting, value)
    with pytest.raises(Refused, match=f"{setting} is {value}; set it to"):
        await refuse_forgetful(redis)
    await redis.aclose()


@pytest.mark.parametrize("part", [("ingress",), ("worker", "score")], ids=["the ingress", "a worker"])
async def test_no_process_works_with_it(site: Site, part: tuple[str, ...]) -> None:
    redis = connect(site.valkey.url)
    await redis.config_set("appendfsync", "no")
    await redis.aclose()
    ended = command(*part, env=site.env)
    assert ended.returncode == 1
    assert ended.stderr.startswith("yuruyuru: the database would lose accepted events: appendfsync is no;")
    assert ended.stderr.count("\n") == 1


async def test_a_server_that_may_not_be_asked_is_believed(site: Site) -> None:
    redis = connect(site.valkey.url)
    await redis.acl_setuser("default", enabled=True, nopass=True, commands=["+@all", "-config"], keys=["*"])
    await refuse_forgetful(redis)
    await redis.aclose()
