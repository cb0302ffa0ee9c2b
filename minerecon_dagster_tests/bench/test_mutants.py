"""The mutants: what is changed, what is tried, and what makes `make mutants` fail."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from bench.mutants import __main__ as command
from bench.mutants import faults, listed, sql, trial
from bench.mutants.generate import mutants
from minerecon_dagster.checks.evaluators import MatchRate
from minerecon_dagster.core import checks as c

SOURCE = """
LIMIT = 10


class Bound:
    @property
    def most(self) -> int:
        return LIMIT - 1


def within(x: int) -> bool:
    if x < 0:
        return False
    return x <= LIMIT
"""


def changes(source: str) -> set[tuple[str, str, str]]:
    return {(m.function, m.before, m.after) for m in mutants("a.py", source)}


def test_a_bound_outside_of_functions_a_property_and_a_condition_are_changed() -> None:
    assert {
        ("", "LIMIT = 10", "LIMIT = 11"),
        ("Bound.most", "return LIMIT - 1", "return LIMIT + 1"),
        ("within", "if x < 0:", "if x <= 0:"),
        ("within", "return x <= LIMIT", "return x < LIMIT"),
    } <= changes(SOURCE)


def test_a_mutant_keeps_its_name_when_its_code_moves_and_gets_another_when_its_line_changes() -> None:
    names = {m.name for m in mutants("a.py", SOURCE)}
    moved = {m.name for m in mutants("a.py", SOURCE.replace("def within", '"""More."""\n\n\ndef within'))}
    assert moved == names
    assert {m.name for m in mutants("a.py", SOURCE.replace("x < 0", "x < 1"))} != names


def test_two_mutants_that_read_the_same_are_told_apart() -> None:
    twice = mutants("a.py", "def f(x):\n    if x > 0:\n        x = 2\n    if x > 0:\n        x = 3\n    return x\n")
    assert [m.nth for m in twice if m.after == "if x >= 0:"] == [1, 2]


TESTED = """
from minerecon_dagster.core.spans import periods_text


def test_one_in_a_row() -> None:
    assert periods_text([1, 2, 3, 7]) == "1-3, 7"
