"""What a reconciliation check returns, and the properties that are of no one dataset, with their severities.

A check is a family that Dagster shows; its properties are what is compared, each recorded as a row of
``reconciliation_results``. A check that looked at nothing fails. `checks.properties` has the whole list.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from minerecon_dagster.core.repairs import (
    FIX,
    LOAD_DIFFICULTY,
    REBUILD,
    RECALCULATE,
    REFETCH,
    REFRESH_REGISTER,
    REINGEST,
    SWEEP,
    TAKE_RESTATEMENT,
    VERIFY,
    Repair,
    take_register,
    words,
)

Severity = Literal["ERROR", "WARN"]
Scope = Literal["day", "month", "year", "all"]
"""What a result is of, as ``reconciliation_results`` has it."""
SAMPLE_SIZE = 10
"""How many violators a result shows; the count is always of all."""
MOST_KEPT = 1_000
"""How many are kept of a look at all days, which the alerts compare with the look before; the newest come first."""

_BUILD = "fetch, rebuild, verify"
_CALCULATED = "fetch, rebuild, recalculate, verify"
_DRIFT = "verify, fetch of the whole day"
INVENTORY = "inventory"
"""What looks at all days of the calendar: its properties are shown as its checks."""


@dataclass(frozen=True, slots=True)
class Property:
    """One thing that must hold, of a settlement day unless its scope says otherwise.

    Args:
        family: the Dagster check that it belongs to.
        name: its own name.
        severity: ERROR stops the day from being published; WARN asks a person to look.
        meaning: one sentence for whoever is woken by it.
        repair: what mends it, with DATE for the day.
        evaluated: what evaluates it.
        scope: what it is a property of.
        is_beside: whether it is of figures that stand beside the day's: at ERROR they are not shown, and the day warns;
            at WARN it is a remark, which leaves the day's status alone.
    """

    family: str
    name: str
    severity: Severity
    meaning: str
    repair: Repair = REFETCH
    evaluated: str = _BUILD
    scope: Literal["day", "month and year", "all"] = "day"
    is_beside: bool = False

    @property
    def full_name(self) -> str:
        """``family.name``, as waivers and messages have it."""
        return f"{self.family}.{self.name}"

    def repair_of(self, day: dt.date) -> Repair:
        """What mends it on ``day``."""
        return self.repair.over(day)


PERIODS_FETCHED = Property(
    "completeness",
    "periods_fetched",
    "ERROR",
    "No settlement period that is due failed to be fetched.",
)
CONTROL_TOTAL_PRESENT = Property(
    "completeness",
    "control_total_present",
    "ERROR",
    "Elexon's accepted volumes (BOAV) of both sides came: the total that the whole day is held against.",
)
PERIODS_PRESENT = Property(
    "completeness",
    "periods_present",
    "WARN",
    "Every settlement period that is due was answered on every side, with rows or known to be empty.",
    REINGEST,
)
ROWS_OF_THE_RERUN = Property(
    "completeness",
    "rows_of_the_rerun",
    "WARN",
    "Of a day that was fetched after Elexon's second run of it, no period's newest row was made before that run.",
    REINGEST,
)
SOURCE_NOT_SILENT = Property(
    "completeness",
    "source_not_silent",
    "WARN",
    "No answer that had rows came without them when it was last asked for: what it had is kept, with its own time.",
    REINGEST,
)
NO_LONG_SILENCE = Property(
    "completeness",
    "no_long_silence",
    "WARN",
    "No side of the stack is empty for more than two periods in a row, beside acceptances on the other; where it is, "
    "two looks after the re-run, 24 h apart, found it so.",
    REFETCH.left_to_a_person(),
)
RESTATEMENT_BELIEVABLE = Property(
    "completeness",
    "restatement_believable",
    "ERROR",
    "What Elexon says of a final day has not lost more than 10 % of its energy, units or gross money, on either basis, "
    "at once or by several answers since it was final, nor more than 1 % where 5 other final days have lost as much "
    "within 24 hours; unless a person has taken it.",
    TAKE_RESTATEMENT,
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
TURN_UP_MATCHES_ARCHIVE = Property(
    "conservation",
    "turn_up_matches_archive",
    "ERROR",
    "The turn-up estimate of every period and fuel is what the walk over the archived offers gives, and the day has "
    "none where offers are not there.",
    REBUILD,
)
TURN_UP_TARGET_IS_CURTAILED = Property(
    "conservation",
    "turn_up_target_is_curtailed",
    "ERROR",
    "What turn-up is to make up for in a period is its SO-flagged curtailed energy, and of a day with turn-up no such "
    "period lacks it.",
    REBUILD,
)
TURN_UP_ADDS_UP = Property(
    "conservation",
    "turn_up_adds_up",
    "ERROR",
    "Turn-up and what it leaves uncovered are its target; the sums of fuels, of periods and of the day are the same; "
    "and the day's CO2 is its energy by the factors.",
    REBUILD,
)
TURN_UP_RECKONED_AGAIN = Property(
    "conservation",
    "turn_up_reckoned_again",
    "ERROR",
    "A second, plainer way to reckon turn-up from the archive gives the stored estimate of every period.",
    REBUILD,
    "verify, weekly audit",
)
DIFFICULTY_KNOWN = Property(
    "calculation",
    "difficulty_known",
    "ERROR",
    "The difficulty table holds a believable value for the day.",
    LOAD_DIFFICULTY,
    _CALCULATED,
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
    REFRESH_REGISTER.left_to_a_person(),
)
WIND_OUTPUT_WITHIN_CAPACITY = Property(
    "physics",
    "wind_output_within_capacity",
    "ERROR",
    "The wind output of the day and of each period is at most 1.25 times what all wind farms of the register can "
    "give, and a period's MWh are half of its MW.",
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
TURN_UP_WITHIN_PRICES = Property(
    "money",
    "turn_up_within_prices",
    "ERROR",
    "Turn-up is at most its target, and the estimate is between its energy at the lowest and at the highest price of "
    "the period's offers.",
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
    "without being counted, unless a person has reviewed it; and no reviewed one is over 10 % of it and 1,000 MWh.",
    words(
        "look at the unit, and write it into minerecon_dagster/decisions/reviewed_units.toml "
        "(docs/operate/checks.md says how)"
    ),
)
UNCOUNTED_ENERGY_IS_SMALL = Property(
    "register",
    "uncounted_energy_is_small",
    "ERROR",
    "The energy of units that are probably wind farms and are not counted, without the reviewed ones, is at most 1 % "
    "of the day's wind bids.",
    REFRESH_REGISTER.then(REBUILD).left_to_a_person(),
)
UNITS_LOCATED = Property(
    "register",
    "units_located",
    "WARN",
    "Every wind unit in the records has a zone in the version of the register that is in force on the day.",
    REFRESH_REGISTER.then(words("then look at the unit: what has no zone is in zone unknown")).left_to_a_person(),
)
SOURCE_UNCHANGED = Property(
    "drift",
    "source_unchanged",
    "ERROR",
    "The day's accepted wind bids, and Elexon's own totals of them, are what Elexon answers now.",
    FIX,
    _DRIFT,
)
OFFERS_AND_OUTPUT_UNCHANGED = Property(
    "drift",
    "offers_and_output_unchanged",
    "WARN",
    "The turn-up estimate of the periods that are compared and, where Elexon's totals are, the wind output are what "
    "Elexon's offers and AGWS give now.",
    FIX,
    _DRIFT,
)
ELEXON_NOT_SILENT = Property(
    "drift",
    "source_not_silent",
    "WARN",
    "No answer of now lacks the rows that are stored: silence is no change, and nothing is replaced by it.",
    VERIFY,
    _DRIFT,
)
REGISTER_UNCHANGED = Property(
    "drift",
    "register_unchanged",
    "WARN",
    "Elexon's register of BM units has no wind farm that is new, gone, without its fuel type or of another lead party.",
    REFRESH_REGISTER.then(VERIFY).left_to_a_person(),
    "verify",
)
SUMS_NOT_OLDER_THAN_PARTS = Property(
    "rollups",
    "sums_not_older_than_parts",
    "ERROR",
    "Every month and year that has a stored day has sums: what was summed and nothing else, equal to its days, and not "
    "an hour older than a day in it.",
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
    "From 09:00 London on, the settlement day before is stored, with every period, or closed by a person; until noon "
    "the day before it too.",
    REINGEST,
    INVENTORY,
    "all",
)
DAYS_BECOME_FINAL = Property(
    "freshness",
    "days_become_final",
    "ERROR",
    "Every settlement day of the calendar is final by 12:00 London two days after it, or closed by a person.",
    REINGEST,
    INVENTORY,
    "all",
)
EVERY_DAY_IS_COMPLETE = Property(
    "inventory",
    "every_day_is_complete",
    "ERROR",
    "No settlement day of the calendar is missing, failing, or incomplete or provisional for too long, unless a person "
    "has closed it.",
    REINGEST.from_to,
    INVENTORY,
    "all",
)
EVERY_MODEL_RATIO_HOLDS = Property(
    "inventory",
    "every_model_ratio_holds",
    "ERROR",
    "On every stored day the Bitcoin of any two miner models stands in the ratio of their hash rate per watt.",
    RECALCULATE.from_to,
    INVENTORY,
    "all",
)
EVERY_SUM_IS_OF_ITS_DAYS = Property(
    "inventory",
    "every_sum_is_of_its_days",
    "ERROR",
    "The sums of every month and year are what was summed, and the sums of their days.",
    SWEEP,
    INVENTORY,
    "all",
)
EVERY_FINAL_DAY_WAS_RUN_AGAIN = Property(
    "inventory",
    "every_final_day_was_run_again",
    "ERROR",
    "No stored day is final of which a period's newest wind row was made before Elexon ran the period again.",
    REINGEST.from_to,
    INVENTORY,
    "all",
)
EVERY_DAY_MATCHES_ITS_ROWS = Property(
    "inventory",
    "every_day_matches_its_rows",
    "ERROR",
    "The sums of every stored day equal those of its rows now, and its state and periods are those of its answers: "
    "nothing was deleted, added or changed since it was built.",
    REBUILD.from_to,
    INVENTORY,
    "all",
)
EVERY_INPUT_IS_BELIEVABLE = Property(
    "inventory",
    "every_input_is_believable",
    "ERROR",
    "Every stored day was computed with a difficulty that a block can have, takes no wind output of 0 beside accepted "
    "wind bids for known, and has no price at Elexon's limit that was never looked at.",
    REBUILD.from_to,
    INVENTORY,
    "all",
)
EVERY_DAY_COUNTS_ITS_UNITS = Property(
    "inventory",
    "every_day_counts_its_units",
    "ERROR",
    "Every stored day was compared with the register by its rows, and none lacks a unit that the register has learned "
    "of since.",
    REBUILD.from_to,
    INVENTORY,
    "all",
)
EVERY_WIND_UNIT_IS_COUNTED = Property(
    "inventory",
    "every_wind_unit_is_counted",
    "WARN",
    "No unit that may be a wind farm, and at which nobody has looked, was turned down on a stored day without being "
    "counted. Each such unit has a result of its own at ERROR, so that it is told once.",
    REFRESH_REGISTER.left_to_a_person(),
    INVENTORY,
    "all",
)
EVERY_DAY_HAS_ITS_TURN_UP = Property(
    "inventory",
    "every_day_has_its_turn_up",
    "WARN",
    "No stored day is final, has its offers in the archive, and lacks a turn-up estimate. daily_ingest builds such "
    "days from the archive, the oldest first, some in each run.",
    REBUILD.from_to,
    INVENTORY,
    "all",
)
TURN_UP_NEAR_PUBLISHED = Property(
    "inventory",
    "turn_up_near_published",
    "WARN",
    "The turn-up estimate of each month and year of which others publish one by the same method is within 0.2 % of it, "
    "where all of its days are stored and have one.",
    words("look at the days of the month, at its farms in the register, and at the note of the published figure"),
    INVENTORY,
    "all",
)
REGISTER_IS_BELIEVED = Property(
    "inventory",
    "register_is_believed",
    "ERROR",
    "There is a register with wind units in force, and no answer of it that was refused as unbelievable waits for a "
    "person.",
    take_register("SHA256"),
    INVENTORY,
    "all",
)

OF_NO_DATASET: tuple[Property, ...] = tuple(p for p in tuple(vars().values()) if isinstance(p, Property))
"""Those that are declared here, in their order. `checks.properties` has all: a dataset brings its own."""

FAMILIES = (
    "completeness", "control_totals", "conservation", "calculation", "physics", "money", "register", "drift", "rollups",
    "freshness", "inventory",
)  # fmt: skip
"""The families in the order of the documentation; one that a dataset brings follows."""


_SAYS_WRONG = re.compile(r"(not|never|no longer|could not|cannot|missing|older|stale|wrong|failed)\b", re.IGNORECASE)
"""How a text begins that says what is wrong, and not what is there."""


@dataclass(frozen=True, slots=True)
class Result:
    """One evaluation of a property. Whether it passed follows from what was found, and is never said apart from it.

    Args:
        checked: the property.
        looked_at: how many things were compared; 0 is a failure.
        expected, actual: what should be there and what is, as a reader writes it.
        repair: what mends it.
        violation_count: how many violate it.
        violations: those that do; more than a sample of them only where a waiver may name some, or all days were
            looked at.
        waiver: why they are accepted, and by whom; None where they are not.
        waived_until: the last day on which the waiver holds.

    Raises:
        ValueError: it contradicts itself: a count without violators or violators that are not counted, a waiver of
            what has passed, or a text that says what is wrong where nothing is.
    """

    checked: Property
    looked_at: int
    expected: str
    actual: str
    repair: Repair
    violation_count: int = 0
    violations: Sequence[dict[str, Any]] = field(default_factory=tuple)
    waiver: str | None = None
    waived_until: dt.date | None = None

    def __post_init__(self) -> None:
        if contradiction := self._contradiction():
            raise ValueError(f"{self.checked.full_name}: {contradiction}")

    def _contradiction(self) -> str | None:
        shown = len(self.violations)
        if self.looked_at < 0:
            return f"{self.looked_at} things cannot have been looked at"
        if self.violation_count < shown or (self.violation_count > 0) != (shown > 0):
            return f"{self.violation_count} violations are counted, and {shown} are there"
        if (self.waiver is None) != (self.waived_until is None):
            return "a waiver has a reason and a last day, or there is none"
        if self.passed and self.waiver is not None:
            return f"it has passed, and is waived: {self.waiver}"
        if self.passed and _SAYS_WRONG.match(self.actual):
            return f"it has passed, and found: {self.actual}"
        return None

    @property
    def passed(self) -> bool:
        """Whether it held, and something was looked at."""
        return self.looked_at > 0 and self.violation_count == 0

    @property
    def is_waived(self) -> bool:
        """Whether it failed, and that is accepted for a time: what has passed has no waiver."""
        return self.waiver is not None

    @property
    def blocks(self) -> bool:
        """Whether the day must not be published."""
        return not self.passed and not self.is_waived and self.checked.severity == "ERROR"

    @property
    def sample(self) -> list[dict[str, Any]]:
        """The violators that are shown."""
        return list(self.violations[:SAMPLE_SIZE])

    def kept(self, scope: Scope) -> list[dict[str, Any]]:
        """The violators that are recorded: a sample, or of a look at all days nearly always all."""
        return list(self.violations[:MOST_KEPT]) if scope == "all" else self.sample

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
    repair: Repair,
    violations: Sequence[dict[str, Any]] = (),
    problem: object = None,
) -> Result:
    """A `Result` whose violators are counted.

    ``problem`` is what is wrong, in words. It stands for ``actual`` where something violates the property, and is shown
    nowhere else: what was written for a failure is no text of a result that has passed.
    """
    wrong = bool(violations) or not looked_at
    found = actual if problem is None or not wrong else problem
    return Result(checked, looked_at, str(expected), str(found), repair, len(violations), tuple(violations))


def passed(checked: Property, *, looked_at: int, expected: object, actual: object, repair: Repair) -> Result:
    """The `Result` of a property that holds.

    Raises:
        ValueError: nothing was looked at, or ``actual`` says that something is wrong.
    """
    if looked_at < 1:
        raise ValueError(f"{checked.full_name}: what looked at nothing has not passed")
    return result(checked, looked_at=looked_at, expected=expected, actual=actual, repair=repair)


def failed(
    checked: Property,
    *,
    looked_at: int,
    expected: object,
    problem: object,
    repair: Repair,
    violations: Sequence[dict[str, Any]] = (),
) -> Result:
    """The `Result` of a property that does not hold, or could not be looked at.

    Raises:
        ValueError: something was looked at, and no violator is named.
    """
    if looked_at and not violations:
        raise ValueError(f"{checked.full_name}: it has failed, and nothing violates it")
    return result(checked, looked_at=looked_at, expected=expected, actual=problem, repair=repair, violations=violations)


def could_not_look(checked: Property, day: dt.date, why: str, *, repair: Repair | None = None) -> Result:
    """The failed `Result` of a property that could not be evaluated: what could not be looked at has not passed.

    Args:
        checked: the property.
        day: settlement date.
        why: what kept it from being evaluated.
        repair: what mends that; None for the property's own.
    """
    return failed(
        checked,
        looked_at=0,
        expected="a look at the day",
        problem=f"could not look: {why}",
        repair=repair or checked.repair_of(day),
    )
