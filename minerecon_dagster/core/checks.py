"""What a reconciliation check returns, and the list of all of them with their severities.

A check is a family that Dagster shows; its properties are what is compared, each recorded as a row of
``reconciliation_results``. A check that looked at nothing fails. ``python -m minerecon_dagster.core.checks``
prints the list as the table of docs/checks.md.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Severity = Literal["ERROR", "WARN"]
Scope = Literal["day", "month", "year", "all"]
"""What a result is of, as ``reconciliation_results`` has it."""
SAMPLE_SIZE = 10
"""How many violators a result shows; the count is always of all."""

REFETCH = "minerecon reingest DATE --force"
REBUILD = "minerecon reingest DATE --from-archive"
RECALCULATE = "minerecon recalculate DATE"
REFRESH_REGISTER = "minerecon local -- dagster job execute -m minerecon_dagster.definitions -j bm_units_refresh"
SWEEP = "minerecon local -- dagster job execute -m minerecon_dagster.definitions -j rollup_sweep"

_BUILD = "fetch, rebuild, verify"
_CALCULATED = "fetch, rebuild, recalculate, verify"
_DRIFT = "verify, fetch of the whole day"


@dataclass(frozen=True, slots=True)
class Property:
    """One thing that must hold, of a settlement day unless its scope says otherwise.

    Args:
        family: the Dagster check that it belongs to.
        name: its own name.
        severity: ERROR stops the day from being published; WARN asks a person to look.
        meaning: one sentence for whoever is woken by it.
        repair: the command that mends it, with DATE for the day.
        evaluated: what evaluates it, for the documentation.
        scope: what it is a property of.
        needs_a_person: whether no repair of a day mends it: Elexon's own figures are odd, and asking again helps
            only if they have changed, which drift finds; or it is mended where it is, in a table or file of its own.
    """

    family: str
    name: str
    severity: Severity
    meaning: str
    repair: str = REFETCH
    evaluated: str = _BUILD
    scope: Literal["day", "month and year", "all"] = "day"
    needs_a_person: bool = False

    @property
    def full_name(self) -> str:
        """``family.name``, as waivers and messages have it."""
        return f"{self.family}.{self.name}"

    def repair_of(self, day: dt.date) -> str:
        """The command that mends it on ``day``."""
        return self.repair.replace("DATE", day.isoformat())


PERIODS_FETCHED = Property(
    "completeness",
    "periods_fetched",
    "ERROR",
    "No settlement period that is due, and no control total, failed to be fetched.",
)
PERIODS_PRESENT = Property(
    "completeness",
    "periods_present",
    "WARN",
    "Every settlement period that is due was answered on every side, with rows or known to be empty.",
    "minerecon reingest DATE",
)
WIND_OUTPUT_KNOWN = Property(
    "completeness",
    "wind_output_known",
    "WARN",
    "Of a day that is over, Elexon's onshore and offshore wind output (AGWS) is known for every period.",
    "minerecon reingest DATE",
)
BOAV_WIND_VOLUME = Property(
    "control_totals",
    "boav_wind_volume",
    "ERROR",
    "Per wind unit, Elexon's accepted volumes (BOAV) equal the records, to 0.5 % or 1 MWh.",
)
EMPTY_DAY_HAS_EMPTY_CONTROL = Property(
    "control_totals",
    "empty_day_has_empty_control",
    "ERROR",
    "A day without wind bids has neither accepted volume (BOAV) nor cashflow (EBOCF) of a wind unit.",
)
NO_REDUCTION_ON_OFFER_SIDE = Property(
    "control_totals",
    "no_reduction_on_offer_side",
    "WARN",
    "No wind unit has a negative volume on the offer side, neither in BOAV nor in the stack.",
    needs_a_person=True,
)
EBOCF_WIND_CASHFLOW = Property(
    "control_totals",
    "ebocf_wind_cashflow",
    "WARN",
    "Per wind unit, Elexon's cashflows (EBOCF) equal the payments, to GBP 100 or 5 % of the gross cashflow.",
)
RECORDS_MATCH_ARCHIVE = Property(
    "conservation",
    "records_match_archive",
    "ERROR",
    "Rows, MWh and GBP per unit are the same in the archive and in the records, on both bases, and so are the periods "
    "that they are in and the wind output.",
    REBUILD,
)
CALCULATIONS_MATCH_RECORDS = Property(
    "conservation",
    "calculations_match_records",
    "ERROR",
    "Every model has the same periods, units and energy as the SO-flagged records, and there is no other model.",
    RECALCULATE,
    _CALCULATED,
)
SUMS_MATCH_PARTS = Property(
    "conservation",
    "sums_match_parts",
    "ERROR",
    "Every figure of the day's summaries equals the sum of its parts, and its state is what the answers say.",
    REBUILD,
    _CALCULATED,
)
DIFFICULTY_KNOWN = Property(
    "calculation",
    "difficulty_known",
    "ERROR",
    "The difficulty table holds a believable value for the day.",
    "minerecon difficulty load FILE.csv",
    _CALCULATED,
    needs_a_person=True,
)
DIFFICULTY_MATCHES_SOURCE = Property(
    "calculation",
    "difficulty_matches_source",
    "ERROR",
    "The difficulty that the day was computed with is the one that the difficulty table holds today.",
    RECALCULATE,
    _CALCULATED,
)
ONE_FORMULA_VERSION = Property(
    "calculation",
    "one_formula_version",
    "ERROR",
    "Every calculation of the day was made by the present version of the formula.",
    RECALCULATE,
    _CALCULATED,
)
BTC_RECOMPUTED = Property(
    "calculation",
    "btc_recomputed",
    "ERROR",
    "Each calculation is the formula on its own stored inputs, to 1e-12, and used the day's difficulty.",
    RECALCULATE,
    _CALCULATED,
)
SUBSIDY_BY_HEIGHT = Property(
    "calculation",
    "subsidy_by_height",
    "ERROR",
    "Each calculation used the block subsidy of the era in which its settlement period began.",
    RECALCULATE,
    _CALCULATED,
)
MODEL_RATIOS = Property(
    "calculation",
    "model_ratios",
    "ERROR",
    "The Bitcoin of any two miner models stands in the ratio of their hash rate per watt, to 1e-9, and no model is "
    "missing.",
    RECALCULATE,
    _CALCULATED,
)
UNIT_ENERGY_WITHIN_CAPACITY = Property(
    "physics",
    "unit_energy_within_capacity",
    "WARN",
    "No wind unit was curtailed by more energy in a period than its capacity gives in half an hour, and 10 % for a "
    "capacity that is out of date.",
    REFRESH_REGISTER,
    needs_a_person=True,
)
WIND_OUTPUT_WITHIN_CAPACITY = Property(
    "physics",
    "wind_output_within_capacity",
    "ERROR",
    "The wind output of the day and of each period is at most 1.25 times what all wind farms of the register can "
    "give, and a period's MWh are half of its MW.",
)
BIDS_ARE_PRICED = Property(
    "money",
    "bids_are_priced",
    "WARN",
    "Every accepted wind bid has a price; energy without one is in no payment.",
    needs_a_person=True,
)
PAYMENT_IS_VOLUME_TIMES_PRICE = Property(
    "money",
    "payment_is_volume_times_price",
    "ERROR",
    "The payment of each record is its volume times its price, and the day's payments are the sums of those.",
    REBUILD,
)
NET_IS_PAID_MINUS_REFUNDED = Property(
    "money",
    "net_is_paid_minus_refunded",
    "ERROR",
    "The day's net payment is what was paid less what was refunded, and those are the sums of the records that pay "
    "and of those that refund.",
    REBUILD,
)
SIGNS_BY_FORMULA = Property(
    "money",
    "signs_by_formula",
    "ERROR",
    "Accepted volumes are negative and curtailed energy is positive; a payment has the sign of volume times price; "
    "what was paid and refunded is not negative.",
    REBUILD,
)
UNITS_IN_FORCE = Property(
    "register",
    "units_in_force",
    "ERROR",
    "Every unit in the records is a wind farm in the version of the register that is in force on the day.",
    REBUILD,
)
LEAD_PARTIES_IN_FORCE = Property(
    "register",
    "lead_parties_in_force",
    "WARN",
    "The lead party of each record is that of the version of the register in force on the day.",
    REBUILD,
)
WIND_LIKE_UNITS_MAPPED = Property(
    "register",
    "wind_like_units_mapped",
    "WARN",
    "No unit that the register does not know, or that looks like a wind farm or once was one, was turned down that day "
    "without being counted, unless a person has reviewed it; and no reviewed one is over 1 % of the day and 100 MWh.",
    "look at the unit, and write it into minerecon_dagster/reviewed_units.toml (docs/checks.md says how)",
    needs_a_person=True,
)
UNCOUNTED_ENERGY_IS_SMALL = Property(
    "register",
    "uncounted_energy_is_small",
    "ERROR",
    "The energy of units that are probably wind farms and are not counted, without the reviewed ones, is at most 1 % "
    "of the day's wind bids.",
    f"{REFRESH_REGISTER}; {REBUILD}",
    needs_a_person=True,
)
SOURCE_UNCHANGED = Property(
    "drift",
    "source_unchanged",
    "ERROR",
    "What is stored of the day is what Elexon answers now.",
    "minerecon verify DATE --action fix",
    _DRIFT,
)
REGISTER_UNCHANGED = Property(
    "drift",
    "register_unchanged",
    "WARN",
    "Elexon's register of BM units has no wind farm that is new, gone, without its fuel type or of another lead party.",
    f"{REFRESH_REGISTER}; minerecon verify DATE",
    "verify",
    needs_a_person=True,
)
SUMS_NOT_OLDER_THAN_PARTS = Property(
    "rollups",
    "sums_not_older_than_parts",
    "ERROR",
    "Every month and year that has a stored day has sums, not older than a day in it, and equal to its days.",
    SWEEP,
    "roll-up, sweep",
    "month and year",
)
ROLLUP_MODEL_RATIOS = Property(
    "rollups",
    "model_ratios",
    "ERROR",
    "The Bitcoin of any two miner models of a month or year stands in the ratio of their hash rate per watt, to 1e-9.",
    SWEEP,
    "roll-up, sweep",
    "month and year",
)
YESTERDAY_IS_THERE = Property(
    "freshness",
    "yesterday_is_there",
    "ERROR",
    "From 09:00 London on, the settlement day before is stored.",
    "minerecon reingest DATE",
    "inventory",
    "all",
)
DAYS_BECOME_FINAL = Property(
    "freshness",
    "days_become_final",
    "ERROR",
    "Every settlement day of the calendar is final by 12:00 London two days after it.",
    "minerecon reingest DATE",
    "inventory",
    "all",
)
EVERY_DAY_IS_COMPLETE = Property(
    "inventory",
    "every_day_is_complete",
    "ERROR",
    "No settlement day of the calendar is missing, failing, or incomplete or provisional for too long.",
    "minerecon reingest FROM TO",
    "inventory",
    "all",
)
EVERY_MODEL_RATIO_HOLDS = Property(
    "inventory",
    "every_model_ratio_holds",
    "ERROR",
    "On every stored day the Bitcoin of any two miner models stands in the ratio of their hash rate per watt.",
    "minerecon recalculate FROM TO",
    "inventory",
    "all",
)
EVERY_DAY_MATCHES_ITS_ROWS = Property(
    "inventory",
    "every_day_matches_its_rows",
    "ERROR",
    "The sums of every stored day equal those of its rows now: none was deleted, added or changed since it was built.",
    "minerecon reingest FROM TO --from-archive",
    "inventory",
    "all",
)
EVERY_DAY_COUNTS_ITS_UNITS = Property(
    "inventory",
    "every_day_counts_its_units",
    "ERROR",
    "Every stored day was compared with the register by its rows, and none lacks a unit that the register has learned "
    "of since.",
    "minerecon reingest FROM TO --from-archive",
    "inventory",
    "all",
)
EVERY_WIND_UNIT_IS_COUNTED = Property(
    "inventory",
    "every_wind_unit_is_counted",
    "WARN",
    "No unit that may be a wind farm, and at which nobody has looked, was turned down on a stored day without being "
    "counted. Each such unit has a result of its own at ERROR, so that it is told once.",
    REFRESH_REGISTER,
    "inventory",
    "all",
    needs_a_person=True,
)
REGISTER_IS_BELIEVED = Property(
    "inventory",
    "register_is_believed",
    "ERROR",
    "There is a register with wind units in force, and no answer of it that was refused as unbelievable waits for a "
    "person.",
    "minerecon register accept SHA256",
    "inventory",
    "all",
    needs_a_person=True,
)

PROPERTIES: tuple[Property, ...] = tuple(p for p in tuple(vars().values()) if isinstance(p, Property))
"""All of them, in the order of their declaration: Dagster's descriptions and docs/checks.md are made from here."""

