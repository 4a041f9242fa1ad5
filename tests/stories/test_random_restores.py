"""Whatever people did before and after the copy: a restore forgets nobody's answer and says nothing twice."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.connect import connect
from engine.questions.store import list_questions
from engine.questions.texts import is_room_line
from tests.fakes import TOKYO
from tests.stories.community import ADMIN, ADMIN_ROOM, BOARD, DIGEST, ENGINE, SETTINGS, VENDOR_PERSON, Community, Said
from tests.stories.test_random_histories import CAPS, MEMBERS, WORDS, Step, act
from tests.stories.test_restored import copied, restored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.questions.rules import State

pytestmark = pytest.mark.redis

STEPS = st.lists(
    st.builds(
        Step,
        who=st.integers(0, len(MEMBERS) - 1),
        words=st.integers(0, len(WORDS) - 1),
        to=st.none() | st.integers(1, 6),
        hours=st.sampled_from([0, 0, 1, 3, 9]),  # messages are told again for a week
    ),
    min_size=1,
    max_size=14,
)

Known = dict[str, tuple["State", frozenset[int]]]
"""By message: what a question's state is, and who answered it."""


async def live(url: str, steps: list[Step], copied_after: int) -> tuple[Known, Known, Counter[tuple[int, str]]]:
    """What is known of the questions before the loss and after the restore, and what stands in the rooms at the end."""
    redis = connect(url)
    await redis.flushall()
    nudge = {"nudge": CAPS, "active_hours": SETTINGS["active_hours"]}
    with tempfile.TemporaryDirectory() as folder:
        async with Community.opened(redis, Path(folder), **nudge) as community:
            community.chat.rosters[BOARD] = [*MEMBERS, ADMIN, VENDOR_PERSON, ENGINE]
            await community.after(minutes=6)
            said: list[Said] = []
            for step in steps[:copied_after]:
                await act(step, said, community, {})
            made = await copied(community, Path(folder))
            for step in steps[copied_after:]:
                await act(step, said, community, {})
            before = await known(community)
            await restored(community, made)
            after = await known(community)
            await community.after(days=4)
            times = {said.message_id: said.sent_at for room in community.chat.rooms.values() for said in room}
            posts = Counter(
                (post.room_id, essence(post.body, times[post.message_id])) for post in community.chat.posted
            )
    await redis.aclose()
    return before, after, posts


async def known(community: Community) -> Known:
    return {
        question.message_id: (question.state, frozenset(answer.account_id for answer in question.answers))
        for question in await list_questions(community.db)
    }


def essence(body: str, at: float) -> str:
    """To whom and about which message; a case's number aside. Of what is said once a day, the day."""
    day = datetime.fromtimestamp(at, TOKYO).date()
    if is_room_line(body):
        return f"the line of {day}"
    if DIGEST in body:
        return f"the digest of {day}"
    found = re.search(r"#!rid\d+-\d+", body)
    return (re.match(r"(\[To:\d+\])?", body) or [""])[0] + (found[0] if found else body)


def doubled(posts: Mapping[tuple[int, str], int]) -> list[tuple[int, str]]:
    return [post for post, times in posts.items() if times > 1]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS, share=st.floats(0, 1))
def test_nothing_is_forgotten_and_nothing_is_said_twice(valkey_url: str, steps: list[Step], share: float) -> None:
    before, after, posts = asyncio.run(live(valkey_url, steps, int(share * len(steps))))
    assert after == before
    assert doubled(posts) == []
    assert sum(room_id == ADMIN_ROOM and "システムの記録を" in body for room_id, body in posts) == 1
