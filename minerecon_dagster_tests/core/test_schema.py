"""Elexon's answers: what is taken, to the digit, and what counts as drift of its description."""

import datetime as dt
import json
import logging
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from minerecon_dagster.core import schema
from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES
from minerecon_dagster.core.errors import SchemaDriftError
from minerecon_dagster.core.printable import shown_url
from minerecon_dagster.core.schema import (
    NUMBERS_OR_NULLS,
    Shape,
    decimals_of,
    is_negative,
    parse_register,
    parse_rows,
)
from minerecon_dagster.elexon.datasets.boav import BOAV as BOAV_DATASET
from minerecon_dagster.elexon.datasets.boav import BoavRow
from minerecon_dagster.elexon.datasets.cashflows import CASHFLOWS
from minerecon_dagster.elexon.datasets.stack import STACK as STACK_DATASET
from minerecon_dagster.elexon.datasets.stack import distinct_rows
from minerecon_dagster.sample import SAMPLE_DAYS
from minerecon_dagster.sample.generate import SampleWorld

DAY = dt.date(2025, 3, 28)
STACK = AnswerKey("stack", "bid", 12)
BOAV = AnswerKey("boav", "bid")
EBOCF = AnswerKey("cashflows", "bid")
URL = "http://127.0.0.1:1/balancing/settlement/stack/all/bid/2025-03-28/12"


def stack_row(**changes):
    return {
        "settlementDate": "2025-03-28",
        "settlementPeriod": 12,
        "startTime": "2025-03-28T05:30:00Z",
        "createdDateTime": "2025-03-29T06:14:00Z",
        "sequenceNumber": 1,
        "id": "T_USKM-15",
        "acceptanceId": 102563,
        "bidOfferPairId": -2,
        "cadlFlag": False,
        "soFlag": True,
        "storProviderFlag": False,
        "repricedIndicator": False,
        "reserveScarcityPrice": 0,
        "originalPrice": 107.78,
        "volume": -23.5,
        "dmatAdjustedVolume": -23.5,
        "arbitrageAdjustedVolume": -23.5,
        "nivAdjustedVolume": None,
        "parAdjustedVolume": 0.0,
        "finalPrice": None,
        "transmissionLossMultiplier": 0.992839,
        "tlmAdjustedVolume": None,
        "tlmAdjustedCost": None,
    } | changes


def boav_row(**changes):
    pairs = {f"{sign}{n}": None for n in range(1, 7) for sign in ("negative", "positive")}
    return {
        "createdDateTime": "2025-03-29T00:44:00.0000000+00:00",
        "settlementDate": "2025-03-28",
        "settlementPeriod": 1,
        "startTime": "2025-03-28T00:00:00.0000000+00:00",
        "bmUnit": "T_ABRBO-1",
        "bmUnitType": "T",
        "leadPartyName": "Aberdeen Offshore Wind Farm",
        "nationalGridBmUnit": "ABRBO-1",
        "acceptanceId": 76110,
        "acceptanceDuration": "L",
        "totalVolumeAccepted": -75.725,
        "pairVolumes": pairs | {"negative1": -75.725},
    } | changes


def ebocf_row(**changes):
    pairs = {f"{sign}{n}": None for n in range(1, 7) for sign in ("negative", "positive")}
    return {
        "settlementDate": "2025-03-28",
        "settlementPeriod": 1,
        "startTime": "2025-03-28T00:00:00.0000000+00:00",
        "createdDateTime": "2025-03-29T00:44:00.0000000+00:00",
        "bmUnit": "T_ABRBO-1",
        "bmUnitType": "T",
        "leadPartyName": "Aberdeen Offshore Wind Farm",
        "nationalGridBmUnit": "ABRBO-1",
        "bidOfferPairCashflows": pairs | {"negative1": 5301.75},
        "totalCashflow": 5301.75,
    } | changes


def register_unit(**changes):
    return {
        "nationalGridBmUnit": "ABRBO-1",
        "elexonBmUnit": "T_ABRBO-1",
        "eic": None,
        "fuelType": "WIND",
        "leadPartyName": "Aberdeen Offshore Wind Farm",
        "bmUnitType": "T",
        "fpnFlag": True,
        "bmUnitName": "ABRBO-1",
        "generationCapacity": "99.000",
        "gspGroupId": None,
    } | changes


def answer(body, status=200):
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(URL, status, dt.datetime(2025, 3, 30, tzinfo=dt.UTC), text.encode())


