"""Lines of the source: about ten questions, by the client that fetches days, within its rate.

Shapes of what it answers, whether the units that are in one dataset are in the other, a known day against what others
have published of it, and whether what is not there is said to be so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from minerecon_dagster.core.answers import Answer, AnswerKey, is_synthetic
from minerecon_dagster.core.calendar import STACK_SIDES, period_count
from minerecon_dagster.core.errors import ConfigurationError, MinereconError, SourceError
from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.core.schema import REGISTER_PATH
from minerecon_dagster.decisions.published_figures import PublishedFigure, published_figures
from minerecon_dagster.doctor.line import Line, looked_at, ok, unseen, wrong
from minerecon_dagster.elexon.client import ElexonClient
from minerecon_dagster.elexon.datasets import later, of_the_day
from minerecon_dagster.elexon.datasets.boav import BOAV
from minerecon_dagster.elexon.datasets.stack import STACK
from minerecon_dagster.register.answers import units_of
from minerecon_dagster.sample import SAMPLE_DAYS

PERIOD = 24
"""The settlement period that is asked for: in the middle of every day."""
NEAR_ENOUGH = Decimal("0.01")
"""How far the known day may be off what was published, as a share: settlement runs restate a day by so much."""
_UNITS = "BMUNITS"
_REGISTER = AnswerKey("doctor register")
_NOWHERE = AnswerKey("doctor nowhere")
_BEYOND = AnswerKey("doctor beyond")
_NO_SUCH_PATH = "/balancing/no-such-dataset"
_CHECK = "check ELEXON_BASE_URL, and what stands between"

Got = Answer | SourceError


@dataclass(frozen=True)
class Known:
    """A settlement day that the source should have.

    Args:
        day: settlement date.
        figure: what others have published of it; None where there is nothing to compare with.
    """

    day: dt.date
    figure: PublishedFigure | None


def known_day(source_url: str) -> Known:
    """The newest day of which its energy on all bids is published; of the synthetic sample, a day that it has."""
    if is_synthetic(source_url):
        return Known(SAMPLE_DAYS[0], None)
    figures = (
        figure
        for figure in published_figures()
        if (figure.basis, figure.figure) == ("all_bids", "curtailed_mwh")
        and figure.days[0] == figure.days[1]
        and not figure.is_known_wrong
    )
    figure = max(figures, key=lambda f: f.days[0], default=None)
    if figure is None:
        raise ConfigurationError("no published figure is of a day; add one to decisions/published_figures.toml")
    return Known(figure.days[0], figure)


def source_lines(client: ElexonClient, known: Known) -> list[Line]:
    """What the source answers now.

    Args:
        client: asks it.
        known: the day that is asked for.
    """
    names = ["source", *_shapes(), "units", "published", "absence"]
    paths = {key: dataset.path(key, known.day) for dataset in of_the_day() for key in _keys(dataset)}
    (beyond,) = STACK.keys(STACK_SIDES[:1], [period_count(known.day) + 1])
    beside = {_REGISTER: REGISTER_PATH, _NOWHERE: _NO_SUCH_PATH, _BEYOND: STACK.path(beyond, known.day)}
    try:
        got = client.ask(paths | beside)
    except MinereconError as error:  # of the rate limit's file
        line = looked_at("source", partial(_raise, error))
        return [line, *unseen(names[1:], "the source could not be asked")]
    failures = [answer for answer in got.values() if isinstance(answer, SourceError)]
    if len(failures) == len(got):
        line = looked_at("source", partial(_raise, failures[0]))
        return [line, *unseen(names[1:], "the source does not answer")]
    units: dict[str, BmUnit] = {}
    lines = [
        ok("source", f"{len(got) - len(failures)} of {len(got)} questions were answered, of {known.day}"),
        looked_at(_UNITS, lambda: _register(got[_REGISTER], units)),
    ]
    rows: dict[AnswerKey, Sequence[Any]] = {}
    for dataset in of_the_day():
        name = dataset.report
        lines.append(looked_at(name, partial(_shape, dataset, known.day, got, rows)))
    for coming in later():
        lines.append(looked_at(coming.report, partial(_later, coming, known.day, client, units)))
    lines.append(looked_at("units", lambda: _units(rows)))
    lines.append(looked_at("published", lambda: _published(known, rows, units)))
    lines.append(looked_at("absence", lambda: _absence(got, known.day, beyond)))
    return lines


def _raise(error: MinereconError) -> Line:
    raise error


def _shapes() -> list[str]:
    return [_UNITS, *(dataset.report for dataset in (*of_the_day(), *later()))]


def _keys(dataset: Any) -> list[AnswerKey]:
    keys: list[AnswerKey] = dataset.keys(STACK_SIDES, [PERIOD])
    return keys


def _answer(got: Mapping[AnswerKey, Got], key: AnswerKey) -> Answer:
    answer = got[key]
    if isinstance(answer, SourceError):
        raise answer
    return answer


def _register(answer: Got, units: dict[str, BmUnit]) -> Line:
    if isinstance(answer, SourceError):
        raise answer
    if answer.status != 200:
        return wrong(_UNITS, f"GET {answer.url}: HTTP {answer.status}", _CHECK)
    units |= units_of(answer)
    wind = [unit for unit in units.values() if unit.is_wind]
    if not wind:
        return wrong(_UNITS, f"{len(units)} units, and none of them is wind", _CHECK)
    return ok(_UNITS, f"{len(units)} units, {len(wind)} of them wind")


def _shape(dataset: Any, day: dt.date, got: Mapping[AnswerKey, Got], rows: dict[AnswerKey, Sequence[Any]]) -> Line:
    keys = _keys(dataset)
    for key in keys:
        answer = _answer(got, key)
        if answer.status != 200:
            return wrong(
                dataset.report, f"GET {answer.url}: HTTP {answer.status}, and {day} is a day that it has", _CHECK
            )
        rows[key] = dataset.parse(key, day, answer)
    count = sum(len(rows[key]) for key in keys)
    if not count:
        return wrong(dataset.report, f"no row at all of {day}, a day that it has", _CHECK)
    return ok(dataset.report, f"{count:,} rows in {len(keys)} answers, as described")


def _later(dataset: Any, day: dt.date, client: ElexonClient, units: Mapping[str, BmUnit]) -> Line:
    """One that is asked for by unit: which of the units that are asked for are answered."""
    wind = {bmu_id: unit for bmu_id, unit in units.items() if unit.is_wind}
    run = max(dataset.runs, key=lambda run: run.rank)
    key, asked = dataset.key(run), dataset.units(wind)
    answer = _answer(client.ask({key: dataset.path(day, run, asked)}), key)
    if answer.status != 200:
        return wrong(dataset.report, f"GET {answer.url}: HTTP {answer.status}", _CHECK)
    rows = dataset.parse(key, day, answer)
    answered = {unit for row in rows if (unit := _unit_of(row)) is not None}
    if strangers := answered - set(asked):
        return wrong(dataset.report, f"{min(strangers)} was answered, and not asked for", _CHECK)
    if not answered:
        return wrong(dataset.report, f"none of {len(asked)} units was answered of {day}", _CHECK)
    if 2 * len(answered) < len(asked):  # the register of today has units that were not there on the day
        few = f"only {len(answered)} of {len(asked)} units were answered of {day}: no day is built from such an answer"
        return wrong(dataset.report, few, _CHECK)
    return ok(dataset.report, f"{len(answered)} of {len(asked)} units answered, {len(rows):,} rows as described")


def _unit_of(row: Any) -> str | None:
    unit: str | None = getattr(row, "bm_unit", None)
    return unit


def _units(rows: Mapping[AnswerKey, Sequence[Any]]) -> Line:
    """Every unit with an acceptance in the stack's period has a volume in that period of BOAV."""
    said: dict[str, set[str]] = {"stack": set(), "boav": set()}
    for side in STACK_SIDES:
        stack, boav = AnswerKey(STACK.name, side, PERIOD), AnswerKey(BOAV.name, side)
        if stack not in rows or boav not in rows:
            raise MinereconError(f"{STACK.report} or {BOAV.report} of the {side}s could not be read; see its line")
        said["stack"] |= {row.id for row in rows[stack] if row.is_acceptance}
        said["boav"] |= {row.bm_unit for row in rows[boav] if row.settlement_period == PERIOD}
    lacking = sorted(said["stack"] - said["boav"])
    there = len(said["stack"]) - len(lacking)
    says = f"{there} of {len(said['stack'])} units of the stack's period {PERIOD} are in {BOAV.report}"
    if lacking:
        return wrong("units", f"{says}, {lacking[0]} is not", "try again later; if it stays, tell Elexon")
    return ok("units", says)


