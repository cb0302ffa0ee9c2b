"""The synthetic days: the same on every machine, of Elexon's shape, and with all that a client must survive."""

import csv
import datetime as dt
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from decimal import Decimal
from math import fsum, isclose

import pytest

from minerecon_dagster.core.calendar import STACK_SIDES, period_starts, rerun_done_at
from minerecon_dagster.sample import SAMPLE_DAYS, SAMPLE_DIFFICULTY_CSV
from minerecon_dagster.sample.generate import WINDLESS_DAYS, SampleWorld

WORLD = SampleWorld()
WINDY_DAYS = [day for day in SAMPLE_DAYS if day not in WINDLESS_DAYS]
REGISTER = WORLD.register()
MAPPED = {row["elexonBmUnit"] for row in REGISTER if row["fuelType"] == "WIND"} - {None}
HALVING_DAY = dt.date(2024, 4, 20)

NUMBER = (int, float)
NULL = type(None)
STACK_FIELDS = {
    "settlementDate": str,
    "settlementPeriod": int,
    "startTime": str,
    "createdDateTime": (str, NULL),
    "sequenceNumber": int,
    "id": (str, NULL),
    "acceptanceId": (int, NULL),
    "bidOfferPairId": (int, NULL),
    "cadlFlag": (bool, NULL),
    "soFlag": (bool, NULL),
    "storProviderFlag": (bool, NULL),
    "repricedIndicator": bool,
    "reserveScarcityPrice": (*NUMBER, NULL),
    "originalPrice": (*NUMBER, NULL),
    "volume": NUMBER,
    "dmatAdjustedVolume": (*NUMBER, NULL),
    "arbitrageAdjustedVolume": (*NUMBER, NULL),
    "nivAdjustedVolume": (*NUMBER, NULL),
    "parAdjustedVolume": (*NUMBER, NULL),
    "finalPrice": (*NUMBER, NULL),
    "transmissionLossMultiplier": (*NUMBER, NULL),
    "tlmAdjustedVolume": (*NUMBER, NULL),
    "tlmAdjustedCost": (*NUMBER, NULL),
}
UNIT_FIELDS = {"bmUnit": (str, NULL), "bmUnitType": str, "leadPartyName": (str, NULL), "nationalGridBmUnit": str}
PERIOD_FIELDS = {"settlementDate": str, "settlementPeriod": int, "startTime": str, "createdDateTime": str}
BOAV_FIELDS = {
    **PERIOD_FIELDS,
    **UNIT_FIELDS,
    "acceptanceId": int,
    "acceptanceDuration": (str, NULL),
    "totalVolumeAccepted": (*NUMBER, NULL),
    "pairVolumes": dict,
}
EBOCF_FIELDS = {**PERIOD_FIELDS, **UNIT_FIELDS, "bidOfferPairCashflows": dict, "totalCashflow": NUMBER}
AGWS_FIELDS = {
    "publishTime": str,
    "businessType": (str, NULL),
    "psrType": (str, NULL),
    "quantity": NUMBER,
    "startTime": str,
    "settlementDate": str,
    "settlementPeriod": int,
}
REGISTER_FIELDS = {
    **dict.fromkeys(("nationalGridBmUnit", "elexonBmUnit", "eic", "fuelType", "leadPartyName"), (str, NULL)),
    **dict.fromkeys(("bmUnitType", "bmUnitName", "leadPartyId", "demandCapacity"), (str, NULL)),
    **dict.fromkeys(("generationCapacity", "productionOrConsumptionFlag", "transmissionLossFactor"), (str, NULL)),
    **{
        f"{day}CreditAssessment{way}Capability": (str, NULL)
        for day in ("workingDay", "nonWorkingDay")
        for way in ("Import", "Export")
    },
    **dict.fromkeys(("gspGroupId", "gspGroupName", "interconnectorId"), (str, NULL)),
    **dict.fromkeys(("fpnFlag", "creditQualifyingStatus", "demandInProductionFlag"), (bool, NULL)),
}
PAIRS = {f"{sign}{n}" for sign in ("negative", "positive") for n in range(1, 7)}


def stack_of(day, side, world=WORLD):
    return [row for period in range(1, len(period_starts(day)) + 1) for row in world.stack(day, side, period)]


def wind_bids_of(day, world=WORLD):
    return [row for row in stack_of(day, "bid", world) if row["id"] in MAPPED]


