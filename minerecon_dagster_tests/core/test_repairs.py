"""A repair as a value: its text is what it was, is read back by one function, and by no other code."""

from __future__ import annotations

import ast
import datetime as dt
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core import repairs as r
from minerecon_dagster.core.repairs import Command, Repair, Words, all_of, of_day, parse, words

PACKAGE = Path(r.__file__).parents[1]
DAY, NEXT = dt.date(2025, 3, 28), dt.date(2025, 3, 29)
ALONE = [value for value in vars(r).values() if isinstance(value, Repair)]
DECLARED = [*ALONE, *(p.repair for p in PROPERTIES), r.take_register("ab" * 32), r.job("ingest")]
DATES = st.dates(dt.date(2020, 1, 1), dt.date(2030, 12, 31))
FILLED = st.builds(
    lambda repair, one, two: repair.over(min(one, two), max(one, two)), st.sampled_from(DECLARED), DATES, DATES
)


def test_the_commands_read_as_they_always_did() -> None:
    assert [str(repair) for repair in (r.REFETCH, r.FIX, r.REINGEST, r.REBUILD, r.RECALCULATE, r.VERIFY)] == [
        "minerecon reingest DATE --force",
        "minerecon verify DATE --action fix",
        "minerecon reingest DATE",
        "minerecon reingest DATE --from-archive",
        "minerecon recalculate DATE",
        "minerecon verify DATE",
    ]
    assert [str(repair) for repair in (r.LOAD_DIFFICULTY, r.REFRESH_REGISTER, r.SWEEP, r.take_register("ab12"))] == [
        "minerecon difficulty load FILE.csv",
        "minerecon register refresh",
        "minerecon local -- dagster job execute -m minerecon_dagster.definitions -j rollup_sweep",
        "minerecon register accept ab12",
    ]


@given(repair=st.one_of(st.sampled_from(DECLARED), FILLED, st.lists(FILLED, min_size=1, max_size=3).map(all_of)))
def test_every_repair_is_read_back_from_its_text(repair: Repair) -> None:
    assert parse(str(repair)) == repair


@given(text=st.one_of(st.text(), st.text("minerecon verify-2025; DATEFROM").map(lambda rest: f"minerecon {rest}")))
def test_whatever_is_stored_comes_out_as_it_went_in(text: str) -> None:
    assert str(parse(text)) == text


@given(day=DATES, repair=st.sampled_from(DECLARED))
def test_what_is_filled_in_of_a_day_is_taken_out_again(day: dt.date, repair: Repair) -> None:
    assert repair.over(day).general(day) in (repair, repair.over(day)), "the latter of what always has both days"


def test_a_day_is_written_once_and_a_range_by_both_ends_unless_both_are_always_written() -> None:
    assert str(r.REBUILD.over(DAY)) == str(r.REBUILD.over(DAY, DAY)) == "minerecon reingest 2025-03-28 --from-archive"
    assert str(r.FIX.over(DAY, NEXT)) == "minerecon verify 2025-03-28 2025-03-29 --action fix"
    assert str(r.PRICES.from_to) == "minerecon prices FROM TO"
    assert str(r.PRICES.from_to.over(DAY)) == "minerecon prices 2025-03-28 2025-03-28"
    assert str(r.EXPORT.over("2025-03", "2025-05")) == "minerecon export 2025-03 2025-05"


def test_a_command_says_what_it_is_of() -> None:
    assert {(str(s), s.of) for repair in ALONE for s in repair.steps if bool(s.keys) != (s.of != "nothing")} == set()
    assert parse("minerecon export 2025-03").steps[0].of == "months"


def test_of_two_repairs_of_a_day_the_stronger_is_taken() -> None:
    weakest_first = [r.VERIFY, r.RECALCULATE, r.REBUILD, r.REINGEST, r.FIX, r.REFETCH]
    for weaker, stronger in pairwise(weakest_first):
        assert of_day([stronger.over(DAY), weaker.over(DAY)], DAY) == stronger
        assert of_day([weaker.over(DAY), stronger.over(DAY)], DAY) == stronger
    assert of_day([], DAY) == Repair()


def test_what_is_not_done_to_the_day_comes_first_and_what_is_its_own_keeps_its_date() -> None:
    found = of_day([r.VERIFY.over(DAY), r.TAKE_RESTATEMENT.over(DAY), words("look"), r.LOAD_DIFFICULTY], DAY)
    assert str(found) == (
        "look; minerecon difficulty load FILE.csv; minerecon reingest 2025-03-28 --accept-restatement; "
        "minerecon verify DATE"
    )
    assert of_day([r.TAKE_RESTATEMENT.over(DAY)], DAY) == r.TAKE_RESTATEMENT.over(DAY), "once, and not as one of many"
    assert of_day([r.REFETCH.over(NEXT)], DAY) == r.REFETCH.over(NEXT), "of another day it is not this day's"


