"""A chart of each kind, of made-up days, for tests and for looking at: run with a folder, it draws them there."""
# ruff: noqa: E501

from __future__ import annotations

import datetime as dt
import random
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from minerecon_dagster import charts
from minerecon_dagster.charts import Bar, Chart, Note, Point, Words
from minerecon_dagster.core.calendar import period_count

SOURCE = "Contains BMRS data © Elexon Limited copyright and database right."


def made_days(first: dt.date, count: int, seed: int = 1) -> list[Point]:
    """Days with figures of all kinds; some provisional, one missing, one failing."""
    chance = random.Random(seed)
    points = []
    for n in range(count):
        date = first + dt.timedelta(days=n)
        status = "provisional" if n >= count - 2 else "missing" if n == 10 else "failing" if n == 17 else "complete"
        mwh = Decimal(round(max(0.0, chance.gauss(9000, 9000)), 3))
        paid = (mwh * Decimal("24.6")).quantize(Decimal("0.01"))
        back = (mwh * Decimal(chance.randint(0, 6))).quantize(Decimal("0.01"))
        share = mwh / (mwh + Decimal(chance.randint(40000, 200000)))
        values: dict[str, Decimal | None] = {
            "so": mwh, "all": mwh * Decimal("1.18"), "paid": paid, "refunded": back, "net": paid - back, "share": share,
            "S19J_PRO": mwh / 6400, "S9": mwh / 19000, "M20S": mwh / 9700,
            "this": mwh, "other": Decimal(round(max(0.0, chance.gauss(8000, 7000)), 3)),
        }  # fmt: skip
        if status == "missing":
            values = dict.fromkeys(values)
        points.append(Point(charts.day(date), values, status, is_restated=n == 5))
    return points


def only(points: list[Point], *names: str) -> list[Point]:
    return [Point(p.at, {n: p.values.get(n) for n in names}, p.status, p.text, p.is_restated) for p in points]


def made_periods(points: list[Point]) -> Mapping[tuple[dt.date, int], Decimal]:
    chance = random.Random(3)
    made = {}
    for point in points:
        mean = float(point.values["so"] or 0) / 48
        for period in range(1, period_count(point.at.start) + 1):
            if point.status != "missing":
                windy = max(0.0, chance.gauss(mean, mean * 0.6)) if 8 < period < 40 or chance.random() < 0.4 else 0.0
                made[(point.at.start, period)] = Decimal(round(windy, 3))
    return made


def half_hours(date: dt.date, status: str = "complete") -> list[Point]:
    chance = random.Random(date.toordinal())
    points = []
    for period in range(1, period_count(date) + 1):
        mwh = Decimal(round(max(0.0, chance.gauss(260, 220)), 3))
        points.append(Point(charts.half_hour(date, period), {"so": mwh, "all": mwh * Decimal("1.1")}, status))
    return points


