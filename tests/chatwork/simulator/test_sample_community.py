"""The sample community: its people and rooms, its settings, and a script that the engine understands."""

from __future__ import annotations

import base64
import tomllib

import pytest

from engine.chatwork.simulator.model import RoomType
from engine.chatwork.simulator.sample import (
    ADMIN_ROOM,
    BOARD,
    COMMUNITY_FILE,
    ENGINE_ID,
    ENGINE_TOKEN,
    ROOM_ROLES,
    VENDOR_ROOMS,
    WEBHOOK_TOKENS,
    populate,
)
from engine.chatwork.simulator.sample.people import ADMINS, BY_KEY, EVERYBODY, GUESTS, MEMBERS, VENDOR_PEOPLE
from engine.chatwork.simulator.sample.script import (
    ANSWER_TO_ANYTHING,
    ANSWERS_WHEN_ASKED,
    ARRIVALS,
    NO_TIME,
    SCRIPT,
    THANKS,
    Line,
)
from engine.chatwork.simulator.testing import ManualClock
from engine.chatwork.simulator.webhooks import Trigger
from engine.chatwork.simulator.world import World
from engine.questions import detect, remarks
from engine.settings import Community

QUESTIONS = {"application", "staff", "floor", "plan", "records", "waiting"}
REPLY = "[rp aid=1484814 to=567890123-1789012345678901249] ユルユル案内係さん\n"


@pytest.fixture
def world() -> World:
    community = World(ManualClock())
    populate(community, engine_url="http://127.0.0.1:8080/")
    return community


def test_about_forty_people_who_can_all_call(world: World) -> None:
    assert 38 <= len(world.accounts) == len(EVERYBODY) <= 42
    assert len({account.token for account in world.accounts.values()}) == len(EVERYBODY)
    engine = world.account_of(ENGINE_TOKEN)
    assert engine
    assert engine.account_id == ENGINE_ID
    assert next(iter(world.accounts)) == ENGINE_ID


def test_members_come_from_many_specialties_and_no_two_share_a_name(world: World) -> None:
    assert len({member.department for member in MEMBERS}) > 15
    assert len({member.introduction.split("・")[0] for member in MEMBERS}) > 25
    assert len({account.name for account in world.accounts.values()}) == len(world.accounts)


def test_rooms_and_who_is_in_them(world: World) -> None:
    hosts = {ENGINE_ID, *(admin.account_id for admin in ADMINS)}
    members = {member.account_id for member in MEMBERS}
    assert world.room(BOARD).members.keys() == hosts | members
    assert world.room(ADMIN_ROOM).members.keys() == hosts
    for room_id, person in zip(VENDOR_ROOMS, VENDOR_PEOPLE, strict=True):
        assert world.room(room_id).members.keys() == hosts | {person.account_id}
    assert all(world.room(room_id).members[ENGINE_ID].value == "admin" for room_id in ROOM_ROLES)
    assert sorted(ROOM_ROLES.values()) == ["admin", "board", "vendor", "vendor"]


def test_guests_are_outside_until_they_are_referred(world: World) -> None:
    for guest in GUESTS:
        assert [room.type for room in world.rooms_of(guest.account_id)] == [RoomType.MY]


def test_who_will_be_warned_can_be_told_in_private(world: World) -> None:
    unkind = next(line.who for line in SCRIPT if line.key == "unkind")
    assert BY_KEY[unkind].account_id in world.account(ENGINE_ID).contacts


def test_nothing_was_said_before_the_engine_listens(world: World) -> None:
    assert not any(room.messages for room in world.rooms.values())


def test_webhooks_and_the_tokens_handed_to_the_engine(world: World) -> None:
    tokens = dict(pair.split("=", 1) for pair in WEBHOOK_TOKENS.split(","))
    assert {setting: hook.token for setting, hook in world.webhooks.items()} == tokens
    assert all(len(base64.b64decode(token, validate=True)) == 32 for token in tokens.values())
    assert {hook.url for hook in world.webhooks.values()} == {"http://127.0.0.1:8080/webhooks/chatwork"}
    watched = {hook.room_id: hook.triggers for hook in world.webhooks.values()}
    both = {Trigger.CREATED, Trigger.UPDATED}
    assert watched == {None: {Trigger.MENTION}, BOARD: both, ADMIN_ROOM: both}


def test_the_settings_fit_the_community() -> None:
    settings = Community.model_validate(tomllib.loads(COMMUNITY_FILE.read_text(encoding="utf-8")))
    assert {room.room_id: room.role for room in settings.rooms} == ROOM_ROLES
    assert settings.active_hours.always
    assert settings.nudge.max_per_wave == 1
    assert list(settings.nudge.waves) == [8, 20, 40]
    assert settings.active_hours.quiet is None


def test_the_script_can_be_played_in_its_order() -> None:
    keys: set[str] = set()
    for line in SCRIPT:
        assert line.who in BY_KEY
        assert not line.to or line.to in BY_KEY
        assert not line.reply or line.reply in keys
        keys.add(line.key)
    times = [line.at for line in SCRIPT]
    assert times == sorted(times)
    assert times[-1] <= 45


def test_members_speak_for_themselves_and_guests_wait() -> None:
    members = {member.key for member in MEMBERS}
    assert {line.who for line in SCRIPT} <= members
    assert {arrival.doctor for arrival in ARRIVALS} == {guest.key for guest in GUESTS}
    assert {arrival.host for arrival in ARRIVALS} <= members


def asked_by(key: str) -> Line:
    return next(line for line in SCRIPT if line.key == key)


def test_all_questions_but_one_find_an_answer_before_the_first_wave() -> None:
    for key in QUESTIONS - {"floor"}:
        question = asked_by(key)
        answers = [line.at for line in SCRIPT if line.reply == key and line.who != question.who]
        assert answers
        assert min(answers) - question.at < 8
    assert not [line for line in SCRIPT if line.reply == "floor" or line.to == asked_by("floor").who]
    assert "floor" in ANSWERS_WHEN_ASKED


def test_some_questions_have_no_question_mark_and_one_comes_for_the_third_time() -> None:
    marks = {key: "？" in asked_by(key).text for key in QUESTIONS}
    assert set(marks.values()) == {True, False}
    assert "3回目" in asked_by("plan").text


def test_every_asker_with_an_answer_says_thanks() -> None:
    for key in QUESTIONS - {"floor"}:
        asker = asked_by(key).who
        assert any(line.who == asker and remarks.is_solved(line.text) for line in SCRIPT)


@pytest.mark.parametrize("line", [pytest.param(line, id=f"{line.who} at {line.at}") for line in SCRIPT])
def test_the_engine_sees_questions_where_they_are_and_nowhere_else(line: Line) -> None:
    assert detect.judge(line.text).is_question is (line.key in QUESTIONS)


HARMLESS = [*ANSWERS_WHEN_ASKED["floor"], ANSWER_TO_ANYTHING, THANKS, NO_TIME]
HARMLESS += [text for arrival in ARRIVALS for text in (arrival.hello, arrival.welcome)]


@pytest.mark.parametrize("text", [pytest.param(text, id=text[:12]) for text in HARMLESS])
def test_reactions_ask_nothing(text: str) -> None:
    assert not detect.judge(REPLY + text).is_question
    assert remarks.is_pass(REPLY + text) is (text == NO_TIME)


def test_hellos_carry_the_code() -> None:
    assert all("紹介コード: {code}" in arrival.hello for arrival in ARRIVALS)
