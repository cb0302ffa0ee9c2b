"""Settlement periods as a user writes them."""

from __future__ import annotations

import re

from minerecon_dagster.core.errors import ConfigurationError

_SPAN = re.compile(r"^(\d{1,2})(?:-(\d{1,2}))?$")


def parse_periods(text: str) -> frozenset[int] | None:
    """``44-48`` or ``1,12,24-26`` as a set of periods from 1 to 50; None for an empty text: all of them.

    Raises:
        ConfigurationError: it is neither.
    """
    if not text.strip():
        return None
    found: set[int] = set()
    for part in text.split(","):
        match = _SPAN.match(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= 50:
            raise ConfigurationError(f"settlement periods are written as 44-48 or 1,12,24, from 1 to 50, not {text!r}")
        found.update(range(first, last + 1))
    return frozenset(found)
