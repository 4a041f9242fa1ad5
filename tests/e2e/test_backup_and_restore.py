"""The database is lost; a copy of a while ago is put back; the engine catches up from Chatwork by itself."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.chatwork.simulator.sample.people import ENGINE_ID, MEMBERS
from engine.chatwork.simulator.sample.rooms import ADMIN_ROOM, BOARD
from engine.routes import WORKERS
from tests.e2e.stack import answer, command
from tests.e2e.test_database_away import site
from tests.e2e.test_killed_while_working import PUT_DOWN, world

if TYPE_CHECKING:
    from tests.e2e.stack import Process
    from tests.e2e.test_database_away import Site

__all__ = ["site"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

QUESTION = "紹介状の書き方を教えてください。"
NEWS = "運営の皆さまへ: システムの記録を"


async def says(site: Site, account_id: int, body: str) -> None:
    await world(site, "POST", f"/rooms/{BOARD}/messages", {"account_id": account_id, "body": body})


async def posts(site: Site) -> Counter[str]:
    """What the engine wrote, and how often it stands there."""
    rooms = [await world(site, "GET", f"/rooms/{room}/messages") for room in (BOARD, ADMIN_ROOM)]
    return Counter(each["body"] for room in rooms for each in room if each["account_id"] == ENGINE_ID)


def starts_all(site: Site) -> dict[str, Process]:
    processes = {name: site.starts("worker", name) for name in WORKERS}
    return processes | {"ingress": site.starts("ingress")}


def known(site: Site) -> dict[str, Any]:
    """What an admin sees of questions, cases and people; numbers and states, not moments."""
    questions = [(q["id"], q["message_id"], q["state"]) for q in answer("questions", "list", env=site.env)]
    cases = [(case["id"], case["state"], case["category"]) for case in answer("cases", "list", env=site.env)]
    people = answer("members", "list", env=site.env)
    return {
        "questions": questions,
        "cases": cases,
        "answers": {member["account_id"]: member["answers"] for member in people},
    }


async def lives_on(site: Site, processes: dict[str, Process]) -> None:
    """After the copy: somebody is asked and answers, a case is opened, another question comes."""
    nudge = processes["nudge"]
    await nudge.until_told("ask_sent")
    [invitation] = [body for body in await posts(site) if "お知恵を貸していただけないでしょうか" in body]
    [asked] = re.findall(r"^\[To:(\d+)\]", invitation)
    [question] = answer("questions", "list", env=site.env)
    reply = f"[rp aid={MEMBERS[0].account_id} to={BOARD}-{question['message_id']}]\nこう書いています。"
    await says(site, int(asked), reply)
    await nudge.until_told("question_answered")
    await processes["score"].until(lambda: processes["score"].told_times("score_updated") >= 2, "ask and answer count")
    await says(site, MEMBERS[1].account_id, PUT_DOWN)
    await processes["moderation"].until_told("case_card_sent")


async def test_the_engine_catches_up_by_itself_and_says_nothing_twice(site: Site) -> None:
    processes = starts_all(site)
    await processes["keeper"].until_told("backup_made")
    await says(site, MEMBERS[0].account_id, QUESTION)
    await processes["nudge"].until_told("question_opened")
    made = answer("backup", env=site.env)
    await lives_on(site, processes)
    refused = command("restore", made["path"], "--replace", env=site.env)
    assert "still running within the last minute" in refused.stderr
    before, said = known(site), await posts(site)
    for process in processes.values():
        await process.end()

    site.database_dies()
    shutil.rmtree(Path(site.data_dir) / "valkey")
    site.database_is_back()
    assert answer("questions", "list", env=site.env) == []
    assert answer("restore", made["path"], env=site.env)["keys"] == made["keys"]

    again = starts_all(site)
    await again["keeper"].until_told("gap_filled", seconds=100)
    await again["moderation"].until_told("case_card_sent")
    await again["keeper"].until_told("alarm_sent")
    await again["nudge"].until_told("question_answered")
    await again["score"].until(lambda: known(site) == before, "everything is known again")
    news = {body: 1 for body in await posts(site) if body.startswith(NEWS)}
    assert len(news) == 1
    assert await posts(site) == said + Counter(news)
    assert answer("dead", "list", env=site.env) == []