"""
FILE = "minerecon_dagster/core/spans.py"
SCRIPT = f"""
import json, sys
from pathlib import Path
from bench.mutants import listed, trial
from bench.mutants.generate import mutants
from minerecon_dagster.checks.evaluators import MatchRate
from minerecon_dagster.core import checks as c
root = Path.cwd()
made = [m for m in mutants("{FILE}", (root / "{FILE}").read_text("utf-8")) if m.function == "periods_text"]
left = trial.survivors(root, ["{FILE}"], made, sys.argv[1:2], 60)
Path(sys.argv[2]).write_text(json.dumps([listed.name(*m.name) for m in left]))
"""


def tried(tmp_path: Path, tests: str) -> tuple[list[str], list[str]]:
    """The survivors of a real file with tests of our own, and all its mutants, by name.

    In a process of its own: a mutant is imported by one that has imported nothing of ours.
    """
    (tmp_path / "test_some.py").write_text(tests)
    made = [m for m in mutants(FILE, (command.ROOT / FILE).read_text("utf-8")) if m.function == "periods_text"]
    left = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "test_some.py"), str(tmp_path / "left.json")],
        cwd=command.ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert left.returncode == 0, left.stderr
    return json.loads((tmp_path / "left.json").read_text()), [command.called(m) for m in made]


@pytest.mark.slow
def test_what_tests_would_notice_is_noticed_and_what_they_would_not_survives(tmp_path: Path) -> None:
    before = (command.ROOT / FILE).read_bytes()
    survived, everything = tried(tmp_path, TESTED)
    assert len(survived) < len(everything) / 2
    asserts_nothing, _ = tried(tmp_path, TESTED.replace(' == "1-3, 7"', ""))
    assert set(survived) < set(asserts_nothing)
    assert (command.ROOT / FILE).read_bytes() == before, "the tree is not touched"


@pytest.fixture
def list_of_survivors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "survivors.toml"
    path.write_text('[[reason]]\nwhy = "does the same"\nsurvivors = ["a.py | f | x => y"]\n')
    read = listed.read
    monkeypatch.setattr(listed, "read", lambda: read(path))
    return path


def test_a_survivor_that_is_listed_passes(list_of_survivors: Path) -> None:
    listed_one = "a.py | f | x => y"
    assert command.judged([listed_one], [listed_one, "a.py | g | x => y"], [listed_one, "a.py | g | x => y"]) == 0


def test_a_survivor_that_is_not_listed_fails(list_of_survivors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["a.py | f | x => y", "a.py | g | x => y"]
    assert command.judged(names, names, names) == 1
    assert capsys.readouterr().out == "survived, and is not listed: a.py | g | x => y\n"


def test_a_line_of_the_list_whose_mutant_is_noticed_fails(list_of_survivors: Path) -> None:
    assert command.judged([], ["a.py | f | x => y"], ["a.py | f | x => y"]) == 1


def test_a_line_of_the_list_whose_mutant_was_not_tried_says_nothing(list_of_survivors: Path) -> None:
    assert command.judged([], ["a.py | g | x => y"], ["a.py | f | x => y", "a.py | g | x => y"]) == 0


def test_a_line_of_the_list_without_a_mutant_fails(list_of_survivors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.judged([], [], ["a.py | g | x => y"]) == 1
    assert capsys.readouterr().out == "listed, and there is no such mutant: a.py | f | x => y\n"


def test_a_line_of_the_list_without_a_reason_fails(list_of_survivors: Path) -> None:
    list_of_survivors.write_text('[[reason]]\nwhy = " "\nsurvivors = ["a.py | f | x => y"]\n')
    assert command.judged(["a.py | f | x => y"], ["a.py | f | x => y"], ["a.py | f | x => y"]) == 1


def test_writing_the_list_keeps_reasons_and_drops_what_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "survivors.toml"
    path.write_text('[[reason]]\nwhy = "same"\nsurvivors = ["a.py | f | x => y", "a.py | g | x => y"]\n')
    assert listed.write(["a.py | g | x => y", 'a.py | h | " => y'], [], path, of_sql=False) == 1
    assert path.read_text().count("f | x") == 0
    with pytest.raises(ValueError, match="1 survivors have no reason"):
        listed.read(path)
    path.write_text(path.read_text().replace('why = ""', 'why = "a reason"'))
    assert listed.read(path) == {"a.py | g | x => y": "same", 'a.py | h | " => y': "a reason"}


@pytest.mark.slow
def test_of_a_change_what_it_touches_is_tried_and_the_same_others_are_drawn() -> None:
    made = mutants(FILE, SOURCE)
    changed = command.differing(made, FILE, SOURCE.replace("x < 0", "x < 1"), SOURCE)
    assert {m.function for m in changed} == {"within"}
    bound_moved = command.differing(made, FILE, SOURCE.replace("LIMIT = 10", "LIMIT = 9"), SOURCE)
    assert {(m.function, m.before) for m in bound_moved} == {("", "LIMIT = 10")}
    larger = "minerecon_dagster/core/states.py"
    everything = mutants(larger, (command.ROOT / larger).read_text("utf-8"))
    drawn = command.of_change(everything, "HEAD", "abc")
    assert drawn == command.of_change(everything, "HEAD", "abc")
    assert {m.name for m in drawn} != {m.name for m in command.of_change(everything, "HEAD", "def")}


def test_where_nobody_knows_what_a_change_is_compared_with_mutants_are_drawn_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.known("no-such-commit") is None
    everything = mutants("minerecon_dagster/core/states.py", (command.ROOT / FILE).read_text("utf-8"))
    drawn = command.of_change(everything, None, "abc")
    assert len(drawn) == min(command.DRAWN, len(everything))
    assert "drawn alone" in capsys.readouterr().out


def test_a_clone_of_one_commit_has_no_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    assert (command.commit(), command.base()) == ("", None)
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "first"], cwd=tmp_path, check=True)
    assert len(command.commit()) == 40
    assert command.base() is None
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "second"], cwd=tmp_path, check=True)
    assert command.base() == command.known("HEAD~1") is not None


def test_a_file_that_is_not_measured_yet_stays_so_when_the_list_is_written(tmp_path: Path) -> None:
    path = tmp_path / "survivors.toml"
    path.write_text('not_measured = ["b.py"]\n[[reason]]\nwhy = "same"\nsurvivors = ["a.py | f | x => y"]\n')
    assert listed.write(["a.py | f | x => y"], [], path, of_sql=False) == 0
    assert listed.not_measured(path) == {"b.py"}
    assert listed.read(path) == {"a.py | f | x => y": "same"}


def test_what_is_not_measured_is_there_and_has_no_survivors_listed() -> None:
    for file in listed.not_measured():
        assert (command.ROOT / file).exists(), file
        assert not [name for name in listed.read() if name.startswith(file)]


def test_a_mutant_is_tried_by_its_files_own_tests_first_and_by_others_unless_they_draw_many_examples() -> None:
    tests = "minerecon_dagster_tests"
    own, other = f"{tests}/core/test_spans.py::test_a", f"{tests}/core/test_states.py::test_b"
    drawn, own_drawn = f"{tests}/core/test_states.py::test_c", f"{tests}/core/test_spans.py::test_d"
    seconds = {own: 0.2, other: 0.1, drawn: 0.1, own_drawn: 1.0}
    mutant = next(m for m in mutants(FILE, (command.ROOT / FILE).read_text("utf-8")) if m.in_body)
    found = trial.Tests(seconds, {FILE: {mutant.line: list(seconds)}}, {drawn, own_drawn})
    assert found.of(mutant) == [own, own_drawn, other]
    assert trial.is_own(f"{tests}/elexon/datasets/test_boav.py::test_a", "minerecon_dagster/elexon/datasets/boav.py")
    assert not trial.is_own(own, "minerecon_dagster/core/states.py")


def test_each_property_is_tried_with_a_few_mutants_first_those_that_miss_the_fault_and_change_nothing_else() -> None:
    def fault(name: str) -> str:
        return f"{faults.FAULTS}/test_some.py::test_{name}"

    own = f"{faults.OWN[0]}::test_a"
    seen = {
        "alone": {fault("a"): ["p"]},
        "with others": {fault("b"): ["p", "q"], fault("a"): ["p", "q", "r"]},
        "without an answer": {fault("a"): [faults.NO_ANSWER]},
        "only by its own test": {own: ["p", "z"]},
        "a miss": {fault("d"): ["p", "q", "r", "s"]},
        **{f"more {n}": {fault("c"): ["p"]} for n in range(9)},
    }
    assigned = faults._to_try(seen, {"a miss": {fault("d"): ["p"]}})
    assert assigned[fault("a")] == [("alone", ["p"]), ("with others", ["p", "q", "r"])]
    assert assigned[fault("b")] == [("with others", ["p", "q"])]
    assert assigned[fault("d")] == [("a miss", ["p", "q", "r", "s"])]
    assert own not in assigned, "it is no fault"
    assert len(assigned[fault("c")]) == faults.MOST_TRIES - 4, "of p: a miss, two of a, one of b, and these"


def test_what_a_property_is_tried_in_are_other_tests_and_other_modules_before_the_same_again() -> None:
    def fault(module: str, name: str) -> str:
        return f"{faults.FAULTS}/test_{module}.py::test_{name}"

    one, two, other = fault("one", "a"), fault("one", "b"), fault("other", "a")
    pairs = [(True, 1, "m1", two), *((False, n, f"m{n}", test) for test in (one, two, other) for n in (1, 2))]
    turns = [(mutant, test) for _, _, mutant, test in faults._in_turns(pairs)]
    first = [("m1", one), ("m1", other), ("m1", two)]
    assert turns == [*first, *(("m2", test) for _, test in first), ("m1", two)], "an alarm comes last"


@pytest.mark.slow
def test_a_fault_is_red_with_a_mutant_of_its_sql_and_green_with_one_that_changes_nothing_of_it(tmp_path: Path) -> None:
    test = f"{faults.FAULTS}/test_faults.py::test_a_fault_in_the_tables[10: a day's energy typed in]"
    made = sql.mutants("checks/sums_match_parts")
    turned = next(faults.called(m) for m in made if m.before == "expected IS NOT DISTINCT FROM actual")
    of_others = next(faults.called(m) for m in sql.mutants("inventory/inputs"))
    (tmp_path / "assigned.json").write_text(json.dumps({test: [(of_others, ["other"]), (turned, ["sums"])]}))
    faults._pytest("try", tmp_path, [test])
    assert {file.name for file in tmp_path.glob("held-*")} == {"held-sums"}


def with_mutant(warehouse: Engine, statement: str) -> tuple[frozenset[tuple[str, str]] | None, bool]:
    """What comes of a mutant, and whether the transaction that it was evaluated in goes on."""
    with warehouse.connect() as connection:
        found = faults._of_mutant("a mutant", lambda: connection.execute(text(statement)).all(), connection, 0.05)
        return found, connection.execute(text("SELECT true")).scalar_one()


def test_a_mutant_without_an_answer_is_noticed_and_what_is_no_statement_is_refused(
    warehouse: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "_refused", refused := dict[str, str]())
    assert with_mutant(warehouse, "SELECT pg_sleep(60)") == ({(faults.NO_ANSWER, "too late")}, True)
    assert with_mutant(warehouse, "SELECT 1 / 0") == ({(faults.NO_ANSWER, "an error")}, True)
    assert refused == {}
    for no_statement in ("SELECT true + 1", "SELECT bmu_id, count(*) FROM minerecon.bm_units", "SELECT - '[]'"):
        refused.clear()
        assert with_mutant(warehouse, no_statement) == (None, True), no_statement
        assert list(refused) == ["a mutant"], no_statement


def test_a_verdict_begins_with_whether_the_property_passes_also_where_there_is_one_of_each_month() -> None:
    wrong = c.could_not_look(c.ROLLUP_MODEL_RATIOS, dt.date(2025, 3, 28), "a reason")
    for found in (wrong, [wrong], {"2025-03": [wrong]}, ([wrong], 1)):
        ((name, verdict),) = faults._verdicts(found)
        assert name == c.ROLLUP_MODEL_RATIOS.full_name
        assert verdict.startswith(str(False)), found


def test_how_many_calculations_are_right_is_a_verdict_too() -> None:
    rates = [MatchRate("S9", 2, 1), MatchRate("S9", 2, 2)]
    one, other = (faults._verdicts(([], [rate])) for rate in rates)
    assert one != other
    assert len(faults._verdicts(([], rates))) == 2


def test_a_mutant_of_which_the_database_was_not_asked_has_not_been_taken(
    warehouse: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "_taken", taken := set[str]())
    name, mutant = "checks/stored_coverage", sql.mutants("checks/stored_coverage")[0]
    day = {"day": dt.date(2025, 3, 28)}
    with warehouse.connect() as connection, faults.put_in(name, mutant.source):
        faults._of_mutant("a mutant", lambda: (), connection, 5)
        assert taken == set()
        faults._of_mutant("a mutant", lambda: connection.execute(text(faults._with_mutant(name)), day), connection, 5)
        assert taken == {"a mutant"}


def test_what_a_mutant_is_noticed_by_in_the_evaluators_own_tests_keeps_it_from_no_fault() -> None:
    fault, own = f"{faults.FAULTS}/test_some.py::test_", f"{faults.BOUNDS}::test_"
    of_own = [f"{own}{n}" for n in range(faults.MOST_SIGHTINGS)]
    assert faults._is_noticed_enough(of_own, (), of_own[-1])
    assert not faults._is_noticed_enough([*of_own, f"{fault}a"], of_own, f"{fault}a")
    of_faults = [f"{fault}{n}" for n in range(faults.MOST_SIGHTINGS)]
    assert faults._is_noticed_enough([*of_own, *of_faults], of_faults, of_faults[-1])
    assert not faults._is_noticed_enough(of_faults, of_faults[1:], of_faults[-1])


def test_a_mutant_that_only_fails_what_is_right_is_looked_at_in_more_faults_for_one_that_is_missed() -> None:
    alarms = [f"{faults.FAULTS}/test_some.py::test_{n}" for n in range(faults.MOST_SIGHTINGS**2)]
    assert not faults._is_noticed_enough(alarms[1:], (), alarms[-1])
    assert faults._is_noticed_enough(alarms, (), alarms[-1])


def test_what_one_module_of_faults_has_noticed_is_looked_at_in_the_next_one_again() -> None:
    noticed = [f"{faults.FAULTS}/test_some.py::test_{n}" for n in range(faults.MOST_SIGHTINGS)]
    later = f"{faults.FAULTS}/test_source_other.py::test_a"
    assert not faults._is_noticed_enough([*noticed, later], [*noticed, later], later)


def test_in_each_test_of_bounds_a_mutant_is_looked_at_anew() -> None:
    one, other = (faults._data_of_its_own(f"{faults.BOUNDS}::test_{name}") for name in "ab")
    assert one != other
    assert {faults._data_of_its_own(f"{path}::test_a") for path in (faults.FAULTS, *faults.OWN[1:])} == {""}


def test_of_all_that_an_evaluator_asks_a_mutant_alone_is_asked_again(warehouse: Engine) -> None:
    sent: list[str] = []
    event.listen(warehouse, "before_cursor_execute", lambda *given: sent.append(given[2]))
    with warehouse.connect() as connection:
        asked = faults._Asked(connection)
        numbers = [asked.execute(text("SELECT :n AS n"), {"n": n}).scalar_one() for n in (1, 2, 1)]
        rows = [asked.execute(text(f"SELECT 3 AS n{more}")).one().n for more in ("", "", " WHERE true")]
        assert asked.in_transaction()
    assert (numbers, rows) == ([1, 2, 1], [3, 3, 3])
    assert len(sent) == 4, "both numbers once, and both statements once"


def test_every_statement_of_the_checks_is_mutated() -> None:
    """A new one gets its line in `EVALUATORS`; what `stored_by_unit` and the like return is compared by functions."""
    there = {f"checks/{p.stem}" for p in (command.ROOT / sql.FOLDER / "checks").glob("*.sql")}
    assert there <= {name for evaluator in faults.EVALUATORS for name in evaluator.statements}
    for evaluator in faults.EVALUATORS:
        faults.function_of(evaluator)


def test_in_sql_a_comparison_is_turned_a_term_dropped_and_a_bound_moved() -> None:
    made = {(m.before, m.after) for m in sql.mutants("checks/physics")}
    assert ("capacity_mw > 0", "capacity_mw >= 0") in made
    assert ("i.capacity_mw * 0.5", "i.capacity_mw * 1.5") in made
    assert any(after.startswith("without o.total_wind_mwh IS DISTINCT FROM") for _, after in made)
    assert all(":day" in m.source for m in sql.mutants("checks/physics"))


def test_in_sql_that_hands_figures_out_by_their_names_they_are_lost() -> None:
    (lost,) = sql.mutants("rollup/day_bitcoin")
    assert lost.after == "JSONB_OBJECT_AGG(miner_model, '0')"
    assert lost.after in lost.source


def test_a_mutant_of_sql_is_alone_in_its_statement() -> None:
    sources = [m.source for m in sql.mutants("checks/money")]
    assert len(set(sources)) == len(sources)
    terms = "volume_mwh >= 0", "payment_gbp < 0", "r.record_count > 0"
    assert {sum(term in source for term in terms) for source in sources} == {2, 3}, "what was changed before is back"
