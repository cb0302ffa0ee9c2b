"""What others have published of places and farms, beside what this project makes of the same real totals.

    python -m bench.published_shares                    # North Scotland's first half of 2025, from real daily totals
    python -m bench.published_shares --october          # October 2025 of three farms, ingested from the replay
    python -m bench.published_shares --database URL     # the same of a warehouse that has that October already

North Scotland is a check of the zones: the daily totals of units are real (The Subsidy Clock, of the settlement stack),
and which unit is where is derived from the register alone. October is none of a method: the replay's notifications were
made up from the shares that are compared with, so that it proves the arithmetic from an answer to a farm's month and no
more; therefore the same month is compared with what the replay says must come out, too.

Prints one JSON object a line; exits with 1 where a figure is further off than its tolerance, 2 where there are no data.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2

from bench import end_in_order, potential_days
from bench.replay import REPLAY, TOLERANCE
from minerecon_dagster.core.zones import Place, zones

DATA = REPLAY.parent
HALF_YEAR = ("2025-01-01", "2025-06-30")
NORTH_SCOTLAND = "_P"
PUBLISHED_TWH, PUBLISHED_MILLION_GBP, PUBLISHED_ALL_TWH = Decimal("4.0"), Decimal("117"), Decimal("4.6")
"""Montel, August 2025: of North Scotland 4.0 TWh and nearly £117m, of Great Britain 4.6 TWh; all bids."""
METHODS_TWH, METHODS_MILLION_GBP = Decimal("4.024"), Decimal("116.85")
"""What this method gives, as it was written down before this project had it."""
OCTOBER = (dt.date(2025, 10, 1), dt.date(2025, 10, 31))
PUBLISHED_SHARES: Mapping[str, Decimal] = {
    "Seagreen": Decimal("0.7475"),
    "Viking": Decimal("0.7857"),
    "Moray East": Decimal("0.6562"),
}
"""Curtailed over notified potential: mpjuhasz/wind-curtailment, November 2025."""
SHARE_TOLERANCE = Decimal("0.01")


def zone_of_units(data: Path) -> dict[str, str | None]:
    """The zone of every unit of the register, by the project's own rule."""
    with gzip.open(data / "bm_units.json.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in json.load(file) if row["elexonBmUnit"]]
    places = zones([Place(row["gspGroupId"], row["transmissionLossFactor"]) for row in rows])
    return {row["elexonBmUnit"]: zone.gsp_group_id for row, zone in zip(rows, places, strict=True)}


def totals_by_zone(data: Path, first: str, last: str) -> dict[str | None, tuple[Decimal, Decimal]]:
    """What was turned down (MWh) and paid for it (GBP) by zone, all bids, of the real daily totals of units."""
    zone_of = zone_of_units(data)
    mwh: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    gbp: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    with gzip.open(data / "wind_bids_daily_by_bmu.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if first <= row["date"] <= last:
                zone = zone_of.get(row["bmu"])
                mwh[zone] -= Decimal(row["volume_mwh"])
                gbp[zone] += Decimal(row["cost_gbp"])
    return {zone: (mwh[zone], gbp[zone]) for zone in mwh}


def north_scotland(data: Path) -> bool:
    """North Scotland's half year beside what was published of it; whether it is what the method gives."""
    of_zone = totals_by_zone(data, *HALF_YEAR)
    mwh, gbp = of_zone[NORTH_SCOTLAND]
    every = sum((m for m, _ in of_zone.values()), Decimal())
    nowhere = of_zone.get(None, (Decimal(), Decimal()))[0]
    twh, million = mwh / 10**6, gbp / 10**6
    good = (round(twh, 3), round(million, 2)) == (METHODS_TWH, METHODS_MILLION_GBP)
    potential_days.emit(
        "north_scotland_all_bids", round(twh, 4), unit="TWh", gbp_million=round(million, 3),
        share=round(mwh / every, 4), all_twh=round(every / 10**6, 4), without_a_zone_mwh=round(nowhere, 3),
        span=HALF_YEAR,
        published={"twh": PUBLISHED_TWH, "gbp_million": PUBLISHED_MILLION_GBP, "all_twh": PUBLISHED_ALL_TWH},
        ok=good,
    )  # fmt: skip
    return good


@contextmanager
def _october() -> Iterator[Any]:
    with potential_days.stack((), OCTOBER[0]) as (_, cursor):
        code = potential_days.minerecon("reingest", *(str(day) for day in OCTOBER))
        potential_days.emit("october_ingested", code)
        yield cursor


def october(cursor: Any) -> bool:
    """Three farms' October beside the published shares, and beside what the replay says must come out."""
    cursor.execute(
        "SELECT m.farm_name, m.potential_mwh, m.all_bids_net_of_potential_mwh, m.all_bids_net_share_of_potential,"
        " m.curtailed_share_of_potential, m.potential_coverage, m.potential_days, m.metered_runs, m.share_of_metered,"
        " (SELECT array_agg(w.bmu_id) FROM analytics.wind_farms AS w WHERE w.farm_name = m.farm_name)"
        " FROM analytics.curtailment_by_farm_month AS m WHERE m.year_month = %s AND m.farm_name = ANY (%s) ORDER BY 1",
        (f"{OCTOBER[0]:%Y-%m}", list(PUBLISHED_SHARES)),
    )
    farms = cursor.fetchall()
    farm_of = {unit: row[0] for row in farms for unit in row[-1]}
    said: defaultdict[str, list[Decimal]] = defaultdict(lambda: [Decimal(), Decimal()])
    for n in range((OCTOBER[1] - OCTOBER[0]).days + 1):
        whole: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
        for row in potential_days.expected("potential", str(OCTOBER[0] + dt.timedelta(days=n)), ()):
            if row["bmu"] in farm_of:
                whole[row["bmu"]].append(row)
        for unit, rows in whole.items():
            if all(row["potential_mwh"] for row in rows):
                said[farm_of[unit]][0] += sum((Decimal(row["potential_mwh"]) for row in rows), Decimal())
                said[farm_of[unit]][1] -= sum(
                    (Decimal(r["bids_mwh"]) + Decimal(r["offers_mwh"]) for r in rows if Decimal(r["bids_mwh"])),
                    Decimal(),
                )
    good = len(farms) == len(PUBLISHED_SHARES)
    for farm, potential, net, share, gross, coverage, days, runs, of_metered, _ in farms:
        # To 1e-6 MWh for each of the month's half hours.
        equal = max(abs(potential - said[farm][0]), abs(net - said[farm][1])) <= TOLERANCE * 1500
        off = share - PUBLISHED_SHARES[farm]
        good &= equal and abs(round(off, 2)) <= SHARE_TOLERANCE
        potential_days.emit(
            "october_share_of_notified_potential", round(share, 4), farm=farm, published=PUBLISHED_SHARES[farm],
            off_by=round(off, 4), is_what_the_replay_says=equal, potential_mwh=round(potential, 3),
            net_mwh=round(net, 3), gross_so_flagged=round(gross, 4), coverage=round(coverage, 4), days=days,
            metered_runs=runs, share_of_metered=of_metered and round(of_metered, 4),
            proves="arithmetic only: the replay's notifications are made up from the published shares",
        )  # fmt: skip
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the replay and its real totals")
    parser.add_argument("--october", action="store_true", help="ingest October 2025 from the replay, and compare it")
    parser.add_argument("--database", help="a warehouse that has October 2025 from the replay")
    given = parser.parse_args()
    if not (given.data / "wind_bids_daily_by_bmu.csv.gz").exists():
        print(
            f"published_shares: skipped: needs the real daily totals, {DATA.parent.name}/{DATA.name}", file=sys.stderr
        )
        return 2
    end_in_order()
    good = north_scotland(given.data)
    if given.database:
        with psycopg2.connect(given.database) as connection, connection.cursor() as cursor:
            good &= october(cursor)
    elif given.october:
        with _october() as cursor:
            good &= october(cursor)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
