"""The rows of a day's turn-up estimate, written in the transaction that builds the day."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection

from minerecon_dagster.checks.turn_up import OF_FUEL, OF_PERIOD, figures_of
from minerecon_dagster.elexon.turn_up import DayTurnUp
from minerecon_dagster.warehouse.copying import copy_rows
from minerecon_dagster.warehouse.store import cursor
from minerecon_dagster.warehouse.tables import turn_up_by_fuel_day, turn_up_by_period


def write_turn_up(connection: Connection, day: dt.date, walked: DayTurnUp) -> None:
    """Write the turn-up of a day's periods and fuels; what was stored of it is deleted before."""
    periods = [(day, period, *figures_of(of)) for period, of in walked.periods.items()]
    fuels = [(day, fuel, *of) for fuel, of in walked.fuels.items()]
    with cursor(connection) as many:
        for table, key, names, rows in (
            (turn_up_by_period, "settlement_period", OF_PERIOD, periods),
            (turn_up_by_fuel_day, "fuel", OF_FUEL, fuels),
        ):
            if rows:
                copy_rows(many, table.fullname, ("settlement_date", key, *names), rows)