def stack(*rows):
    return STACK_DATASET.parse(STACK, DAY, answer({"data": rows, "metadata": {"datasets": ["ISPSTACK"]}}))


def without(row, name):
    return {k: v for k, v in row.items() if k != name}


def test_a_row_says_what_elexon_sent():
    (row,) = stack(stack_row())
    assert row.identity == ("2025-03-28", 12, "bid", "T_USKM-15", 102563, -2, 1)
    assert (row.volume, row.original_price, row.final_price) == (Decimal("-23.5"), Decimal("107.78"), None)
    assert (row.so_flag, row.cadl_flag) == (True, False)
    assert row.created_date_time == dt.datetime(2025, 3, 29, 6, 14, tzinfo=dt.UTC)


@given(number=st.from_regex(r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,25})?([eE](\+?[0-5]|-[0-9]{1,2}))?", fullmatch=True))
def test_energy_and_prices_keep_every_digit(number):
    body = json.dumps({"data": [stack_row(volume="V", originalPrice="V", finalPrice="V")]}).replace('"V"', number)
    (row,) = STACK_DATASET.parse(STACK, DAY, answer(body))
    assert [str(v) for v in (row.volume, row.original_price, row.final_price)] == [str(Decimal(number))] * 3
    assert row.is_reduction == (Decimal(number) < 0)


def test_many_numbers_keep_every_digit_and_their_order_and_of_none_there_is_none():
    numbers = ["1.500", "-0.0", "1e3", "12345678901.123456789012345", "-7", "1E-7"]
    rows = stack(*(stack_row(sequenceNumber=n) for n in range(3)))
    assert list(map(str, decimals_of(map(Raw, map(str.encode, numbers))))) == [str(Decimal(n)) for n in numbers]
    assert decimals_of(row.volume_digits for row in rows) == [row.volume for row in rows]
    assert decimals_of([]) == []


@pytest.mark.parametrize(
    ("number", "negative"),
    [("-1", True), ("-0.5", True), ("-10", True), ("-0e5", False), ("-0", False), ("-0.00", False), ("-0.01", True),
     ("0", False), ("0.5", False), ("1", False), ("null", False), ("1e-5", False)],
)  # fmt: skip
def test_a_number_is_negative_below_zero_and_not_at_minus_zero(number, negative):
    assert is_negative(Raw(number.encode())) is negative


@pytest.mark.parametrize(
    "name", ["createdDateTime", "id", "acceptanceId", "bidOfferPairId", "cadlFlag", "soFlag", "storProviderFlag",
             "originalPrice", "finalPrice", "tlmAdjustedCost"]
)  # fmt: skip
def test_a_field_that_may_be_null_may_be_null(name):
    assert len(stack(stack_row(**{name: None}))) == 1


@pytest.mark.parametrize("body", ['{"data": []}', '{"data": null}', '{"data": null, "metadata": {"datasets": null}}'])
def test_an_answer_without_rows_has_none(body):
    assert STACK_DATASET.parse(STACK, DAY, answer(body)) == []
    assert BOAV_DATASET.parse(BOAV, DAY, answer(body)) == []
    assert CASHFLOWS.parse(EBOCF, DAY, answer(body)) == []


def test_a_404_has_no_rows_whatever_it_says():
    assert STACK_DATASET.parse(STACK, DAY, answer("<html>", status=404)) == []


@pytest.mark.parametrize("name", sorted(stack_row()))
def test_every_declared_field_of_the_stack_is_required(name):
    with pytest.raises(SchemaDriftError, match=rf"required field `{name}` - at `\$\.data\[1\]`"):
        stack(stack_row(), without(stack_row(), name))


