"""Stories: a member wishes to be forgotten, and old words go by themselves. On the real server, which is searched."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.clock import DAY
from engine.commands.forgetting import AUDIT, CONSENT, PRESENT, forget
from engine.commands.office import Office
from engine.commit import Entry
from engine.dead import list_dead
from engine.errors import Refused
from engine.moderation.store import list_cases
from engine.outbox import Intent, State, intent_key, set_brake
from engine.ports import Account
from engine.questions.store import Questions, list_questions
from engine.settings import Environment, load_environment
from engine.stream import Consumer
from tests.stories.community import ADMIN, ADMIN_ROOM, ASKER, BOARD, COLLEAGUE, ENGINE, THIRD, Community

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

    from engine.commands.forgetting import Forgotten
    from tests.stories.community import Said

pytestmark = pytest.mark.redis

CANARY = "ことりのさえずり八五三"
QUESTION = f"{CANARY}について、書類の書き方を教えてください。"
PUT_DOWN = f"そんなことも知らないで開業するんですか？研修医でも知ってますよ。{CANARY}ですよ。"


@dataclass(slots=True)
class Town:
    """A community on the real server, and the office where somebody asks to be forgotten."""

    community: Community
    environment: Environment

    async def forgets(self, who: Account) -> Forgotten:
        at = self.community
        return await forget(Office(at.db, at.clock, at.settings, self.environment), who.account_id)

    async def holding(self, text: str) -> list[str]:
        """Names of keys in whose content or name a text stands, whatever their type."""
        redis = self.community.db.redis
        stored = {key: str(await content(redis, key)) async for key in redis.scan_iter(count=1000)}
        return sorted(key for key, value in stored.items() if text in key or text in readable(value))


def readable(stored: str) -> str:
    """What stands there, also where it is written as base64."""
    coded = re.findall(r"[A-Za-z0-9+/]{40,}={0,2}", stored)
    return "\n".join([stored, *(base64.b64decode(f"{piece}==").decode(errors="replace") for piece in coded)])


async def content(redis: Redis, key: str) -> object:
    """All that stands in a key."""
    readers: dict[str, Any] = {
        "string": redis.get,
        "hash": redis.hgetall,
        "set": redis.smembers,
        "zset": lambda key: redis.zrange(key, 0, -1),
        "list": lambda key: redis.lrange(key, 0, -1),
        "stream": redis.xrange,
    }
    return await readers[await redis.type(key)](key)


@pytest.fixture
async def town(real_redis: Redis, tmp_path: Path) -> AsyncIterator[Town]:
    async with Community.opened(real_redis, tmp_path) as community:
        yield Town(community, load_environment({"DATA_DIR": str(tmp_path)}))


async def lives(community: Community) -> Said:
    """All that can happen to somebody's words: asked, quoted, passed on, judged, buried, claimed."""
    asked = await community.says(ASKER, QUESTION)
    await community.after(hours=3)  # somebody is invited with a line of the question
    quote = f"[qt][qtmeta aid={ASKER.account_id} time=1]{CANARY}について[/qt]"
    await community.replies(COLLEAGUE, asked, f"{quote}\n私はこう書いています。")
    await community.says(THIRD, f"[qt][qtmeta aid={COLLEAGUE.account_id}]{quote}なるほど[/qt]わたしもです。")
    await community.edits(asked, f"{QUESTION}よろしくお願いいたします。")
    await community.says(ASKER, PUT_DOWN)
    await community.says(ADMIN, "承認 c1", room=ADMIN_ROOM)
    await community.posts({"webhook_setting_id": "12346", "account_id": ASKER.account_id, "body": CANARY})
    return asked


async def test_no_word_of_a_forgotten_person_is_left_anywhere(town: Town) -> None:
    await lives(town.community)
    before = await town.holding(CANARY)
    kinds = {key.split(":")[1] for key in before}
    assert {"events", "message", "intent", "case", "dead"} <= kinds  # else the search would prove nothing
    forgotten = await town.forgets(ASKER)
    assert await town.holding(CANARY) == []
    assert {"events", "messages", "posts", "dead_letters", "questions", "cases_without_words", "profile"} <= set(
        forgotten.erased
    )