def once(rows):
    return [json.loads(text) for text in dict.fromkeys(json.dumps(row) for row in rows)]


def output_of(day):
    starts = period_starts(day)
    return WORLD.wind_and_solar(starts[0], starts[-1])


def assert_fields(rows, fields):
    assert rows
    for row in rows:
        assert row.keys() == fields.keys()
        for name, kinds in fields.items():
            wanted = kinds if isinstance(kinds, tuple) else (kinds,)
            assert type(row[name]) in wanted, f"{name} is {row[name]!r}"


def digest_of_everything():
    answers = [
        [stack_of(day, side), WORLD.volumes(day, side), WORLD.cashflows(day, side), output_of(day)]
        for day in SAMPLE_DAYS
        for side in STACK_SIDES
    ]
    return hashlib.sha256(json.dumps([answers, REGISTER]).encode()).hexdigest()


def test_the_answers_are_the_same_bytes_on_every_machine_and_python():
    assert digest_of_everything() == "493de8cb5deb04ba5f262fa5063026b810c7e2288058a269cf628be6afff4542"


def test_the_answers_do_not_depend_on_the_hash_seed_or_on_the_order_of_asking():
    code = (
        "import datetime as dt, json; from minerecon_dagster.sample.generate import SampleWorld;"
        "print(json.dumps(SampleWorld().stack(dt.date(2025, 10, 26), 'bid', 50)))"
    )
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(run.stdout) == WORLD.stack(dt.date(2025, 10, 26), "bid", 50)


def test_all_days_are_made_in_less_than_a_second():
    world = SampleWorld()
    before = time.process_time()
    for day in world.days:
        world.day(day)
    assert time.process_time() - before < 1


def test_the_days_have_48_46_48_and_50_periods_with_rows_on_both_sides():
    for day, periods in zip(SAMPLE_DAYS, (48, 46, 48, 50), strict=True):
        for side in STACK_SIDES:
            assert {row["settlementPeriod"] for row in stack_of(day, side)} == set(range(1, periods + 1))


def test_a_period_that_the_day_has_not_got_is_a_key_error():
    with pytest.raises(KeyError):
        WORLD.stack(dt.date(2025, 3, 30), "bid", 47)


def test_any_date_can_be_made():
    world = SampleWorld([HALVING_DAY])
    assert world.days == (HALVING_DAY,)
    assert len(wind_bids_of(HALVING_DAY, world)) > 500
    with pytest.raises(KeyError):
        world.day(SAMPLE_DAYS[0])


@pytest.mark.parametrize("day", SAMPLE_DAYS, ids=str)
def test_every_field_of_elexons_description_is_there_with_its_type_and_no_other(day):
    for side in STACK_SIDES:
        assert_fields(stack_of(day, side), STACK_FIELDS)
        assert_fields(WORLD.volumes(day, side), BOAV_FIELDS)
        assert_fields(WORLD.cashflows(day, side), EBOCF_FIELDS)
        assert all(row["pairVolumes"].keys() == PAIRS for row in WORLD.volumes(day, side))
        assert all(row["bidOfferPairCashflows"].keys() == PAIRS for row in WORLD.cashflows(day, side))
    assert_fields(output_of(day), AGWS_FIELDS)


def test_the_register_has_elexons_fields_and_its_oddities():
    assert_fields(REGISTER, REGISTER_FIELDS)
    ids = Counter(row["elexonBmUnit"] for row in REGISTER)
    assert ids.pop(None) == 2
    assert [unit for unit, count in ids.items() if count > 1] == ["T_SYNTW-4"]
    no_fuel_type = [r for r in REGISTER if r["fuelType"] is None and "Wind Farm" in r["bmUnitName"]]
    assert len(no_fuel_type) == 2
    assert all(Decimal(row["generationCapacity"]) > 0 for row in REGISTER if row["elexonBmUnit"] in MAPPED)


def test_every_name_says_that_it_is_made_up():
    for row in REGISTER:
        assert "SYN" in row["nationalGridBmUnit"]
        if row["elexonBmUnit"] is not None:
            assert "SYN" in row["elexonBmUnit"]
            assert row["bmUnitName"].startswith("SYNTHETIC ")
            assert re.fullmatch(r"Synthetic .* \(sample\)", row["leadPartyName"])


