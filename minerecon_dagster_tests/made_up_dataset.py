"""A made-up dataset that comes days after its day: one file with all that is to be known of it, and a table.

Metered output of the wind units of the register, in two runs of which the later one counts: what the next real dataset
looks like.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from msgspec import Raw, Struct
from msgspec import field as json_field
from sqlalchemy import Column, Date, MetaData, Numeric, SmallInteger, Table, Text

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.core.checks import Property, Result, result
from minerecon_dagster.core.repairs import REINGEST
from minerecon_dagster.core.schema import NUMBERS, Int32, Shape, decimal_of, parse_rows
from minerecon_dagster.elexon.datasets.later import LaterDataset, Look, Run
from minerecon_dagster.sample.ask import Asked
from minerecon_dagster.sample.generate import SampleWorld

UNITS_ANSWERED = Property(
    "metered",
    "units_answered",
    "ERROR",
    "Every unit that was asked for was answered.",
    REINGEST.left_to_a_person(),
)

metered_output = Table(
    "metered_output",
    MetaData(schema="minerecon"),
    Column("settlement_date", Date, primary_key=True, comment="Settlement date."),
    Column("settlement_period", SmallInteger, primary_key=True, comment="Settlement period."),
    Column("bmu_id", Text, primary_key=True, comment="BM unit."),
    Column("run_type", Text, primary_key=True, comment="Run of Elexon's."),
    Column("run_rank", SmallInteger, nullable=False, comment="Of the runs that are there the highest counts."),
    Column("metered_mwh", Numeric, nullable=False, comment="Metered output in MWh."),
    comment="Metered output of wind farms, made up.",
)
THE_ONE_THAT_COUNTS = """
    CREATE VIEW analytics.metered_output AS
    SELECT DISTINCT ON (settlement_date, settlement_period, bmu_id) * FROM minerecon.metered_output
    ORDER BY settlement_date, settlement_period, bmu_id, run_rank DESC
"""


class MeteredRow(Struct, frozen=True, gc=False, rename="camel"):
    settlement_date: str
    settlement_period: Int32
    bm_unit: str
    quantity_digits: Raw = json_field(name="quantity")


class Metered(LaterDataset):
    name = "metered"
    report = "MADEUP"
    source = "metered output, made up"
    is_bare = True
    runs = (Run("II", 1, after_days=3), Run("SF", 2, after_days=20))
    run_column = "run_type"
    reaches_back_days = 60
    days_a_run = 25
    most_attempts = 3
    table = metered_output
    columns = ("settlement_date", "settlement_period", "bmu_id", "run_type", "run_rank", "metered_mwh")
    properties = (UNITS_ANSWERED,)

    def __init__(self) -> None:
        self.published: dict[str, str] = {}
        """What the sample's server answers by run: the quantity of each row."""
        self.collapses = False

    def path(self, day: dt.date, run: Run, units: Sequence[str]) -> str:
        query = [("from", day), ("to", day), ("run", run.name), *(("bmUnit", unit) for unit in units)]
        return f"/datasets/MADEUP/stream?{urlencode(query)}"

    def sample(self, world: SampleWorld, asked: Asked) -> list[dict[str, Any]] | None:
        if asked.matches("datasets/MADEUP/stream") is None:
            return None
        day = asked.day(asked.query["from"][0])
        quantity = self.published.get(asked.query["run"][0])
        units = asked.query["bmUnit"][: 1 if self.collapses else None]
        return [
            {"settlementDate": str(day), "settlementPeriod": period, "bmUnit": unit, "quantity": float(quantity)}
            for unit in units
            for period in range(1, period_count(day) + 1)
            if quantity is not None
        ]

    def parse(self, key: AnswerKey, day: dt.date, answer: Answer) -> Sequence[MeteredRow]:
        return parse_rows(_SHAPE, key, day, answer)

    def rows(self, look: Look) -> Iterable[tuple[object, ...]]:
        for row in look.rows:
            mwh = decimal_of(row.quantity_digits)
            yield look.day, row.settlement_period, row.bm_unit, look.run.name, look.run.rank, mwh

    def check(self, look: Look) -> list[Result]:
        silent = sorted(set(look.units) - {row.bm_unit for row in look.rows})
        return [
            result(
                UNITS_ANSWERED,
                looked_at=len(look.units),
                expected=f"{len(look.units)} units",
                actual=f"{len(look.units) - len(silent)} answered",
                repair=UNITS_ANSWERED.repair_of(look.day),
                violations=[{"bmu_id": unit} for unit in silent],
            )
        ]


_SHAPE = Shape(MeteredRow, {"quantity_digits": NUMBERS}, is_bare=True)