async def test_not_even_a_single_noun_of_their_question_can_be_read(town: Town) -> None:
    """What a question is about is learnt from its nouns; they may name somebody, too."""
    asked = await town.community.says(ASKER, "鉗子洗浄機の選び方を教えてください。")
    await town.community.after(hours=3)
    await town.community.replies(THIRD, asked, "うちは小さいものを使っています。")
    assert await town.holding("鉗子洗浄機") != []
    await town.forgets(ASKER)
    assert await town.holding("鉗子洗浄機") == []


async def test_nothing_learnt_about_a_forgotten_person_is_left(town: Town) -> None:
    """When they were there, what they knew, what they told, why they were asked or not."""
    await town.community.says(THIRD, "診療科: 眼科 地域: 北海道")
    first = await town.community.says(ASKER, "レセコンの選び方を教えてください。")
    await town.community.replies(THIRD, first, "うちは小さいものを使っています。")
    await town.community.says(ASKER, "受付の配置を教えてください。")
    await town.community.after(hours=20)
    learnt = ("topic:", "who:", "habits:", "profile:", "decisions:")
    number = str(THIRD.account_id)
    before = {kind for kind in learnt for key in await town.holding(number) if f":{kind}" in key}
    assert before == set(learnt)  # else the search would prove nothing
    await town.forgets(THIRD)
    assert [key for key in await town.holding(number) if any(f":{kind}" in key for kind in learnt)] == []


async def test_not_even_the_servers_file_holds_the_words_once_it_is_written_anew(town: Town) -> None:
    redis = town.community.db.redis
    folder = Path((await redis.config_get("dir"))["dir"])
    await redis.config_set("aof-use-rdb-preamble", "no")  # which would be compressed, and hide what is searched for
    await lives(town.community)
    assert files_holding(folder, CANARY) != []
    await town.forgets(ASKER)
    async with asyncio.timeout(20):
        while not await is_rewritten(redis):  # noqa: ASYNC110 - asked over a socket
            await asyncio.sleep(0.05)
    assert files_holding(folder, CANARY) == []


async def is_rewritten(redis: Redis) -> bool:
    told = await redis.info("persistence")
    return not told["aof_rewrite_in_progress"] and not told["aof_rewrite_scheduled"]


def files_holding(folder: Path, text: str) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


async def test_what_others_said_stays_and_their_questions_stay_answered(town: Town) -> None:
    community = town.community
    asked = await community.says(COLLEAGUE, "受付の配置を教えてください。")
    await community.replies(ASKER, asked, "入口の右に置いています。")
    await community.says(THIRD, f"[qt][qtmeta aid={ASKER.account_id}]{CANARY}[/qt]たしかに。")
    await town.forgets(ASKER)
    [question] = await list_questions(community.db)
    assert question.state.value == "answered"
    assert [answer.account_id for answer in question.answers] == [0]
    kept = await Questions(community.db.commit(community.clock.now())).message(BOARD, asked.message_id)
    assert kept is not None
    assert kept.body == "受付の配置を教えてください。"


async def test_what_must_stay_is_named_with_its_reason(town: Town) -> None:
    community = town.community
    referral, _ = await community.refers()
    newcomer = Account(150, "加藤", "member")
    await community.joins(newcomer)
    await community.says(newcomer, f"はじめまして。紹介コードは{referral['code']}です。")
    await community.after(minutes=6)
    await community.says(newcomer, PUT_DOWN)
    await community.says(ADMIN, "承認 c1", room=ADMIN_ROOM)
    stays = {one.what: one.why for one in (await town.forgets(newcomer)).stays}
    assert stays["case c1 (approved)"] == AUDIT
    assert stays[f"referral {referral['id']}"] == CONSENT
    assert stays[f"member list of room {BOARD}"] == PRESENT
    [case] = await list_cases(community.db)
    assert (case.masked, case.state.value, len(case.history)) == ("", "approved", 1)


async def test_nobody_hears_of_a_forgotten_question_any_more(town: Town) -> None:
    community = town.community
    await community.says(ASKER, QUESTION)
    await town.forgets(ASKER)
    await community.after(days=3)
    assert community.transcript == []
    assert await town.holding(CANARY) == []