@pytest.mark.parametrize("day", SAMPLE_DAYS, ids=str)
def test_bids_are_negative_offers_positive_and_sequence_numbers_unique(day):
    for side in STACK_SIDES:
        rows = once(stack_of(day, side))
        assert all((row["volume"] < 0) == (side == "bid") and row["volume"] for row in rows)
        assert len({(row["settlementPeriod"], row["sequenceNumber"]) for row in rows}) == len(rows)


@pytest.mark.parametrize("day", SAMPLE_DAYS, ids=str)
def test_start_times_follow_the_london_calendar_and_all_is_of_the_rerun(day):
    starts = period_starts(day)
    for row in stack_of(day, "bid"):
        start = dt.datetime.fromisoformat(row["startTime"])
        assert start == starts[row["settlementPeriod"] - 1]
        assert dt.timedelta(hours=24, minutes=44) < dt.datetime.fromisoformat(row["createdDateTime"]) - start
    latest = max(row["createdDateTime"] for row in stack_of(day, "bid"))
    assert dt.datetime.fromisoformat(latest) < rerun_done_at(day)


@pytest.mark.parametrize("day", SAMPLE_DAYS, ids=str)
def test_there_are_other_fuels_adjustments_and_a_row_without_a_unit(day):
    bids = stack_of(day, "bid")
    assert any(row["id"] and row["id"].startswith("T_SYNGT") for row in bids)
    adjustments = [row for row in bids if row["acceptanceId"] is None]
    assert {row["id"] for row in adjustments} == {None, "1", "2"}
    assert sum(row["id"] is None for row in adjustments) == 1
    assert all(row["bidOfferPairId"] is None for row in adjustments)


@pytest.mark.parametrize("day", sorted(WINDLESS_DAYS), ids=str)
def test_a_windless_day_has_no_wind_bid_and_yet_wind_output(day):
    assert not [row for side in STACK_SIDES for row in stack_of(day, side) if row["id"] in MAPPED]
    assert sum(row["quantity"] for row in output_of(day) if row["psrType"].startswith("Wind")) > 0


@pytest.mark.parametrize("day", WINDY_DAYS, ids=str)
def test_a_windy_day_has_all_that_a_client_must_survive(day):
    rows = wind_bids_of(day)
    distinct = once(rows)
    assert len(rows) - len(distinct) == 1
    assert {row["soFlag"] for row in distinct} == {row["cadlFlag"] for row in distinct} == {True, False, None}
    assert sum(row["soFlag"] is True for row in distinct) > 0.8 * len(distinct)
    assert any(row["finalPrice"] is None and row["originalPrice"] is not None for row in distinct)
    assert sum(row["originalPrice"] is not None and row["originalPrice"] > 0 for row in distinct) == 1
    assert max(row["volume"] for row in distinct) == -2e-06
    assert max(len(Decimal(str(row["volume"])).as_tuple().digits) for row in distinct) == 17
    by_unit = defaultdict(list)
    for row in distinct:
        by_unit[row["settlementPeriod"], row["id"]].append(row)
    assert any(len({r["acceptanceId"] for r in group}) == 3 for group in by_unit.values())
    assert any(len({r["bidOfferPairId"] for r in group}) == 2 for group in by_unit.values())
    assert any(row["id"] in MAPPED for row in stack_of(day, "offer"))
    assert any(row["id"] == "T_SYNUW-1" for row in stack_of(day, "bid"))


@pytest.mark.slow
@pytest.mark.parametrize("day", WINDY_DAYS, ids=str)
def test_a_flagged_wind_bid_lacks_its_price_only_on_a_day_made_so(day):
    assert all(row["originalPrice"] is not None for row in wind_bids_of(day))
    periods = range(1, len(period_starts(day)) + 1)
    rows = [row for p in periods for row in SampleWorld(unpriced={day}).stack(day, "bid", p)]
    unpriced = [row for row in rows if row["originalPrice"] is None and row["id"] in MAPPED]
    assert [row["soFlag"] for row in unpriced] == [True]


@pytest.mark.parametrize("day", WINDY_DAYS, ids=str)
def test_a_unit_is_turned_down_by_no_more_than_it_can_generate(day):
    capacity_mw = {row["elexonBmUnit"]: float(row["generationCapacity"] or 0) for row in REGISTER}
    curtailed_mwh = defaultdict(float)
    for row in wind_bids_of(day):
        curtailed_mwh[row["settlementPeriod"], row["id"]] -= row["volume"]
    assert all(mwh <= capacity_mw[unit] * 0.5 for (_, unit), mwh in curtailed_mwh.items())


