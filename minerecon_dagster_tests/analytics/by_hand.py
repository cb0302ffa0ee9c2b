"""Days put together by hand: a few records of one unit, and all that the pipeline derives from them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from sqlalchemy import Connection, text

from minerecon_dagster.core.calendar import period_count, period_start
from minerecon_dagster.core.mining import FORMULA_VERSION, MINER_MODELS
from minerecon_dagster.warehouse.store import execute_script, statement

UNIT = "T_HANDW-1"


def store_record(
    connection: Connection,
    day: dt.date,
    period: int,
    *,
    mwh: Decimal,
    unit: str = UNIT,
    so_flag: bool = True,
    price: Decimal | None = Decimal(-50),
) -> None:
    """A bid of ``mwh`` (above 0) at ``price`` GBP/MWh, and its unit in the register: Hand Made Wind Farm n."""
    number = unit.rpartition("-")[2]
    connection.execute(
        text(
            "INSERT INTO minerecon.bm_units (bmu_id, valid_from, name, lead_party_name, fuel_type, looks_like_wind,"
            " is_synthetic) VALUES (:unit, '2020-01-01', :name, 'Hand Made Ltd', 'WIND', true, true)"
            " ON CONFLICT DO NOTHING"
        ),
        {"unit": unit, "name": f"Hand Made Wind Farm {number}"},
    )
    connection.execute(
        text(
            "INSERT INTO minerecon.curtailment_records (settlement_date, settlement_period, start_time, stack_side,"
            " bmu_id, sequence_number, lead_party_name, volume_mwh, original_price_gbp_per_mwh, so_flag)"
            " SELECT :day, :period, :start, 'bid', :unit, coalesce(max(sequence_number), 0) + 1, 'Hand Made Ltd',"
            " :volume, :price, :so_flag FROM minerecon.curtailment_records"
        ),
        {
            "day": day,
            "period": period,
            "start": period_start(day, period),
            "unit": unit,
            "volume": -mwh,
            "price": price,
            "so_flag": so_flag,
        },
    )


def store_day(connection: Connection, day: dt.date, *, difficulty: Decimal, synthetic: bool = True) -> None:
    """Everything that follows from the records of ``day``: a final day of all its periods."""
    models = [model.name for model in MINER_MODELS]
    periods = period_count(day)
    connection.execute(
        statement("day/upsert_difficulty"), {"day": day, "difficulty": difficulty, "source_table": "by hand"}
    )
    connection.execute(
        statement("day/insert_calculations"), {"day": day, "models": models, "formula_version": FORMULA_VERSION}
    )
    connection.execute(
        statement("day/upsert_daily_summary"),
        {
            "day": day,
            "periods_expected": periods,
            "periods_due": periods,
            "periods_present": periods,
            "state": "final",
            "archive_uri": "by hand",
            "is_synthetic": synthetic,
            "built_from": None,
            "has_turn_up": False,
            "ccgt": "CCGT",
            "built_at": period_start(day, 1) + dt.timedelta(days=3),
        },
    )
    connection.execute(statement("day/upsert_bitcoin_daily_summaries"), {"day": day, "models": models})
    execute_script(connection, "day/insert_parts", {"day": day})