DAY_PROPERTIES = tuple(p for p in PROPERTIES if p.scope == "day" and p.family != SOURCE_UNCHANGED.family)
"""What is evaluated of every stored day; drift is not, since it needs Elexon's answers of now."""


@dataclass(frozen=True, slots=True)
class Result:
    """One evaluation of a property.

    Args:
        checked: the property.
        looked_at: how many things were compared; 0 is a failure.
        expected, actual: what should be there and what is, as a reader writes it.
        repair: the command that mends it.
        violation_count: how many violate it.
        violations: those that do; more than a sample of them only where a waiver may name some.
        waiver: why they are accepted, and by whom; None where they are not.
        waived_until: the last day on which the waiver holds.
    """

    checked: Property
    looked_at: int
    expected: str
    actual: str
    repair: str
    violation_count: int = 0
    violations: Sequence[dict[str, Any]] = field(default_factory=tuple)
    waiver: str | None = None
    waived_until: dt.date | None = None

    @property
    def passed(self) -> bool:
        """Whether it held, and something was looked at."""
        return self.looked_at > 0 and self.violation_count == 0

    @property
    def is_waived(self) -> bool:
        """Whether it failed, and that is accepted for a time."""
        return not self.passed and self.waiver is not None

    @property
    def blocks(self) -> bool:
        """Whether the day must not be published."""
        return not self.passed and not self.is_waived and self.checked.severity == "ERROR"

    @property
    def sample(self) -> list[dict[str, Any]]:
        """The violators that are shown."""
        return list(self.violations[:SAMPLE_SIZE])

    def waived(self, waiver: str, until: dt.date) -> Result:
        """The same result, accepted through ``until``."""
        return replace(self, waiver=waiver, waived_until=until)

    def __str__(self) -> str:
        """One line: what, expected, actual, and how to repair it."""
        waiver = f"; WAIVED until {self.waived_until}: {self.waiver}" if self.is_waived else ""
        return (
            f"{self.checked.full_name}: {self.violation_count} of {self.looked_at} wrong; "
            f"expected {self.expected}, found {self.actual}; repair: {self.repair}{waiver}"
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
    """A `Result` whose violators are counted."""
    return Result(checked, looked_at, str(expected), str(actual), repair, len(violations), tuple(violations))


def could_not_look(checked: Property, day: dt.date, why: str, *, repair: str | None = None) -> Result:
    """The failed `Result` of a property that could not be evaluated: what could not be looked at has not passed.

    Args:
        checked: the property.
        day: settlement date.
        why: what kept it from being evaluated.
        repair: the command that mends that; None for the property's own.
    """
    return result(
        checked,
        looked_at=0,
        expected="a look at the day",
        actual=f"could not look: {why}",
        repair=repair or checked.repair_of(day),
    )


def table() -> str:
    """All properties as the Markdown table of docs/checks.md."""
    lines = ["| check | severity | of | must hold | evaluated by | repair |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{p.full_name}` | {p.severity} | {p.scope} | {p.meaning} | {p.evaluated} | `{p.repair}` |"
        for p in PROPERTIES
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
