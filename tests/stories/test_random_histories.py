"""Whatever people do and in whatever order: whom the engine may never ask, and how often it asks anybody."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fakeredis import FakeAsyncRedis, FakeServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.clock import DAY
from engine.members.store import Members
from engine.ports import Account
from engine.questions.rules import State
from engine.questions.store import list_questions
from engine.questions.texts import is_room_line
from tests.fakes import TOKYO
from tests.stories.community import ADMIN, BOARD, ENGINE, SETTINGS, VENDOR_PERSON, Community, Said

MEMBERS = [Account(100 + number, name, "member") for number, name in enumerate("青井上江小川木倉", 1)]
WORDS = (
    "紹介状の書き方を教えてください。", "駐車場は何台分ありますか？", "こう書いています。", "ありがとうございます！",
    "パス", "#質問ではない", "まだ解決していません。", "いったん保留にします。", "うちは届出の書式を使っています。",
    "それは院内の紹介ですか？", "解決しました。", "なるほど。", "そんなことも知らないんですか？",
)  # fmt: skip
SCORES = re.compile(r"\d\.\d|スコア|点数|順位|ランキング|番目|score|rank", re.IGNORECASE)
CAPS = {"asks_per_day": 1, "asks_per_week": 3, "waves": ["1h", "2h", "3h"]}


@dataclass(frozen=True, slots=True)
class Step:
    """Somebody says `words` (in reply to the message `to`, counted from the newest), then `hours` pass."""

    who: int
    words: int
    to: int | None
    hours: int
    edits: bool = False
    pauses: bool = False


STEPS = st.lists(
    st.builds(
        Step,
        who=st.integers(0, len(MEMBERS) - 1),
        words=st.integers(0, len(WORDS) - 1),
        to=st.none() | st.integers(1, 6),
        hours=st.sampled_from([0, 0, 1, 3, 9, 30]),
        edits=st.booleans(),
        pauses=st.booleans(),
    ),
    min_size=1,
    max_size=14,
)


@dataclass(frozen=True, slots=True)
class Invitation:
    """Something the engine posted: when, to whom, about which message; a daily line is to nobody."""

    at: float
    account_id: int
    message_id: str


@dataclass(frozen=True, slots=True)
class Line:
    """A daily line: when, and what it says."""

    at: float
    body: str


@dataclass(frozen=True, slots=True)
class History:
    """What the engine posted, the authors of messages, everybody's pauses; states of questions after each word."""

    invitations: list[Invitation]
    lines: list[Line]
    authors: dict[str, int]
    pauses: dict[int, list[tuple[float, float]]]
    states: list[tuple[float, dict[str, State]]]
    texts: list[str]


async def live(steps: list[Step]) -> History:
    """Let a history happen."""
    authors: dict[str, int] = {}
    pauses: dict[int, list[tuple[float, float]]] = {}
    redis = FakeAsyncRedis(server=FakeServer(), decode_responses=True)
    with tempfile.TemporaryDirectory() as folder:
        nudge = {"nudge": CAPS, "active_hours": SETTINGS["active_hours"]}
        async with Community.opened(redis, Path(folder), **nudge) as community:
            community.chat.rosters[BOARD] = [*MEMBERS, ADMIN, VENDOR_PERSON, ENGINE]
            await community.after(minutes=6)
            said: list[Said] = []
            states: list[tuple[float, dict[str, State]]] = []
            for step in steps:
                await act(step, said, community, pauses, states)
                authors |= {message.message_id: message.author.account_id for message in said}
            await community.after(days=4)
            posts = {message.message_id: message.sent_at for message in community.chat.rooms.get(BOARD, [])}
            asked = [(post.message_id, post.body) for post in community.chat.posted if post.room_id == BOARD]
    await redis.aclose()
    return History(
        [invitation(posts[message_id], body) for message_id, body in asked if not is_room_line(body)],
        [Line(posts[message_id], body) for message_id, body in asked if is_room_line(body)],
        authors,
        pauses,
        states,
        [body for _, body in asked],
    )


