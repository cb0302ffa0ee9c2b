"""What a reconciliation check returns, and the list of all of them with their severities.

A check is a family that Dagster shows; its properties are what is compared, each recorded as a row of
``reconciliation_results``. A check that looked at nothing fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["ERROR", "WARN"]
SAMPLE_SIZE = 10
"""How many violators a result shows; the count is always of all."""


@dataclass(frozen=True, slots=True)
class Property:
    """One thing that must hold of a settlement day.

    Args:
        family: the Dagster check that it belongs to.
        name: its own name.
        severity: ERROR stops the day from being published; WARN asks a person to look.
        meaning: one sentence for whoever is woken by it.
    """

    family: str
    name: str
    severity: Severity
    meaning: str


PERIODS_PRESENT = Property(
    "completeness",
    "periods_present",
    "WARN",
    "Every settlement period that is due was answered on every side, with rows or known to be empty.",
)
PERIODS_FETCHED = Property(
    "completeness",
    "periods_fetched",
    "ERROR",
    "No settlement period that is due, and no control total, failed to be fetched.",
)
WIND_OUTPUT_KNOWN = Property(
    "completeness",
    "wind_output_known",
    "WARN",
    "Of a day that is over, Elexon's onshore and offshore wind output (AGWS) is known for every period.",
)
BOAV_WIND_VOLUME = Property(
    "control_totals",
    "boav_wind_volume",
    "ERROR",
    "Per wind unit, Elexon's accepted volumes (BOAV) equal the records, to 0.5 % or 1 MWh.",
)
RECORDS_MATCH_ARCHIVE = Property(
    "conservation",
    "records_match_archive",
    "ERROR",
    "Rows, MWh and GBP per unit are the same in the archive and in the records, on both bases.",
)
CALCULATIONS_MATCH_RECORDS = Property(
    "conservation",
    "calculations_match_records",
    "ERROR",
    "Every model has the same periods, units and energy as the SO-flagged records.",
)
SUMS_MATCH_PARTS = Property(
    "conservation", "sums_match_parts", "ERROR", "Every figure of the day's summaries equals the sum of its parts."
)
DIFFICULTY_KNOWN = Property(
    "calculation", "difficulty_known", "ERROR", "The difficulty table holds a believable value for the day."
)
BIDS_ARE_PRICED = Property(
    "money", "bids_are_priced", "WARN", "Every accepted wind bid has a price; energy without one is in no payment."
)
SUMS_NOT_OLDER_THAN_PARTS = Property(
    "rollups",
    "sums_not_older_than_parts",
    "ERROR",
    "Every month and year that has a stored day has sums, not older than a day in it, and equal to its days.",
)
"""Of months and years, where those of `PROPERTIES` are of a settlement day."""

PROPERTIES: tuple[Property, ...] = (
    PERIODS_FETCHED,
    PERIODS_PRESENT,
    WIND_OUTPUT_KNOWN,
    BOAV_WIND_VOLUME,
    RECORDS_MATCH_ARCHIVE,
    CALCULATIONS_MATCH_RECORDS,
    SUMS_MATCH_PARTS,
    DIFFICULTY_KNOWN,
    BIDS_ARE_PRICED,
)


@dataclass(frozen=True, slots=True)
class Result:
    """One evaluation of a property.

    Args:
        checked: the property.
        looked_at: how many things were compared; 0 is a failure.
        expected, actual: what should be there and what is, as a reader writes it.
        repair: the command that mends it.
        violation_count: how many violate it.
        violations: a bounded sample of them.
    """

    checked: Property
    looked_at: int
    expected: str
    actual: str
    repair: str
    violation_count: int = 0
    violations: Sequence[dict[str, Any]] = field(default_factory=tuple)

    @property
    def passed(self) -> bool:
        """Whether it held, and something was looked at."""
        return self.looked_at > 0 and self.violation_count == 0

    @property
    def blocks(self) -> bool:
        """Whether the day must not be published."""
        return not self.passed and self.checked.severity == "ERROR"

    def __str__(self) -> str:
        """One line: what, expected, actual, and how to repair it."""
        return (
            f"{self.checked.family}.{self.checked.name}: {self.violation_count} of {self.looked_at} wrong; "
            f"expected {self.expected}, found {self.actual}; repair: {self.repair}"
        )


def result(
    checked: Property,
    *,
    looked_at: int,
    expected: object,
    actual: object,
    repair: str,
    violations: Sequence[dict[str, Any]] = (),
) -> Result:
    """A `Result` whose violators are counted, and of which only a sample is kept."""
    return Result(
        checked, looked_at, str(expected), str(actual), repair, len(violations), tuple(violations[:SAMPLE_SIZE])
    )
