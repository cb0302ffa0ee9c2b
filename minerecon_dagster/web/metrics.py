"""What the service counts, in Prometheus' text: for whoever watches it from its own machine."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from minerecon_dagster.web.service import Service

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.02, 0.1, 0.5, 1.0, 3.0)
"""Upper ends of the classes of latencies."""


class Metrics:
    """Requests and their latencies, by route."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._within: Counter[tuple[str, float]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._count: Counter[str] = Counter()

    def count(self, about: Mapping[str, Any]) -> None:
        """A request is over."""
        route, seconds = about["route"], time.perf_counter() - about["started"]
        self._requests[route, about["status"]] += 1
        self._count[route] += 1
        self._seconds[route] += seconds
        for end in SECONDS:
            if seconds <= end:
                self._within[route, end] += 1

    def text(self, service: Service) -> str:
        """All of it, with what the service holds at the moment."""
        return "\n".join(self._lines(service)) + "\n"

    def _lines(self, service: Service) -> Iterator[str]:
        yield "# TYPE minerecon_requests_total counter"
        for (route, status), count in sorted(self._requests.items()):
            yield f'minerecon_requests_total{{route="{route}",status="{status}"}} {count}'
        yield "# TYPE minerecon_request_seconds histogram"
        for route, count in sorted(self._count.items()):
            for end in SECONDS:
                yield f'minerecon_request_seconds_bucket{{route="{route}",le="{end}"}} {self._within[route, end]}'
            yield f'minerecon_request_seconds_bucket{{route="{route}",le="+Inf"}} {count}'
            yield f'minerecon_request_seconds_sum{{route="{route}"}} {self._seconds[route]:.6f}'
            yield f'minerecon_request_seconds_count{{route="{route}"}} {count}'
        found = service.counters
        for name, kind, value in (
            ("cache_hits_total", "counter", found.hits),
            ("cache_misses_total", "counter", found.misses),
            ("refused_total", "counter", found.refused),
            ("connections_in_use", "gauge", service.database.in_use),
            ("requests_waiting", "gauge", service.waiting),
            ("database_up", "gauge", int(service.is_up)),
            ("news_age_seconds", "gauge", round(time.monotonic() - service.news_at, 1)),
        ):
            yield f"# TYPE minerecon_{name} {kind}"
            yield f"minerecon_{name} {value}"
        news = service.news
        if news and news.built_at is not None:
            yield "# HELP minerecon_data_age_seconds Since a day was last built."
            yield "# TYPE minerecon_data_age_seconds gauge"
            yield f"minerecon_data_age_seconds {service.now().timestamp() - news.built_at:.0f}"
        if news and news.newest_final_day is not None:
            yield "# HELP minerecon_newest_final_day_age_days Days in London since the newest day that is final."
            yield "# TYPE minerecon_newest_final_day_age_days gauge"
            yield f"minerecon_newest_final_day_age_days {(service.today() - news.newest_final_day).days}"
