"""The short run of the chaos bench: everything is killed again and again under load, nothing is lost or doubled."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.e2e.stack import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

SHORT = {
    "seconds": "25", "seed": "41", "rooms": "3", "rate": "3", "questions": "10", "put-downs": "6",
    "pause": "2", "wire-pause": "2", "referral-pause": "8", "patience": "300",
}  # fmt: skip
ZERO = ("posts doubled (nobody's intent)", "acknowledgements missing", "events lost: messages never heard")


@pytest.mark.parametrize("how", [pytest.param((), id="killed"), pytest.param(("--upgrade",), id="upgraded")])
def test_nothing_is_lost_and_nothing_happens_twice_while_everything_is(how: tuple[str, ...]) -> None:
    arguments = [word for name, value in SHORT.items() for word in (f"--{name}", value)]
    ended = subprocess.run(
        [sys.executable, "ops/chaos/run.py", *arguments, *how],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for what in ZERO:
        assert f"| {what} | 0 |" in ended.stdout