@pytest.mark.parametrize("name", sorted(boav_row()))
def test_every_declared_field_of_the_control_total_is_required(name):
    with pytest.raises(SchemaDriftError, match=rf"required field `{name}` - at `\$\.data\[0\]`"):
        BOAV_DATASET.parse(BOAV, DAY, answer({"data": [without(boav_row(), name)]}))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"volume": "-23.5"}, r"Expected `float`, got `str` - at `\$\.data\[1\]\.volume`"),
        ({"volume": None}, r"Expected `float`, got `null` - at `\$\.data\[1\]\.volume`"),
        ({"volume": True}, r"got `bool` - at `\$\.data\[1\]\.volume`"),
        ({"volume": [1]}, r"got `array` - at `\$\.data\[1\]\.volume`"),
        ({"originalPrice": "107.78"}, r"got `str` - at `\$\.data\[1\]\.originalPrice`"),
        ({"finalPrice": {}}, r"got `object` - at `\$\.data\[1\]\.finalPrice`"),
        ({"tlmAdjustedCost": "0"}, r"got `str` - at `\$\.data\[1\]\.tlmAdjustedCost`"),
        ({"soFlag": "true"}, r"got `str` - at `\$\.data\[1\]\.soFlag`"),
        ({"id": 1}, r"got `int` - at `\$\.data\[1\]\.id`"),
        ({"sequenceNumber": None}, r"got `null` - at `\$\.data\[1\]\.sequenceNumber`"),
        ({"sequenceNumber": 2**31}, r"at `\$\.data\[1\]\.sequenceNumber`"),
        ({"repricedIndicator": None}, r"at `\$\.data\[1\]\.repricedIndicator`"),
        ({"createdDateTime": "2025-03-29T06:14:00"}, r"timezone component - at `\$\.data\[1\]\.createdDateTime`"),
        ({"settlementDate": "2025-03-27"}, r"'2025-03-27' is not the day .* at `\$\.data\[1\]\.settlementDate`"),
        ({"settlementPeriod": 13}, r"13 is not a period asked for - at `\$\.data\[1\]\.settlementPeriod`"),
        (
            {"startTime": "2025-03-28T06:30:00Z"},
            r"'2025-03-28T06:30:00Z' is not the start of period 12, "
            r"2025-03-28T05:30:00\+00:00 - at `\$\.data\[1\]\.startTime`",
        ),
        ({"startTime": "noon"}, r"RFC3339 .* at `\$\.data\[1\]\.startTime`"),
    ],
)
def test_a_value_that_is_not_as_declared_is_drift_and_says_where(change, problem):
    with pytest.raises(SchemaDriftError, match=problem) as error:
        stack(stack_row(), stack_row(sequenceNumber=2) | change)
    assert URL in str(error.value)
    assert "adapt elexon/datasets/stack.py" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "bits"), [("sequenceNumber", 32), ("acceptanceId", 64)])
def test_a_whole_number_is_taken_where_the_warehouse_has_room_for_it_and_is_drift_beyond(name, bits):
    row = {"acceptanceId": None, "id": None} if name == "acceptanceId" else {}
    for fits in (2 ** (bits - 1) - 1, -(2 ** (bits - 1))):
        assert len(stack(stack_row(**row | {name: fits}))) == 1
    for too_large in (2 ** (bits - 1), -(2 ** (bits - 1)) - 1):
        with pytest.raises(SchemaDriftError, match=rf"at `\$\.data\[0\]\.{name}`"):
            stack(stack_row(**row | {name: too_large}))


@pytest.mark.parametrize(
    "body", ["[]", "{}", '{"rows": []}', '{"data": {}}', '"down"', "<html>", '{"data": [', "", "null"]
)
def test_anything_but_the_declared_envelope_is_drift(body):
    with pytest.raises(SchemaDriftError):
        STACK_DATASET.parse(STACK, DAY, answer(body))
    with pytest.raises(SchemaDriftError):
        BOAV_DATASET.parse(BOAV, DAY, answer(body))


def test_summer_time_is_known_when_the_start_is_checked():
    key, day = AnswerKey("stack", "offer", 1), dt.date(2025, 7, 1)
    row = stack_row(settlementDate="2025-07-01", settlementPeriod=1, startTime="2025-06-30T23:00:00Z")
    (parsed,) = STACK_DATASET.parse(key, day, answer({"data": [row]}))
    assert parsed.side == "offer"
    with pytest.raises(SchemaDriftError, match="start of period 1"):
        STACK_DATASET.parse(key, day, answer({"data": [row | {"startTime": "2025-07-01T00:00:00Z"}]}))


def test_control_totals_may_be_of_any_period_of_the_day_and_of_no_other():
    rows = [boav_row(), boav_row(settlementPeriod=48, startTime="2025-03-28T23:30:00Z", totalVolumeAccepted=None)]
    assert [r.total_volume_accepted for r in BOAV_DATASET.parse(BOAV, DAY, answer({"data": rows}))] == [
        Decimal("-75.725"),
        None,
    ]
    with pytest.raises(SchemaDriftError, match="49 is not a period"):
        BOAV_DATASET.parse(
            BOAV, DAY, answer({"data": [boav_row(settlementPeriod=49, startTime="2025-03-29T00:00:00Z")]})
        )
    with pytest.raises(SchemaDriftError, match=r"got `str` - at `\$\.data\[0\]\.pairVolumes\.negative1`"):
        BOAV_DATASET.parse(
            BOAV, DAY, answer({"data": [boav_row(pairVolumes=boav_row()["pairVolumes"] | {"negative1": "x"})]})
        )
    with pytest.raises(SchemaDriftError, match=r"at `\$\.data\[0\]\.totalVolumeAccepted`"):
        BOAV_DATASET.parse(BOAV, DAY, answer({"data": [boav_row(totalVolumeAccepted="-1")]}))


