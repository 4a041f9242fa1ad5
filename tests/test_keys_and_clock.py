"""Names of keys, and the machine's clock."""

from __future__ import annotations

import time

import pytest

from engine.clock import DAY, Epoch, SystemClock, after
from engine.keys import Keys


@pytest.mark.parametrize(
    ("key", "name"),
    [
        pytest.param(Keys("main")("question", 7), "{main}:question:7", id="numbers are written out"),
        pytest.param(Keys("main").stream, "{main}:events", id="the stream"),
        pytest.param(Keys("main").dead_letters, "{main}:dead", id="dead letters"),
        pytest.param(Keys("main").seen("e1"), "{main}:seen:e1", id="an event that was published"),
        pytest.param(Keys("main").wakes("nudge"), "{main}:wakes:nudge", id="due times"),
        pytest.param(Keys("main").arq_queue("nudge"), "{main}:arq:nudge", id="arq's queue"),
        pytest.param(Keys("other")("x"), "{other}:x", id="another community has its own slot"),
    ],
)
def test_every_key_carries_its_communitys_hash_tag(key: str, name: str) -> None:
    assert key == name


def test_the_machines_clock_tells_the_machines_time() -> None:
    before = time.time()
    assert before <= SystemClock().now() <= time.time()


def test_after() -> None:
    assert after(Epoch(10.0), DAY) == Epoch(86_410)