def _published(known: Known, rows: Mapping[AnswerKey, Sequence[Any]], units: Mapping[str, BmUnit]) -> Line:
    wind = {bmu_id for bmu_id, unit in units.items() if unit.is_wind}
    keys = BOAV.asked
    if not wind or any(key not in rows for key in keys):
        raise MinereconError(f"the register or {BOAV.report} could not be read; see its line")
    volumes = [row.total_volume_accepted for key in keys for row in rows[key] if row.bm_unit in wind]
    mwh = -sum((volume for volume in volumes if volume is not None and volume < 0), Decimal())
    says = f"{mwh:,.2f} MWh of wind bids on {known.day}"
    if known.figure is None:
        return ok("published", f"{says}; of synthetic days nothing is published")
    published = known.figure.value
    off = round(mwh / published - 1, 4) or Decimal()  # no minus before a nought
    compared = f"{says}, {off:+.2%} beside the {published:,} published"
    if abs(off) > NEAR_ENOUGH:
        return wrong("published", compared, "do not load history yet: see which of the units or volumes differ")
    return ok("published", compared)


def _absence(got: Mapping[AnswerKey, Got], day: dt.date, key: AnswerKey) -> Line:
    """What is not there must be said not to be: or what fails somewhere between could pass for a quiet day."""
    nowhere, beyond = got[_NOWHERE], got[_BEYOND]
    if isinstance(nowhere, Answer) and nowhere.status == 200:
        return wrong("absence", f"GET {nowhere.url}: HTTP 200 for what is not there", _CHECK)
    if isinstance(beyond, SourceError):
        raise beyond
    if beyond.status == 200 and STACK.parse(key, day, beyond):
        return wrong("absence", f"GET {beyond.url}: rows of a period that the day has not", _CHECK)
    how = "404" if beyond.status == 404 else "an empty answer"
    return ok("absence", f"404 for what is not there; {how} for period {key.period} of {day}, which has none")