@pytest.mark.parametrize("day", SAMPLE_DAYS, ids=str)
def test_output_is_what_the_wind_allowed_less_what_was_curtailed(day):
    farms = {row["elexonBmUnit"]: row for row in REGISTER if row["elexonBmUnit"] in MAPPED}
    technology = {unit: "Offshore" if "Offshore" in row["bmUnitName"] else "Onshore" for unit, row in farms.items()}
    capacity_mw, curtailed_mwh = Counter(), Counter()
    for unit, row in farms.items():
        capacity_mw[technology[unit]] += float(row["generationCapacity"])
    for row in once(wind_bids_of(day)):
        curtailed_mwh[row["settlementPeriod"], technology[row["id"]]] -= row["volume"]
    output_mw = {(row["settlementPeriod"], row["psrType"]): row["quantity"] for row in output_of(day)}
    for period in range(1, len(period_starts(day)) + 1):
        onshore, offshore = (
            (output_mw[period, f"Wind {which}"] + curtailed_mwh[period, which] / 0.5) / capacity_mw[which]
            for which in ("Onshore", "Offshore")
        )
        assert onshore == pytest.approx(offshore, abs=1e-4)
        assert 0 < onshore < 1
        assert output_mw[period, "Wind Onshore"] > 0
        assert output_mw[period, "Solar"] >= 0


@pytest.mark.parametrize("day", SAMPLE_DAYS, ids=str)
@pytest.mark.parametrize("side", STACK_SIDES)
def test_boav_and_ebocf_tell_what_the_stack_tells_of_rows_that_stand_twice_once(day, side):
    volumes, cashflows, pairs = defaultdict(float), defaultdict(float), defaultdict(float)
    for row in once(stack_of(day, side)):
        if row["acceptanceId"] is not None:
            key = row["settlementPeriod"], row["id"]
            volumes[*key, row["acceptanceId"]] += row["volume"]
            pairs[*key, row["acceptanceId"], row["bidOfferPairId"]] += row["volume"]
            cashflows[key] += row["volume"] * (row["originalPrice"] or 0) * row["transmissionLossMultiplier"]

    boav, ebocf = WORLD.volumes(day, side), WORLD.cashflows(day, side)
    told = {(r["settlementPeriod"], r["bmUnit"], r["acceptanceId"]): r["totalVolumeAccepted"] for r in boav}
    assert len(told) == len(boav)
    assert told == pytest.approx(volumes)
    told_pairs = {
        (r["settlementPeriod"], r["bmUnit"], r["acceptanceId"], int(k[-1]) * (-1 if k[0] == "n" else 1)): v
        for r in boav
        for k, v in r["pairVolumes"].items()
        if v is not None
    }
    assert told_pairs == pytest.approx(pairs)
    assert {(r["settlementPeriod"], r["bmUnit"]): r["totalCashflow"] for r in ebocf} == pytest.approx(cashflows)
    for row in ebocf:
        parts = [gbp for gbp in row["bidOfferPairCashflows"].values() if gbp is not None]
        assert isclose(fsum(parts), row["totalCashflow"], abs_tol=1e-9)


def test_the_difficulty_of_each_sample_day_and_the_day_before_is_known_without_a_gap():
    with SAMPLE_DIFFICULTY_CSV.open(newline="") as file:
        retargets = list(csv.DictReader(file))
    heights = [int(row["height"]) for row in retargets]
    assert list(retargets[0]) == ["height", "time_utc", "difficulty"]
    assert heights == list(range(heights[0], heights[-1] + 1, 2016))
    times = [dt.datetime.fromisoformat(row["time_utc"]) for row in retargets]
    assert times == sorted(times)
    assert times[0].date() < SAMPLE_DAYS[0] - dt.timedelta(days=1)
    assert times[-1].date() > SAMPLE_DAYS[-1]
    assert all(Decimal(row["difficulty"]) > 0 for row in retargets)


def test_run_as_a_program_it_prints_the_days_and_says_that_they_are_synthetic():
    command = [sys.executable, "-m", "minerecon_dagster.sample.generate"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "SYNTHETIC" in shown
    assert all(str(day) in shown for day in SAMPLE_DAYS)