@pytest.mark.parametrize("name", sorted(ebocf_row()))
def test_every_declared_field_of_the_cashflows_is_required(name):
    with pytest.raises(SchemaDriftError, match=rf"required field `{name}` - at `\$\.data\[0\]`"):
        CASHFLOWS.parse(EBOCF, DAY, answer({"data": [without(ebocf_row(), name)]}))


def test_cashflows_keep_every_digit_and_their_sign_and_may_lack_what_may_be_null(caplog):
    nulls = dict.fromkeys(["createdDateTime", "bmUnit", "leadPartyName", "nationalGridBmUnit"])
    body = json.dumps({"data": [ebocf_row(totalCashflow="C"), ebocf_row(**nulls)]})
    rows = CASHFLOWS.parse(EBOCF, DAY, answer(body.replace('"C"', "-12345.678901234567890123")))
    assert [str(row.total_cashflow) for row in rows] == ["-12345.678901234567890123", "5301.75"]
    assert (rows[0].bm_unit, rows[1].bm_unit) == ("T_ABRBO-1", None)
    assert not caplog.messages


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"totalCashflow": None}, r"Expected `float`, got `null` - at `\$\.data\[0\]\.totalCashflow`"),
        ({"totalCashflow": "1"}, r"Expected `float`, got `str` - at `\$\.data\[0\]\.totalCashflow`"),
        ({"bmUnitType": None}, r"at `\$\.data\[0\]\.bmUnitType`"),
        ({"bidOfferPairCashflows": None}, r"at `\$\.data\[0\]\.bidOfferPairCashflows`"),
        ({"settlementPeriod": 49}, "49 is not a period asked for"),
        ({"settlementDate": "2025-03-29"}, "is not the day asked for"),
    ],
)
def test_cashflows_that_are_not_as_declared_are_drift(change, problem):
    with pytest.raises(SchemaDriftError, match=problem):
        CASHFLOWS.parse(EBOCF, DAY, answer({"data": [ebocf_row(**change)]}))


@pytest.mark.parametrize("day", SAMPLE_DAYS, ids=str)
def test_the_samples_cashflows_are_read_without_a_field_too_many(day, caplog):
    for side in STACK_SIDES:
        served = SampleWorld().cashflows(day, side)
        rows = CASHFLOWS.parse(AnswerKey("cashflows", side), day, answer({"data": served}))
        assert [(r.settlement_period, r.bm_unit, float(r.total_cashflow)) for r in rows] == [
            (r["settlementPeriod"], r["bmUnit"], r["totalCashflow"]) for r in served
        ]
        assert rows
    assert not caplog.messages


def test_an_undeclared_field_is_ignored_and_logged_once(caplog):
    pairs = boav_row()["pairVolumes"] | {"negative7": None}
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            (row,) = stack(stack_row(carbonPrice=1, extra="x"))
            assert row.volume == Decimal("-23.5")
            BOAV_DATASET.parse(BOAV, DAY, answer({"data": [boav_row(pairVolumes=pairs)], "page": 1}))
            CASHFLOWS.parse(EBOCF, DAY, answer({"data": [ebocf_row(currency="GBP")]}))
    logged = [m.rsplit("'", 2)[1] for m in caplog.messages]
    assert logged == ["carbonPrice", "extra", "negative7", "page", "currency"]
    assert URL in caplog.messages[0]


def test_an_undeclared_field_hides_no_drift():
    with pytest.raises(SchemaDriftError, match=r"data\[1\]\.volume"):
        stack(stack_row(novelty=1), stack_row(volume="-23.5"))


def test_rows_equal_in_everything_are_kept_once_and_counted():
    text = json.dumps({"data": [stack_row(), stack_row(volume="V"), stack_row(sequenceNumber=2)]})
    rows, repeated = distinct_rows(STACK_DATASET.parse(STACK, DAY, answer(text.replace('"V"', "-23.50"))))
    assert [row.sequence_number for row in rows] == [1, 2]
    assert repeated == 1


