"""`yuruyuru run` on a fresh machine: what a newcomer sees within the first minute, and what is left when it ends."""

from __future__ import annotations

import os
import re
import signal
import urllib.request
from typing import TYPE_CHECKING

import pytest

from engine.routes import WORKERS
from tests.e2e.stack import Process, answer, command, environment, processes_of, running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FIRST_MINUTE = (
    "question_opened", "ask_sent", "question_answered", "score_updated", "case_opened", "referral_received",
    "referral_joined", "acknowledgement_sent",
)  # fmt: skip
LONGEST_END = 5.0
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
EXPECTED_WARNINGS = {"chatwork_away"}
"""Workers start together with the simulator and may ask it before it listens."""


def get(env: dict[str, str], path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{env['PORT']}{path}", timeout=10) as response:
        text: str = response.read().decode()
        return text


async def test_the_first_minute_the_end_and_the_second_start(tmp_path: Path) -> None:
    env = environment(tmp_path / "data")
    with running("run", env=env) as first:
        await first.until_told("engine_ready")
        await first.until_told(*FIRST_MINUTE)
        refused_while(first, env)
        greets(first, env)
        shows_itself_to_commands(env)
        code, took = await first.end()
        assert (code, took < LONGEST_END) == (0, True), took
        assert processes_of(tmp_path / "data") == {}
        nothing_alarming_was_logged(first)
    questions = answer("questions", "list", env=env)
    assert questions
    assert processes_of(tmp_path / "data") == {}
    with running("run", env=env) as second:
        await second.until_told("engine_ready")
        kept = {question["id"] for question in answer("questions", "list", env=env)}
        assert {question["id"] for question in questions} <= kept
        await second.until_told("question_opened")
        assert (await second.end(signal.SIGTERM))[0] == 0
    assert processes_of(tmp_path / "data") == {}


def refused_while(first: Process, env: dict[str, str]) -> None:
    second = command("run", env=env)
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"process {first.pid} holds the data directory {env['DATA_DIR']}" in second.stderr


def greets(process: Process, env: dict[str, str]) -> None:
    """One plain line about the simulator, the address, how to go on."""
    told = "\n".join(process.plain)
    assert "simulated Chatwork" in process.plain[0]
    assert f"http://127.0.0.1:{env['PORT']}/webhooks/chatwork" in told
    assert "README" in told


def shows_itself_to_commands(env: dict[str, str]) -> None:
    assert '"ready"' in get(env, "/readyz")
    assert "yuruyuru_webhooks_total" in get(env, "/metrics")
    assert answer("cases", "list", env=env)
    vendors = [vendor for vendor in answer("vendors", "list", env=env) if vendor["state"] == "active"]
    assert len(vendors) == 2
    referrals = answer("referrals", "list", env=env)
    assert {"joined", "active"} & {referral["state"] for referral in referrals}
    [asked, *_] = [row for row in answer("members", "list", env=env) if row["answers"] > 0]
    shown = answer("members", "show", str(asked["account_id"]), env=env)
    assert shown["answers"] > 0
    assert answer("dead", "list", env=env) == []


def nothing_alarming_was_logged(process: Process) -> None:
    """No error, no surprise, nobody's words or name."""
    assert [line for line in process.log if line["level"] == "error"] == []
    assert {line["event"] for line in process.log if line["level"] == "warning"} <= EXPECTED_WARNINGS
    assert [line for line in process.lines if JAPANESE.search(line)] == []
    posts = [line["intent"] for line in process.log if line["event"] == "message_posted"]
    assert len(posts) == len(set(posts))


async def test_what_dies_is_started_again_and_the_engine_is_ready_again(tmp_path: Path) -> None:
    env = environment(tmp_path / "data")
    with running("run", env=env) as process:
        await process.until_told("engine_ready")
        victims = processes_of(tmp_path / "data")
        for name in (*(f"worker {worker}" for worker in WORKERS), "ingress"):
            os.kill(next(pid for pid, line in victims.items() if line.endswith(f"engine {name}")), signal.SIGKILL)
        deaths = len(WORKERS) + 1
        await process.until(
            lambda: [line["event"] for line in process.log].count("process_died") == deaths, "all deaths are told"
        )
        await process.until(lambda: [line["event"] for line in process.log].count("engine_ready") == 2, "ready again")
        await process.until_told("question_answered", "score_updated")
        assert (await process.end())[0] == 0
    assert processes_of(tmp_path / "data") == {}


async def test_the_database_is_started_again_and_everything_goes_on(tmp_path: Path) -> None:
    env = environment(tmp_path / "data")
    with running("run", env=env) as process:
        await process.until_told("engine_ready", "question_opened")
        before = process.told_times("question_opened")
        [valkey] = [pid for pid, line in processes_of(tmp_path / "data").items() if "valkey-server" in line]
        os.kill(valkey, signal.SIGKILL)
        await process.until_told("process_died")
        await process.until(lambda: process.told_times("question_opened") > before, "another question is heard")
        code, took = await process.end()
        assert (code, took < LONGEST_END) == (0, True), took
    assert processes_of(tmp_path / "data") == {}


async def test_a_killed_run_leaves_no_process_and_no_lock(tmp_path: Path) -> None:
    env = environment(tmp_path / "data")
    with running("run", env=env) as process:
        await process.until_told("engine_ready")
        await process.end(signal.SIGKILL)
    with running("run", env=env) as second:
        await second.until_told("engine_ready")
        ours = processes_of(tmp_path / "data")
        assert sum("valkey-server" in line for line in ours.values()) == 1
        assert sum("worker" in line for line in ours.values()) == len(WORKERS)
        await second.end()
    assert processes_of(tmp_path / "data") == {}


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        pytest.param({"PORT": "99999"}, "PORT", id="a port that is none"),
        pytest.param(
            {"CHATWORK_API_TOKEN": "x"}, "CHATWORK_WEBHOOK_TOKENS", id="a real account without webhook tokens"
        ),
        pytest.param({"YURUYURU_CONFIG": "/nowhere/community.toml"}, "cannot be read", id="no such file of settings"),
        pytest.param({"REDIS_URL": "postgres://x"}, "REDIS_URL", id="another kind of database"),
        pytest.param({"REDIS_URL": "redis://127.0.0.1:1"}, "is REDIS_URL right?", id="a database that is away"),
        pytest.param({"DATA_DIR": "/proc/yuruyuru"}, "DATA_DIR", id="a folder that cannot be made"),
        pytest.param({"VENDOR_ALLOW_NETWORKS": "home"}, "VENDOR_ALLOW_NETWORKS", id="a network that is none"),
    ],
)
def test_what_cannot_work_is_refused_with_the_remedy(tmp_path: Path, settings: dict[str, str], remedy: str) -> None:
    ended = command("run", env=environment(tmp_path / "data") | settings)
    assert ended.returncode == 1
    assert remedy in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("yuruyuru: ")
    assert processes_of(tmp_path / "data") == {}
