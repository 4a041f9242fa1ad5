#!/usr/bin/env python3
"""The whole suite with coverage: what `make test` runs. Arguments go to pytest.

Fails if a test fails, if coverage of the whole is under 95 %, or if a pure rule is not covered to the last branch.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WHOLE = 95
COMPLETE = "engine/*/rules.py,engine/chatwork/markup.py,engine/ingress/signature.py"
# processes that tests start measure themselves, and find the plugin named in pyproject.toml wherever they start
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "COVERAGE_FILE": str(ROOT / ".coverage")}


def run(*arguments: str) -> int:
    """Run a module of this environment in the project's folder."""
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, env=ENVIRONMENT, check=False).returncode


def main() -> int:
    """Run the tests, then look at what they covered."""
    for old in ROOT.glob(".coverage*"):
        old.unlink()
    workers = str(max(2, os.cpu_count() or 2))
    failed = run("coverage", "run", "-m", "pytest", "-q", "-n", workers, "--dist", "loadgroup", *sys.argv[1:])
    run("coverage", "combine", "--quiet")
    print("\nRules, markup and signature (every branch):", flush=True)
    rules = run("coverage", "report", f"--include={COMPLETE}", "--fail-under=100")
    print("\nThe whole:", flush=True)
    whole = run("coverage", "report", f"--fail-under={WHOLE}")
    return failed or rules or whole


if __name__ == "__main__":
    sys.exit(main())
