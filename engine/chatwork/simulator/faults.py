"""Faults that a test may order: the next requests or deliveries go wrong in a chosen way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class FaultKind(StrEnum):
    """What goes wrong. "After acting" means: the world has changed, but the caller does not learn it."""

    TOO_MANY = "answer_429"
    BROKEN = "answer_500"
    HANG = "hang_after_acting"
    RESET = "reset_after_acting"
    DROP = "drop_webhooks"


@dataclass(slots=True, kw_only=True)
class Fault:
    """`count` more times, for this HTTP method only if one is named."""

    kind: FaultKind
    count: int
    method: str | None = None


class Faults:
    """Ordered faults, first come first served."""

    def __init__(self) -> None:
        self.ordered: list[Fault] = []

    def order(self, fault: Fault) -> None:
        """Let it happen from the next matching request on."""
        self.ordered.append(fault)

    def clear(self) -> None:
        """All is well again."""
        self.ordered.clear()

    def for_request(self, method: str) -> FaultKind | None:
        """Return the fault that befalls this API request, used up by asking."""
        return self._take(lambda fault: fault.kind is not FaultKind.DROP and fault.method in {None, method})

    def for_delivery(self) -> bool:
        """Whether this webhook delivery gets lost, used up by asking."""
        return self._take(lambda fault: fault.kind is FaultKind.DROP) is not None

    def _take(self, matches: Callable[[Fault], bool]) -> FaultKind | None:
        fault = next(filter(matches, self.ordered), None)
        if fault is None:
            return None
        fault.count -= 1
        if fault.count <= 0:
            self.ordered.remove(fault)
        return fault.kind