def examples() -> list[Chart]:
    """All kinds, each as a page would have it."""
    march = made_days(dt.date(2025, 3, 1), 31)
    year = made_days(dt.date(2025, 1, 1), 365, 7)
    five = made_days(dt.date(2021, 1, 1), 1826, 9)
    months = charts.regrouped(year, "month")

    def said(title: str, subtitle: str) -> Words:
        return Words(title, subtitle, f"{title}. {subtitle}.", SOURCE)

    farms = [
        ("Seagreen", 88214), ("Moray East", 70113), ("Viking Energy Wind Farm, Shetland", 61022), ("Beatrice", 34410),
        ("Whitelee", 20988), ("Clyde (North and Central and South)", 15877), ("Dorenell", 12034), ("Stronelairg", 8040),
    ]  # fmt: skip
    spring, autumn = dt.date(2025, 3, 30), dt.date(2025, 10, 26)
    return [
        charts.energy(
            "energy-half-hours", half_hours(autumn), said("Most was turned down after breakfast", "SO-flagged bids, MWh per half hour, Sun 26 October 2025 (50 half hours), London time"),
        ),
        charts.energy("energy-46", half_hours(spring, "provisional"), said("A short day, which may still change", "SO-flagged bids, MWh per half hour, Sun 30 March 2025 (46 half hours), London time")),
        charts.energy("energy-days", march, said("Wind farms were turned down on all but one of the days of March", "SO-flagged bids, MWh by day, March 2025; 2 of 31 days may still change"), [Note(27, "record: 28 March")]),
        charts.energy("energy-year", year, said("A year of days: winter is windy, and so is what is thrown away", "SO-flagged bids, MWh by day, 2025")),
        charts.energy("energy-weeks", charts.regrouped(five, "week"), said("Five years by week", "SO-flagged bids, MWh by week, 2021 to 2025"), [Note(172, "halving, 20 April 2024")]),
        charts.energy("energy-months", months, said("By month", "SO-flagged bids, MWh by month, 2025")),
        charts.energy("energy-years", charts.regrouped(five, "year"), said("By year", "SO-flagged bids, MWh by year")),
        charts.money("money-days", march, said("£5.2m was paid to wind farms to stop", "SO-flagged bids, £ by day, March 2025")),
        charts.money("money-months", months, said("Payments by month", "SO-flagged bids, £ by month, 2025")),
        charts.share("share-days", march, said("A tenth of the wind's output was turned down", "SO-flagged energy over output and SO-flagged energy, % by day, March 2025")),
        charts.bitcoin("bitcoin-days", only(march, "S19J_PRO", "S9", "M20S"), said("It could have mined 45.1 BTC on S19J Pro", "BTC by day, of SO-flagged energy, at each day's difficulty, March 2025")),
        charts.bitcoin("bitcoin-months", only(months, "S19J_PRO", "S9", "M20S"), said("Bitcoin by month", "BTC by month, of SO-flagged energy, 2025")),
        charts.heat_map("heat-map", march, made_periods(march), said("Mostly by day: which half hours were turned down", "SO-flagged bids, MWh per half hour, March 2025, London time")),
        charts.calendar("calendar", 2025, {p.at.start: p for p in year}, said("2025 day by day", "SO-flagged bids, MWh by day")),
        charts.state_calendar("states", 2025, {p.at.start: p for p in year[:300]}, said("298 of 300 days are final", "Status of each day of 2025")),
        charts.ranked("farms", [Bar(n, Decimal(v), f"{v:,} MWh, {v / 3500:.1f} %", "provisional" if n == "Beatrice" else "complete") for n, v in farms], said("Seagreen was turned down most", "SO-flagged bids, MWh and share of all, March 2025")),
        charts.places("places", [
            charts.Spot(n, Decimal(x), Decimal(y), Decimal(mwh), None if s is None else Decimal(s), (f"{mwh:,} MWh",), state)
            for n, x, y, mwh, s, state in [
                ("Seagreen", "-1.74", "56.59", 88214, "0.64", "complete"), ("Viking, Shetland", "-1.3", "60.3", 61022, "0.32", "provisional"),
                ("Whitelee", "-4.27", "55.68", 20988, "0.03", "complete"), ("Walney", "-3.52", "54.04", 0, None, "complete"),
            ]
        ], said("Two farms lost half of what they notified", "SO-flagged bids over notified potential, March 2025")),
        charts.compare("compare", march, said("More than a year before", "SO-flagged bids, MWh by day"), "March 2025", "March 2024"),
        charts.published("published", charts.regrouped([Point(p.at, {"ours": p.values["this"], "theirs": p.values["other"]}, p.status) for p in year], "month"), said("Ours and theirs agree to a percent", "MWh by month, 2025"), "National Energy System Operator"),
        charts.restatements("restatements", [Point(p.at, {"before": p.values["this"], "after": p.values["other"]}, p.status, is_restated=True) for p in march[:6]], said("Six days were restated", "SO-flagged bids, MWh by day")),
        charts.sizing("sizing", [(Decimal(n), Decimal(n) / (1 + Decimal(n) / 40)) for n in range(0, 105, 5)], said("10 MW at Seagreen would have made 8.0 BTC", "BTC in 2025 by size of the fleet, S19J Pro"), x_unit="MW", marked=Decimal(10), tips=[f"{n} MW" for n in range(0, 105, 5)]),
    ]  # fmt: skip


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    chosen = sys.argv[2:]
    with charts.Drawer() as drawer:
        for chart in examples():
            if chosen and chart.name not in chosen:
                continue
            for width in (charts.WIDE, charts.NARROW):
                for theme in ("light", "dark"):
                    folder.joinpath(f"{chart.name}-{width}-{theme}.png").write_bytes(
                        drawer.png(chart, width, theme=theme)
                    )
            print(chart.name, len(drawer.svg(chart)), round(drawer.resident_mb))
