"""Two limits with two different 429s."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.chatwork.simulator import limits, writing
from engine.chatwork.simulator.testing import START, House, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


async def test_every_answer_counts_down(house: House) -> None:
    aoki = house.person("青木")
    for left in (299, 298):
        headers = (await house.call(aoki, "GET", "/me")).headers
        assert headers["x-ratelimit-limit"] == "300"
        assert headers["x-ratelimit-remaining"] == str(left)
        assert headers["x-ratelimit-reset"] == str(int(START) + 300)
        house.clock.now += 1


async def test_after_three_hundred_the_token_waits_for_the_reset_and_others_do_not(house: House) -> None:
    aoki, ida = house.person("青木"), house.person("井田")
    for _ in range(limits.REQUESTS):
        house.world.request_limit.take(aoki.token, house.world.now())
    refused = await house.call(aoki, "GET", "/me")
    assert (refused.status, refused.error) == (429, "Rate limit exceeded.")
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert (await house.call(ida, "GET", "/me")).status == 200
    house.world.advance(limits.REQUESTS_WINDOW)
    assert (await house.call(aoki, "GET", "/me")).status == 200


async def test_refused_and_wrong_requests_are_counted_too(house: House) -> None:
    aoki = house.person("青木")
    await house.call(aoki, "GET", "/nowhere")
    assert (await house.call(aoki, "GET", "/me")).headers["x-ratelimit-remaining"] == "298"


async def test_a_room_takes_ten_posts_in_ten_seconds_messages_and_tasks_together(house: House) -> None:
    aoki, ida = house.person("青木"), house.person("井田")
    room = house.room("談話室", aoki, ida)
    other = house.room("別室", aoki)
    messages, tasks = f"/rooms/{room.room_id}/messages", f"/rooms/{room.room_id}/tasks"
    for _ in range(9):
        assert (await house.call(aoki, "POST", messages, {"body": "a"})).status == 200
    task = {"body": "a", "to_ids": aoki.account_id}
    assert (await house.call(ida, "POST", tasks, task)).status == 200
    for path, form in ((messages, {"body": "a"}), (tasks, task)):
        refused = await house.call(ida, "POST", path, form)
        assert (refused.status, refused.error) == (429, "Rate limit for message posting per room exceeded.")
        assert int(refused.headers["x-ratelimit-remaining"]) > 200
    assert (await house.call(aoki, "POST", f"/rooms/{other.room_id}/messages", {"body": "a"})).status == 200
    house.world.advance(10)
    assert (await house.call(aoki, "POST", messages, {"body": "a"})).status == 200


async def test_reading_editing_and_talking_in_the_web_page_do_not_count_as_posts(house: House) -> None:
    aoki = house.person("青木")
    room = house.room("談話室", aoki)
    path = f"/rooms/{room.room_id}/messages"
    for _ in range(11):
        said = writing.say(house.world, aoki, room.room_id, "a")
        assert (await house.call(aoki, "PUT", f"{path}/{said.message_id}", {"body": "b"})).status == 200
    assert (await house.call(aoki, "POST", path, {"body": "a"})).status == 200


async def test_a_refused_post_does_not_count(house: House) -> None:
    aoki = house.person("青木")
    path = f"/rooms/{house.room('談話室', aoki).room_id}/messages"
    for _ in range(11):
        await house.call(aoki, "POST", path)
    assert (await house.call(aoki, "POST", path, {"body": "a"})).status == 200


def test_the_post_limit_slides() -> None:
    limit = limits.PostLimit()
    assert all(limit.take(1, float(second)) for second in range(10))
    assert not limit.take(1, 9.9)
    assert limit.take(1, 10.0)
    assert not limit.take(1, 10.5)


def test_the_window_begins_with_the_first_request() -> None:
    limit = limits.RequestLimit()
    assert limit.take("t", 1000.7).reset == 1300
    assert limit.take("t", 1299.0).reset == 1300
    again = limit.take("t", 1300.0)
    assert (again.reset, again.remaining) == (1600, 299)
