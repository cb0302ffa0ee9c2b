"""The bundled offline sample: synthetic days, and the small server that serves them.

Nothing in here is Elexon's data; see the README in this folder.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

SAMPLE_DAYS: tuple[dt.date, ...] = (
    dt.date(2025, 3, 28),
    dt.date(2025, 3, 30),
    dt.date(2025, 6, 15),
    dt.date(2025, 10, 26),
)
"""Settlement dates of 48, 46, 48 and 50 periods; on 2025-06-15 no wind farm is turned down."""

SAMPLE_DIFFICULTY_CSV = Path(__file__).parent / "difficulty_retargets.csv"
"""The real difficulty retargets around the sample's days, in the format of ``minerecon difficulty load``."""