@pytest.mark.parametrize(
    "change", [{"acceptanceId": None}, {"bidOfferPairId": -1}, {"sequenceNumber": 2}, {"id": None}]
)
def test_rows_of_one_unit_that_differ_in_identity_are_all_kept(change):
    assert distinct_rows(stack(stack_row(), stack_row(**change)))[1] == 0


@pytest.mark.parametrize(
    ("name", "value"), [("volume", -23.6), ("finalPrice", 1), ("soFlag", None), ("tlmAdjustedCost", 5)]
)
def test_one_identity_with_two_values_is_drift_and_names_both(name, value):
    with pytest.raises(SchemaDriftError, match=rf"period 12 bid T_USKM-15 \(acceptance 102563, .* differ in {name};"):
        distinct_rows(stack(stack_row(), stack_row(**{name: value})))


def test_the_register_is_read_with_its_nulls_repeats_and_capacities(caplog, monkeypatch):
    monkeypatch.setattr(schema, "_logged", set())  # nothing has been told yet
    units = [register_unit(), register_unit(), register_unit(elexonBmUnit=None, generationCapacity=None)]
    parsed = parse_register(json.dumps(units).encode())
    assert [u.elexon_bm_unit for u in parsed] == ["T_ABRBO-1", "T_ABRBO-1", None]
    assert [u.generation_capacity_mw for u in parsed] == [Decimal("99.000"), Decimal("99.000"), None]
    assert not caplog.messages
    assert parse_register(json.dumps([without(register_unit(), "bmUnitName")]).encode())[0].bm_unit_name is None


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"data": []}, "Expected `array`"),
        ([without(register_unit(), "fuelType")], r"required field `fuelType` - at `\$\[0\]`"),
        ([register_unit(fpnFlag="true")], r"at `\$\[0\]\.fpnFlag`"),
        ([register_unit(generationCapacity=99)], r"at `\$\[0\]\.generationCapacity`"),
        ([register_unit(generationCapacity="9" * 200_000)], r"at `\$\[0\]\.generationCapacity`"),
        ([register_unit(generationCapacity="NaN")], r"at `\$\[0\]\.generationCapacity`"),
    ],
)
def test_a_register_that_is_not_as_declared_is_drift(body, problem):
    with pytest.raises(SchemaDriftError, match=problem):
        parse_register(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("digits", "reduces"),
    [("-1.5", True), ("-2e-06", True), ("-0.0", False), ("-0", False), ("-0e5", False), ("0", False), ("3", False)],
)
def test_only_a_volume_below_zero_is_a_reduction(digits, reduces):
    nulls = (
        "createdDateTime cadlFlag storProviderFlag reserveScarcityPrice originalPrice dmatAdjustedVolume"
        " arbitrageAdjustedVolume nivAdjustedVolume parAdjustedVolume finalPrice transmissionLossMultiplier"
        " tlmAdjustedVolume tlmAdjustedCost"
    )
    row = dict.fromkeys(nulls.split()) | {"settlementDate": "2025-03-28", "settlementPeriod": 1}
    row |= {"startTime": "2025-03-28T00:00:00Z", "sequenceNumber": 1, "id": "T_X-1", "acceptanceId": 1}
    row |= {"bidOfferPairId": -1, "soFlag": True, "repricedIndicator": False}
    body = json.dumps({"data": [row]}).replace('"sequenceNumber"', f'"volume": {digits}, "sequenceNumber"')
    answer = Answer("u", 200, dt.datetime(2025, 3, 30, tzinfo=dt.UTC), body.encode())
    (parsed,) = STACK_DATASET.parse(AnswerKey("stack", "bid", 1), dt.date(2025, 3, 28), answer)
    assert parsed.is_reduction is reduces


# A shape, made anew as where a dataset declares its own.


class PlainRow(msgspec.Struct, frozen=True, rename="camel"):
    settlement_date: str
    settlement_period: int


def shape_of_volumes():
    return Shape(BoavRow, {"total_volume_accepted_digits": NUMBERS_OR_NULLS})


def test_a_shape_takes_what_is_declared_and_its_rows_do_not_change(caplog):
    (row,) = parse_rows(shape_of_volumes(), BOAV, DAY, answer({"data": [boav_row()], "metadata": {"datasets": []}}))
    assert (row.bm_unit, row.total_volume_accepted) == ("T_ABRBO-1", Decimal("-75.725"))
    assert not caplog.messages
    with pytest.raises(AttributeError, match="immutable"):
        row.settlement_period = 2


