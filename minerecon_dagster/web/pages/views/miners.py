"""`/miners`: what machines at a farm would have made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from minerecon_dagster.core.mining import HASHES_PER_DIFFICULTY, HASHES_PER_TH
from minerecon_dagster.web.pages import figures, tables, words
from minerecon_dagster.web.pages.asked import Asked
from minerecon_dagster.web.pages.figures import DEFAULT_MODEL
from minerecon_dagster.web.pages.names import farm_names, require
from minerecon_dagster.web.pages.reader import Reader, Row
from minerecon_dagster.web.pages.state import NOT_STORED, WITHOUT_A_FIGURE, state_of
from minerecon_dagster.web.pages.tables import Column
from minerecon_dagster.web.pages.views.common import (
    fig,
    periods,
    table_of,
)

SECONDS_PER_DAY = 86_400


def miners(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """What machines at a farm would have made."""
    given = dict(asked.given)
    model = given.get("model") or DEFAULT_MODEL
    if "machines" not in given and "power_mw" not in given:
        given["power_mw"] = "10"
    names = farm_names(reader)
    require(reader, asked, farm=asked.get("farm"), model=asked.get("model"))
    figure = None
    if asked.get("farm"):
        of_fleet = {n: v for n, v in given.items() if n in figures.SIZING}
        inner = Asked(asked.path, {}, of_fleet, asked.prefix, frozenset(of_fleet) - frozenset(asked.given))
        figure = figures.sizing(reader, inner)
        first, last = (dt.date.fromisoformat(figure.parameters[n]) for n in ("from", "to"))
    else:
        first, last = asked.span(figures.recent(reader), figures.MOST_DAYS)
    earnings = reader.ask(
        "mining/days",
        from_=first,
        to=last,
        model=model,
        fields=[
            "settlement_date",
            "miner_model",
            "btc_per_mwh",
            "value_gbp_per_mwh",
            "break_even_price_gbp",
            "difficulty",
            "block_subsidy_btc",
            "price_gbp",
            "status",
        ],
    )
    machines = {r["miner_model"]: r for r in reader.ask("models").rows}
    for row in earnings.rows:
        row["gbp_per_ths_day"] = _per_ths(row)
        row["key"] = f"{row['settlement_date']}/{row['miner_model']}"
    columns = [
        Column("settlement_date", "Day", "day"),
        Column("gbp_per_ths_day", "For each TH/s a day, subsidy only", "ratio", "£"),
        Column("value_gbp_per_mwh", "For each MWh, subsidy only", "price", "£"),
        Column("price_gbp", "Price of a Bitcoin", "price", "£"),
        Column("difficulty", "Difficulty", "count"),
        Column("break_even_price_gbp", "Price at which mining equals what was paid to stop", "price", "£"),
        Column("status", "State", "status"),
    ]
    of_model = earnings.rows[::-1]
    context: dict[str, Any] = {
        "title": "What machines would have made",
        "farms": names,
        "models": list(machines),
        "machines_of": machines,
        "farm": asked.get("farm") or "",
        "model": model,
        "power_mw": given.get("power_mw", ""),
        "machines": given.get("machines", ""),
        "figure": None,
        "table": None,
        "earnings": tables.make(
            asked,
            f"What a day earned on {words.model_text(model)}: block subsidy only, no fees",
            columns,
            of_model,
            "key",
            earnings.address(),
            most=31,
            anchor="earnings",
        ),
        "choices": [("Period", periods(asked, reader, (first, last)))],
    }
    if figure is None:
        known = next((r for r in of_model if None not in (r["gbp_per_ths_day"], r["value_gbp_per_mwh"])), None)
        lacks = [
            what
            for what, name in (("price", "price_gbp"), ("difficulty", "difficulty"))
            if not any(r[name] for r in of_model)
        ]
        sentence = Markup(
            "What a machine earned {} is not known in £: no {} is stored. Choose a farm to see its BTC."
        ).format(words.during_text(first, last), " and no ".join(lacks or ["price with a difficulty"]))
        if not earnings.meta["days_present"]:
            sentence = Markup("{}. No figure stands in for {}.").format(NOT_STORED, words.span_text(first, last))
        if known is not None:
            sentence = Markup(
                "On {}, a TH/s earned {} a day and a MWh on {} {}: block subsidy only, no fees."
                " Choose a farm and a size."
            ).format(
                words.day_text(known["settlement_date"]),
                _pence(known["gbp_per_ths_day"]),
                words.model_text(model),
                fig(known["value_gbp_per_mwh"], "price"),
            )
        return {
            **context,
            "sentence": sentence,
            "state": state_of(earnings.meta),
            "first": str(first),
            "last": str(last),
        }
    own = _own_size(figure.rows, given)
    doubt = Markup(" ({})").format(figure.state.short) if figure.state.short else Markup("")
    if figure.empty or own is None or own["mined_btc"] is None:
        sentence = Markup("{}: nothing to mine with at {} {}.").format(
            figure.empty or "No whole machine of this size", asked.get("farm"), words.during_text(first, last)
        )
        if figure.empty.startswith(WITHOUT_A_FIGURE):
            sentence = Markup("{}. No figure stands in for {}.").format(figure.empty, words.span_text(first, last))
    else:
        value = (
            Markup(", worth {}{} on those days").format(
                "at least " if figure.state.is_least or figures.lacks_prices(own) else "", fig(own["value_gbp"], "gbp")
            )
            if own["value_gbp"] is not None
            else Markup("")
        )
        sentence = Markup(
            "{}, {} of {} at {} would have made {}{} (block subsidy only, no fees){}, at {} of full use{}."
        ).format(
            words.within_text(first, last),
            words.counted(int(own["machine_count"]), "machine"),
            words.model_text(model),
            asked.get("farm"),
            figure.state.at_least,
            fig(own["mined_btc"], "btc"),
            value,
            fig(own["utilisation"], "share"),
            doubt,
        )
    return {
        **context,
        "sentence": sentence,
        "state": figure.state,
        "figure": figure,
        "table": table_of(asked, figure, "Sizes of the fleet"),
        "first": str(first),
        "last": str(last),
    }


def _own_size(rows: Sequence[Row], given: Mapping[str, str]) -> Row | None:
    if "machines" in given:
        return next((r for r in rows if Decimal(r["machine_count"]) == Decimal(given["machines"])), None)
    fitting = [r for r in rows if Decimal(r["fleet_mw"]) <= Decimal(given["power_mw"])]
    return max(fitting, key=lambda r: Decimal(r["machine_count"]), default=None)


def _per_ths(row: Row) -> Decimal | None:
    """What a TH/s earns in a day, in GBP: 86,400 s × 10^12 hashes over difficulty × 2^32, at the price."""
    if None in (row["difficulty"], row["block_subsidy_btc"], row["price_gbp"]):
        return None
    blocks = SECONDS_PER_DAY * HASHES_PER_TH / (Decimal(row["difficulty"]) * HASHES_PER_DIFFICULTY)
    return blocks * Decimal(row["block_subsidy_btc"]) * Decimal(row["price_gbp"])


def _pence(value: Decimal) -> Markup:
    return Markup('<data value="{}" title="exactly {} GBP">£{}</data>').format(
        words.exact(value), words.exact(value), words.rounded(value, 4)
    )