async def test_an_invitation_that_still_waits_is_never_sent(town: Town) -> None:
    community = town.community
    await community.says(ASKER, QUESTION)
    community.clock.move(hours=2)
    assert (await community.runtimes["nudge"].run_job("ask", "q1")).startswith("asked")
    commit = community.db.commit(community.clock.now())
    await set_brake(commit, pull=True, by="cli")
    await community.db.apply(commit)
    await community.after(hours=1)
    [question] = await list_questions(community.db)
    [ask] = question.asks
    await town.forgets(ASKER)
    await community.says(ADMIN, "再開", room=ADMIN_ROOM)
    await community.after(hours=3)
    assert community.transcript == []
    intent, _ = await community.db.read(intent_key(community.db.keys, f"ask-{question.id}-{ask.account_id}"), Intent)
    assert intent is not None
    assert (intent.state, intent.reason) == (State.DROPPED, "forgotten")


async def test_a_late_webhook_does_not_bring_the_words_back(town: Town) -> None:
    community = town.community
    asked = await community.says(ASKER, QUESTION)
    await town.forgets(ASKER)
    await community.delivers("message_created", asked, QUESTION, update_time=0)
    await community.settle()
    await community.after(minutes=10)  # the keeper reads the room again
    assert await town.holding(CANARY) == []


async def test_words_that_a_worker_has_not_read_yet_are_not_dropped_under_it(town: Town) -> None:
    community = town.community
    community.silent.add("score")
    said = community.writes(ASKER, QUESTION)
    await community.delivers("message_created", said, QUESTION, update_time=0)
    with pytest.raises(Refused, match="still wait for a worker"):
        await town.forgets(ASKER)
    await community.settle()
    with pytest.raises(Refused, match="1 messages still wait"):
        await town.forgets(ASKER)
    community.silent.clear()
    await community.settle()
    await town.forgets(ASKER)
    assert await town.holding(CANARY) == []


async def test_words_that_a_worker_has_in_hand_are_not_dropped_under_it(town: Town) -> None:
    community = town.community
    said = community.writes(ASKER, QUESTION)
    await community.delivers("message_created", said, QUESTION, update_time=0)
    [delivery] = await Consumer(community.db, "nudge", "slow").read(10, None)
    await community.settle()
    with pytest.raises(Refused, match="still wait for a worker"):
        await town.forgets(ASKER)
    await community.db.apply(community.db.commit(community.clock.now()), Entry("nudge", delivery.entry.entry_id))
    await town.forgets(ASKER)
    assert await town.holding(CANARY) == []


async def test_forgetting_again_finds_nothing(town: Town) -> None:
    await lives(town.community)
    await town.forgets(ASKER)
    assert (await town.forgets(ASKER)).erased == {}


@pytest.mark.parametrize("who", [COLLEAGUE, THIRD, ADMIN, ENGINE], ids=lambda who: who.name)
async def test_forgetting_somebody_else_touches_no_word_of_hers(town: Town, who: Account) -> None:
    await lives(town.community)
    before = set(await town.holding(CANARY))
    await town.forgets(who)
    lost = {key.split(":")[1] for key in before - set(await town.holding(CANARY))}
    assert lost <= {"intent", "message", "events"}  # an invitation to them, a quote within a quote of theirs
    assert {question.account_id for question in await list_questions(town.community.db)} == {ASKER.account_id}


async def test_a_dead_letter_of_somebody_who_only_mentions_her_stays(town: Town) -> None:
    community = town.community
    body = {"webhook_setting_id": "12346", "account_id": COLLEAGUE.account_id, "body": "unreadable"}
    await community.posts(body)
    await town.forgets(ASKER)
    assert len(await list_dead(community.db)) == 1


# -- by itself --------------------------------------------------------------------------------------------------------


async def test_after_the_retention_no_word_is_left_although_nobody_asked(town: Town) -> None:
    """The record of events would hold a thousand messages for years in a quiet community."""
    await lives(town.community)
    now = (await town.community.db.redis.time())[0]
    town.community.clock.at = type(town.community.clock.at)(now)  # the server's own time dates the entries
    await town.community.after(days=402)
    for key in await town.holding(CANARY):  # what expires by itself does so by the server's clock, which stands
        assert 0 < await town.community.db.redis.ttl(key) <= 400 * DAY, key
    assert await list_questions(town.community.db) == []
    assert await list_dead(town.community.db) == []
    assert [case.masked for case in await list_cases(town.community.db)] == [""]


async def test_before_the_retention_everything_is_still_there(town: Town) -> None:
    await lives(town.community)
    await town.community.after(days=30)
    assert len(await list_questions(town.community.db)) == 1
    assert len(await list_dead(town.community.db)) == 1
    assert all(case.masked for case in await list_cases(town.community.db))