def test_a_shape_logs_what_is_not_declared_wherever_it_stands_and_nothing_else(caplog):
    pairs = boav_row()["pairVolumes"] | {"ofAPart": None}
    body = {"data": [boav_row(pairVolumes=pairs, ofARow=1)], "metadata": {"ofTheMetadata": 1}, "ofTheEnvelope": 1}
    assert len(parse_rows(shape_of_volumes(), BOAV, DAY, answer(body))) == 1
    assert sorted(m.rsplit("'", 2)[1] for m in caplog.messages) == [
        "ofAPart", "ofARow", "ofTheEnvelope", "ofTheMetadata",
    ]  # fmt: skip


@pytest.mark.parametrize("alone", ["ofThatPart", "ofThatEnvelope"])
def test_a_shape_logs_what_is_not_declared_though_all_else_is_as_it_must_be(caplog, alone):
    body = {"data": [boav_row()]} | ({alone: 1} if alone == "ofThatEnvelope" else {})
    body["data"][0]["pairVolumes"] |= {alone: None} if alone == "ofThatPart" else {}
    assert len(parse_rows(shape_of_volumes(), BOAV, DAY, answer(body))) == 1
    assert [m.rsplit("'", 2)[1] for m in caplog.messages] == [alone]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"totalVolumeAccepted": "x"}, r"got `str` - at `\$\.data\[0\]\.totalVolumeAccepted`"),
        ({"settlementPeriod": 2}, "is not the start of period 2"),
        ({"settlementDate": "2025-03-27"}, "is not the day asked for"),
    ],
)
def test_a_shape_finds_drift_and_says_where_it_is_declared(change, problem):
    with pytest.raises(SchemaDriftError, match=rf"{problem}.*adapt elexon/datasets/boav\.py"):
        parse_rows(shape_of_volumes(), BOAV, DAY, answer({"data": [boav_row(**change)]}))


def test_drift_of_an_answer_to_a_long_url_shows_the_beginning_of_that():
    url = f"http://elexon/{'u' * 4_000}"
    with pytest.raises(SchemaDriftError) as drift:
        parse_rows(shape_of_volumes(), BOAV, DAY, replace(answer({"data": [1]}), url=url))
    assert f"GET {shown_url(url)}: not what" in str(drift.value)
    assert url not in str(drift.value)


def test_a_shape_without_a_start_time_is_of_the_day_and_the_period_alone():
    rows = [{"settlementDate": "2025-03-28", "settlementPeriod": p} for p in (1, 48)]
    assert len(parse_rows(Shape(PlainRow, {}), BOAV, DAY, answer({"data": rows}))) == 2
    with pytest.raises(SchemaDriftError, match="49 is not a period asked for"):
        parse_rows(Shape(PlainRow, {}), BOAV, DAY, answer({"data": [rows[0] | {"settlementPeriod": 49}]}))


def test_a_bare_shape_is_the_list_of_rows_itself_and_any_other_is_not():
    rows = [{"settlementDate": "2025-03-28", "settlementPeriod": 1}]
    assert len(parse_rows(Shape(PlainRow, {}, is_bare=True), BOAV, DAY, answer(rows))) == 1
    for body, is_bare in (({"data": rows}, True), (rows, False)):
        with pytest.raises(SchemaDriftError, match="Expected `"):
            parse_rows(Shape(PlainRow, {}, is_bare=is_bare), BOAV, DAY, answer(body))


def test_an_answer_of_a_shape_may_lack_its_rows_and_what_describes_them():
    for body in ({"data": []}, {"data": None}, {"data": None, "metadata": {"datasets": None}}):
        assert parse_rows(shape_of_volumes(), BOAV, DAY, answer(body)) == []


def test_a_unit_of_the_register_may_lack_its_capacity_and_does_not_change():
    (unit,) = parse_register(json.dumps([without(register_unit(), "generationCapacity")]).encode())
    assert unit.generation_capacity_mw is None
    with pytest.raises(AttributeError, match="immutable"):
        unit.fuel_type = "CCGT"


def test_a_unit_of_the_register_may_lack_what_says_where_it_is():
    (unit,) = parse_register(
        json.dumps([without(without(register_unit(), "gspGroupId"), "transmissionLossFactor")]).encode()
    )
    assert (unit.gsp_group_id, unit.transmission_loss_factor) == (None, None)


def test_drift_of_the_register_is_told_with_its_address():
    with pytest.raises(SchemaDriftError, match=r"^/reference/bmunits/all: .*adapt core/schema\.py$"):
        parse_register(b"{}")
