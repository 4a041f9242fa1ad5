"""How a piece of work can end other than well. One table, known everywhere.

| raise                    | means                          | then                                  |
|--------------------------|--------------------------------|---------------------------------------|
| `Ignored(reason)`        | nothing to do after all        | logged, done                          |
| `Transient(retry_after)` | rate limit, 5xx, network       | tried again after a while             |
| `Permanent(reason)`      | will never work                | dead letter now                       |
| anything else            | a bug                          | traceback, few attempts, dead letter  |
"""

from __future__ import annotations


class EngineError(Exception):
    """Something an admin or operator can act on; its text is one sentence without secrets."""


class Ignored(EngineError):
    """Nothing to do after all: a stated outcome, no failure."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Transient(EngineError):
    """Worth another try.

    `retry_after` is in seconds, None where the schedule decides. `maybe_done` is true when the other side may have
    acted although we got no answer: then whoever repeats must look first. `untried` is true when nothing left this
    process, because it was not its turn: that is no failure and counts as none.
    """

    def __init__(
        self, reason: str, *, retry_after: float | None = None, maybe_done: bool = False, untried: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.maybe_done = maybe_done
        self.untried = untried


class Unconfirmed(Transient):
    """A commit was done, but no replica is known to have it: a failover may undo it, as a whole.

    Whoever promises something must not promise it yet; the database itself needs no repair either way.
    """


class Permanent(EngineError):
    """Will never work, however often it is tried."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(EngineError):
    """A person asked for something that cannot be done; the text says the remedy. For commands and settings."""