async def act(
    step: Step,
    said: list[Said],
    community: Community,
    pauses: dict[int, list[tuple[float, float]]],
    states: list[tuple[float, dict[str, State]]] | None = None,
) -> None:
    who = MEMBERS[step.who]
    target = said[-step.to] if step.to is not None and step.to <= len(said) else None
    if step.edits and target is not None and target.author is who:
        await community.edits(target, WORDS[step.words])
    elif target is not None:
        said.append(await community.replies(who, target, WORDS[step.words]))
    else:
        said.append(await community.says(who, WORDS[step.words]))
    if step.pauses:
        await pause(who, community)
        now = community.clock.now()
        pauses.setdefault(who.account_id, []).append((now, now + DAY))
    if states is not None:
        found = {question.message_id: question.state for question in await list_questions(community.db)}
        states.append((community.clock.now(), found))
    await community.after(hours=step.hours)


async def pause(who: Account, community: Community) -> None:
    commit = community.db.commit(community.clock.now())
    known = await Members(commit).get(who.account_id)
    assert known is not None
    Members(commit).put(known.model_copy(update={"paused_until": commit.now + DAY}))
    await community.db.apply(commit)


def invitation(at: float, body: str) -> Invitation:
    found = re.search(r"^\[To:(\d+)\].*#!rid\d+-(\d+)", body, re.DOTALL)
    assert found is not None, body
    return Invitation(at, int(found[1]), found[2])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_nobody_is_ever_bothered(steps: list[Step]) -> None:
    history = asyncio.run(live(steps))
    invitations = history.invitations
    members = {member.account_id for member in MEMBERS}
    per_question = Counter((invited.account_id, invited.message_id) for invited in invitations)
    assert max(per_question.values(), default=0) <= 1, "twice for one question"
    for invited in invitations:
        assert invited.account_id in members, "an admin, a vendor or the engine"
        assert invited.account_id != history.authors[invited.message_id], "the asker"
        assert is_active(invited.at), "outside active hours"
        spans = history.pauses.get(invited.account_id, [])
        assert not any(start < invited.at < end for start, end in spans), "paused"
        for span, cap in ((DAY, CAPS["asks_per_day"]), (7 * DAY, CAPS["asks_per_week"])):
            near = [i for i in invitations if i.account_id == invited.account_id and 0 <= invited.at - i.at < span]
            assert len(near) <= int(str(cap)), "over a cap"

        before = [found for at, found in history.states if at < invited.at][-1:]
        then = [found for at, found in history.states if at == invited.at]
        states = {found.get(invited.message_id) for found in (*before, *then)}
        assert states & {State.OPEN, State.CLARIFY}, "after the answer was seen, or withdrawn, or parked"
    assert not [text for text in history.texts if SCORES.search(text)], "a score or a rank"
    assert all(is_active(line.at) for line in history.lines), "outside active hours"
    days = [_local(line.at).date() for line in history.lines]
    assert len(days) == len(set(days)), "two lines a day"
    for line in history.lines:
        assert not re.search(r"\[To:|点|位", line.body), "a name or a score"
        shown = re.findall(r"#!rid\d+-(\d+)", line.body)
        assert shown, "nothing to say"
        assert set(shown) <= set(history.authors)


def is_active(at: float) -> bool:
    hour = local_hour(at)
    return 7 <= hour <= 23 and (12.5 <= hour <= 15 or 19.5 <= hour <= 22.5 or is_weekend(at))


def local_hour(at: float) -> float:
    moment = _local(at)
    return moment.hour + moment.minute / 60


def is_weekend(at: float) -> bool:
    return _local(at).weekday() >= 5


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, TOKYO)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_the_same_history_gives_the_same_invitations(steps: list[Step]) -> None:
    assert asyncio.run(live(steps)) == asyncio.run(live(steps))
