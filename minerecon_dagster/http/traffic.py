"""What a client has asked, counted from many threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ClientStats:
    """What a client has done so far; subtract two to see what happened between them.

    Args:
        requests: attempts sent.
        retries: those of them that were not the first of their call.
        status_counts: attempts by HTTP status; those without one are not in it.
        limit_wait_s: seconds that threads waited for the rate limit, added up.
        request_s: seconds that threads waited for answers, added up.
        body_bytes: size of the decoded bodies.
    """

    requests: int = 0
    retries: int = 0
    status_counts: Mapping[int, int] = field(default_factory=dict)
    limit_wait_s: float = 0.0
    request_s: float = 0.0
    body_bytes: int = 0

    def __sub__(self, earlier: ClientStats) -> ClientStats:
        return ClientStats(
            self.requests - earlier.requests,
            self.retries - earlier.retries,
            Counter(self.status_counts) - Counter(earlier.status_counts),
            self.limit_wait_s - earlier.limit_wait_s,
            self.request_s - earlier.request_s,
            self.body_bytes - earlier.body_bytes,
        )


class StatsCounter:
    """Counts what a client does, from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = ClientStats()

    def snapshot(self) -> ClientStats:
        """What was counted so far."""
        return self._total

    def count(
        self, *, is_retry: bool, status: int | None, limit_wait_s: float, request_s: float, body_bytes: int
    ) -> None:
        """Add one attempt."""
        with self._lock:
            was = self._total
            statuses = Counter(was.status_counts)
            if status is not None:
                statuses[status] += 1
            self._total = ClientStats(
                was.requests + 1,
                was.retries + is_retry,
                statuses,
                was.limit_wait_s + limit_wait_s,
                was.request_s + request_s,
                was.body_bytes + body_bytes,
            )
