"""The short run of the chaos bench: everything is killed again and again under load, nothing is lost or doubled."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.e2e.stack import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


def test_nothing_is_lost_and_nothing_happens_twice_while_everything_is_killed() -> None:
    ended = subprocess.run(
        [sys.executable, "ops/chaos/run.py", "--seconds", "40", "--seed", "20261125", "--rate", "2"],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "| posts doubled | 0 |" in ended.stdout
    assert "| questions lost | 0 |" in ended.stdout