def test_a_person_is_needed_where_one_decides_or_brings_something_or_has_to_look() -> None:
    of_a_person = [
        r.LOAD_DIFFICULTY,
        r.TAKE_RESTATEMENT,
        r.take_register("ab"),
        words("look"),
        r.REFETCH.left_to_a_person(),
    ]
    assert all(repair.needs_a_person for repair in of_a_person)
    assert not any(repair.needs_a_person for repair in (r.REFETCH, r.FIX, r.SWEEP, r.REFRESH_REGISTER.then(r.VERIFY)))
    assert r.REFETCH.left_to_a_person().over(DAY).needs_a_person
    assert all(p.repair.needs_a_person for p in PROPERTIES if p.is_beside), "what stands beside a day is others' word"
    assert {p.full_name for p in PROPERTIES if p.repair.needs_a_person and not p.is_beside} == {
        "completeness.no_long_silence", "completeness.restatement_believable",
        "control_totals.no_reduction_on_offer_side", "calculation.difficulty_known",
        "physics.unit_energy_within_capacity", "physics.wind_output_above_zero", "money.bids_are_priced",
        "money.prices_below_limit", "register.wind_like_units_mapped", "register.uncounted_energy_is_small",
        "register.wind_units_mapped", "register.units_located", "register.zones_stay_on_their_side",
        "drift.register_unchanged", "inventory.every_wind_unit_is_counted", "inventory.register_is_believed",
        "inventory.turn_up_near_published",
    }  # fmt: skip


def test_a_repair_takes_a_range_if_its_first_step_alone_is_of_open_days() -> None:
    ranged = [r.REFETCH, r.RECALCULATE, r.VERIFY, r.REINGEST.then(words("and look"))]
    assert all(repair.takes_a_range for repair in ranged)
    alone = [r.PRICES, r.REFETCH.over(DAY), r.REFRESH_REGISTER.then(r.REBUILD), words("look"), Repair()]
    alone += [r.REFETCH.over(DAY).then(r.VERIFY), r.REFETCH.then(r.VERIFY)]
    assert not any(repair.takes_a_range for repair in alone)


# Nobody else reads the text of a command.

READERS = {
    "startswith", "endswith", "removeprefix", "removesuffix", "replace", "split", "rsplit", "partition", "rpartition",
    "find", "index", "match", "search", "fullmatch", "findall", "sub",
}  # fmt: skip


def is_of_a_repair(node: ast.expr) -> bool:
    """Whether it is the text of a repair, by its name or by its beginning."""
    while isinstance(node, ast.JoinedStr | ast.FormattedValue):
        node = node.values[0] if isinstance(node, ast.JoinedStr) else node.value
    match node:
        case ast.Constant(value=str(text)):
            return text.startswith("minerecon ")
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in ("repair", "remedy") or isinstance(vars(r).get(name), Repair)
        case ast.Call(func=ast.Name(id="str"), args=[inner]):
            return is_of_a_repair(inner)
    return False


def readings(source: str) -> list[str]:
    """Where the text of a repair is taken apart, or compared with the text of a command."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READERS:
            parts = [node.func.value, *node.args]
            found += [ast.unparse(node)] if any(map(is_of_a_repair, parts)) else []
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            text = any(isinstance(s, ast.Constant | ast.JoinedStr) and is_of_a_repair(s) for s in sides)
            has = isinstance(node.ops[0], ast.In | ast.NotIn) and is_of_a_repair(node.comparators[0])
            found += [ast.unparse(node)] if text or has else []
    return found


def test_no_other_code_reads_the_text_of_a_command() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if path != Path(r.__file__)]
    assert {(path.name, where) for path in modules for where in readings(path.read_text("utf-8"))} == set()


@pytest.mark.parametrize(
    "code",
    [
        'p.repair.split("; ")',
        'command.startswith("minerecon difficulty")',
        'text.startswith(("x", "y")) or text.startswith("minerecon verify ")',
        'c.REFETCH.replace("DATE", str(day))',
        'str(result.repair).partition(" ")',
        'day in repair',
        'p.repair == f"minerecon reingest {day}"',
        're.match("x", repair)',
    ],
)  # fmt: skip
def test_such_code_is_found(code: str) -> None:
    assert readings(code)


def test_of_the_sample_each_command_has_the_option_and_nothing_else() -> None:
    text = f"minerecon reingest 2025-03-28 --from-archive; {r.job('sweep')}; look at it"
    assert str(parse(text).of_the_sample()) == text.replace("archive;", "archive --sample;")
    assert r.REINGEST.left_to_a_person().of_the_sample().needs_a_person


def test_words_are_no_command_and_have_no_strength() -> None:
    assert parse("look at it; minerecon status").steps == (Words("look at it"), Command("status"))
    assert r.VERIFY.then(words("look")).is_command
    assert not any(repair.is_command for repair in (words("look"), words("look").then(r.VERIFY), Repair()))
    assert (words("look").steps[0].of, words("look").steps[0].strength) == ("nothing", 0)
