"""What an answer of PN or B1610 may hold that is none: a named failure each, and the day is none the worse."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest

from minerecon_dagster.core.answers import Answer
from minerecon_dagster.core.errors import SchemaDriftError
from minerecon_dagster.core.potential import DayVolumes
from minerecon_dagster.elexon.datasets.agws import AGWS
from minerecon_dagster.elexon.datasets.boav import BOAV
from minerecon_dagster.elexon.datasets.later import LaterDataset, Look
from minerecon_dagster.elexon.datasets.meters import B1610, UNITS_METERED
from minerecon_dagster.elexon.datasets.pn import PN, UNITS_ANSWERED
from minerecon_dagster.elexon.datasets.stack import STACK
from minerecon_dagster.sample.server import API_PATH, reply_to
from minerecon_dagster_tests.core.test_schema import answer as day_answer
from minerecon_dagster_tests.core.test_schema import boav_row, stack_row
from minerecon_dagster_tests.fake_elexon import Fault
from minerecon_dagster_tests.notified import METERED, rows_of
from minerecon_dagster_tests.notified import PN as PN_PATH
from minerecon_dagster_tests.project import DAY, Project

UNIT = "T_SYNTW-1"
NOTIFIED: dict[str, Any] = {
    "settlementDate": str(DAY), "settlementPeriod": 1, "timeFrom": f"{DAY}T00:00:00Z", "timeTo": f"{DAY}T00:30:00Z",
    "levelFrom": 5, "levelTo": 5, "bmUnit": UNIT,
}  # fmt: skip
MEASURED: dict[str, Any] = {
    "settlementDate": str(DAY), "settlementPeriod": 1, "quantity": 5, "bmUnit": UNIT, "settlementRunType": "II",
}  # fmt: skip
ROWS: dict[str, tuple[LaterDataset, dict[str, Any]]] = {"PN": (PN, NOTIFIED), "B1610": (B1610, MEASURED)}

NO_NUMBERS = ["NaN", "Infinity", "-Infinity", "null", "true", '"5"', "[5]", '{"a":5}', "0x10", "5_0", "1e", "+5", "--5"]
TOO_LARGE = ["1e308", "-1e308", "1e400", "-1e400", "9" * 300, "9" * 5000, str(2**63), "-20001", "20001"]
NO_PERIODS = ["0", "-1", "49", "51", "1.5", "1e0", '"1"', "null", str(2**31), "1e308"]
NO_DAYS = ['"2025-03-27"', f'"{DAY}T00:00:00Z"', '"28/03/2025"', "20250328", "null", f'"{DAY} "', '"9999-12-31"']
NO_NAMES = [r'"\u0000"', r'"\ud800"', r'"a\u001b]0;x\u0007"', r'"a\nRepair: `x`"', r'"\u202egnp"', "5", f'["{UNIT}"]',
            f'"{"x" * 201}"', "\"a\x01\""]  # fmt: skip
NO_TIMES = ['"noon"', f'"{DAY}T00:00:00"', '"2025-02-30T00:00:00Z"', '"99999-01-01T00:00:00Z"', "1743120000", "null"]


def spoilt(dataset: str, name: str, token: str) -> bytes:
    """An answer of one row with a member that is not as it should be."""
    return json.dumps([ROWS[dataset][1] | {name: "@@"}]).replace('"@@"', token).encode()


def bodies(dataset: str) -> dict[str, bytes]:
    row = json.dumps(ROWS[dataset][1])
    deep = b'[{"z":' + b"[" * 100_000 + b"]" * 100_000 + b"}]"
    return {
        "brackets without an end": b"[" * 100_000,
        "deep where it is not looked at": b"[%b," % row.encode() + deep[1:],
        "a byte order mark": b"\xef\xbb\xbf[" + row.encode() + b"]",
        "UTF-16": f"[{row}]".encode("utf-16"),
        "not UTF-8": f"[{row}]".replace(UNIT, "\udcff").encode("utf-8", "surrogateescape"),
        "an envelope": b'{"data":[' + row.encode() + b"]}",
        "no list": b"null",
        "no rows": b"[null]",
        "lists for rows": b"[[]]",
        "something behind it": f"[{row}]x".encode(),
        "a row that lacks what it must have": b'[{"settlementDate":"2025-03-28"}]',
    }


HOSTILE = [
    *(("PN", name, token) for name in ("levelFrom", "levelTo") for token in [*NO_NUMBERS, *TOO_LARGE, "1.5", "1e-400"]),
    *(("B1610", "quantity", token) for token in [*NO_NUMBERS, *TOO_LARGE, "-1E-1000000", "1e-400", f"1E-{'9' * 14}"]),
    *((of, "settlementPeriod", token) for of in ROWS for token in NO_PERIODS),
    *((of, "settlementDate", token) for of in ROWS for token in NO_DAYS),
    *((of, "bmUnit", token) for of in ROWS for token in NO_NAMES),
    *(("PN", name, token) for name in ("timeFrom", "timeTo") for token in NO_TIMES),
    *(("B1610", "settlementRunType", token) for token in NO_NAMES),
]  # fmt: skip


def parsed(dataset: LaterDataset, body: bytes) -> list[Any]:
    answer = Answer("http://127.0.0.1:1/x", 200, dt.datetime(2025, 4, 5, tzinfo=dt.UTC), body)
    return list(dataset.parse(dataset.key(dataset.runs[0]), DAY, answer))


def test_of_each_dataset_the_row_that_these_tests_spoil_is_one() -> None:
    for dataset, row in ROWS.values():
        assert len(parsed(dataset, json.dumps([row]).encode())) == 1


@pytest.mark.parametrize(("of", "name", "token"), HOSTILE, ids=lambda value: value[:24])
def test_what_is_no_number_name_or_time_is_drift_that_names_its_place(of: str, name: str, token: str) -> None:
    with pytest.raises(SchemaDriftError) as raised:
        parsed(ROWS[of][0], spoilt(of, name, token))
    said = str(raised.value)
    assert said.isprintable()
    assert len(said) < 600
    assert "$.data" not in said, "an answer of rows alone has no such place"
    assert "nothing is replaced" in said


@pytest.mark.parametrize("of", ROWS)
@pytest.mark.parametrize("which", bodies("PN"))
def test_what_is_no_list_of_rows_is_drift(of: str, which: str) -> None:
    with pytest.raises(SchemaDriftError) as raised:
        parsed(ROWS[of][0], bodies(of)[which])
    assert str(raised.value).isprintable()


TAKEN = [
    ("PN", "timeFrom", '"0001-01-01T00:00:00+14:00"', "periods_covered_once"),
    ("PN", "timeTo", '"9999-12-31T23:59:59-14:00"', "periods_covered_once"),
    ("PN", "timeTo", f'"{DAY}T00:00:00Z"', "periods_covered_once"),
    ("PN", "bmUnit", '"=cmd|x"', "units_answered"),
    ("PN", "bmUnit", "null", "units_answered"),
    ("PN", "bmUnit", f'"{UNIT} "', "units_answered"),
    ("B1610", "bmUnit", f'"{UNIT.lower()}"', "units_metered"),
    ("B1610", "bmUnit", '"\'; DROP TABLE x;--"', "units_metered"),
    ("B1610", "settlementRunType", '"=SUM(1)"', "runs_known"),
    ("B1610", "settlementRunType", '"<script>"', "runs_known"),
    ("B1610", "settlementRunType", '"sf"', "runs_known"),
    ("B1610", "settlementRunType", f'"{"R" * 200}"', "runs_known"),
    ("B1610", "settlementRunType", "null", "runs_known"),
    ("B1610", "quantity", "1e-99", "periods_metered"),
    ("B1610", "quantity", "0." + "1" * 5000, "periods_metered"),
    ("B1610", "quantity", "-0", "periods_metered"),
]


@pytest.mark.parametrize(("of", "name", "token", "found"), TAKEN, ids=lambda value: value[:24])
def test_what_is_a_name_or_number_and_not_the_right_one_is_found_by_a_check(
    of: str, name: str, token: str, found: str
) -> None:
    dataset = ROWS[of][0]
    body = spoilt(of, name, token)
    answer = Answer("http://127.0.0.1:1/x", 200, dt.datetime(2025, 4, 5, tzinfo=dt.UTC), body)
    look = Look(DAY, dataset.runs[0], [UNIT], {}, answer, parsed(dataset, body), DayVolumes({}))
    assert found in {result.checked.name for result in dataset.check(look) if not result.passed}
    assert dataset.metadata(look)["rows"] == 1


@pytest.mark.parametrize("token", ["1e308", "-1e19", "1E-99999999999999", "1e-400"])
@pytest.mark.parametrize("name", ["volume", "originalPrice", "finalPrice"])
def test_a_number_beyond_all_energy_and_money_is_drift_of_the_stack(name: str, token: str) -> None:
    body = json.dumps({"data": [stack_row(), stack_row(sequenceNumber=2, **{name: "@@"})]}).replace('"@@"', token)
    with pytest.raises(SchemaDriftError, match=rf"at `\$\.data\[1\]\.{name}`"):
        STACK.parse(next(iter(STACK.keys(("bid",), [12]))), DAY, day_answer(body))


def test_what_is_not_utf_8_is_drift_of_any_dataset() -> None:
    body = json.dumps({"data": [boav_row(leadPartyName="\udcff")]}, ensure_ascii=False).encode(
        "utf-8", "surrogateescape"
    )
    answer = Answer("http://127.0.0.1:1/x", 200, dt.datetime(2025, 4, 5, tzinfo=dt.UTC), body)
    for dataset in (BOAV, AGWS):
        with pytest.raises(SchemaDriftError, match="it is not UTF-8"):
            dataset.parse(next(iter(dataset.keys(("bid",), [1]))), DAY, answer)


WHOLE = [
    ("1e308 MWh", METERED, b'"quantity": 1e308'),
    ("an exponent without an end", METERED, b'"quantity": 1E-99999999999999'),
    ("a huge level", PN_PATH, b'"levelFrom": 1e308'),
    ("not UTF-8", PN_PATH, b'"bmUnit": "\xff"'),
    ("a run that is a list", METERED, b'"settlementRunType": [[[]]]'),
    ("a day of another century", PN_PATH, b'"settlementDate": "1925-03-28"'),
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "member"), [case[1:] for case in WHOLE], ids=[case[0] for case in WHOLE])
def test_a_hostile_answer_beside_a_day_is_named_and_the_days_figures_are_published(
    project: Project, path: str, member: bytes
) -> None:
    def fault(asked: str) -> Fault | None:
        if not asked.startswith(path):
            return None
        body = json.dumps(rows_of(project.elexon, asked)).encode()
        return Fault(200, body[:-2] + b", " + member + b"}]")

    project.now = "2025-04-06T07:00:00+00:00"
    project.elexon.faults = fault
    project.ingest()
    is_told = member != b'"bmUnit": "\xff"'  # which is no JSON: it may pass, and is asked for again
    guard = UNITS_ANSWERED if path == PN_PATH else UNITS_METERED
    red = "SELECT check_family || '.' || check_name, severity FROM minerecon.reconciliation_latest WHERE NOT passed"
    assert project.sql(red) == ([(guard.full_name, "ERROR")] if is_told else [])
    assert project.status() == ("warned" if is_told else "complete"), "the day's own figures are published"
    table = "period_potential" if path == PN_PATH else "unit_daily_metered"
    assert project.sql(f"SELECT count(*) FROM minerecon.{table}") == [(0,)]
    ((reason,),) = project.sql("SELECT reason FROM minerecon.later_answers WHERE NOT is_there")
    assert "not what Elexon's API description says" in reason or "is not JSON" in reason
    assert reason.isprintable()
    other = "unit_daily_metered" if path == PN_PATH else "period_potential"
    ((rows,),) = project.sql(f"SELECT count(*) FROM minerecon.{other}")
    assert rows > 0, "what else comes beside the day is there"
    project.elexon.faults = lambda _: None
    project.sql_write("DELETE FROM minerecon.later_answers")
    project.now = "2025-04-07T07:00:00+00:00"
    project.ingest()
    assert (project.sql(red), project.status()) == ([], "complete")


@pytest.mark.slow
def test_numbers_that_come_with_exponents_make_the_same_day_to_the_last_digit(project: Project) -> None:
    """FR-19."""
    sums = "SELECT curtailed_mwh, payment_gbp, all_bids_mwh, wind_generation_mwh FROM minerecon.daily_summaries"
    project.ingest()
    (before,) = project.sql(sums)

    def shifted(number: re.Match[bytes]) -> bytes:
        sign, whole, part = number.groups()
        return b"%b0.%b%be+%d" % (sign, whole, part, len(whole))

    seen: set[bool] = set()

    def with_exponents(asked: str) -> Fault | None:
        body = reply_to(project.elexon.world, API_PATH + asked).body
        written = re.sub(rb'(": -?)([0-9]+)\.([0-9]+)(?=[,}])', shifted, body)
        seen.add(written != body)
        return Fault(200, written) if written != body else None

    project.elexon.faults = with_exponents
    project.ingest(force=True)
    assert True in seen
    assert project.sql(sums) == [before]
    assert project.status() == "complete"
