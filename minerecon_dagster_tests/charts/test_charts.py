"""What charts show: gaps, what may still change, hours of long and short days, and hostile names as plain text."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from minerecon_dagster import charts
from minerecon_dagster.charts import COLOURS, NARROW, STATES, WIDE, Bar, Chart, Drawer, Point, Words
from minerecon_dagster.charts.words import clean, cut, number, short, steps, width_of, wrap
from minerecon_dagster.core.statuses import STATUSES
from minerecon_dagster_tests.charts.examples import examples, half_hours

SVG = "{http://www.w3.org/2000/svg}"
WORDS = Words("a title", "a subtitle", "a description")
FIRST = dt.date(2025, 3, 27)
HOSTILE = [
    "</svg><script>alert(1)</script>",
    "$x^{$",
    "a\x00b\x1b[31m\x7f\u202egnp.exe\ufeff",
    "@ink", "@nothing", "%hatch-accent", "&lt;b&gt; & \"q\" 'q'", "url(#x)", "{datum.x}", "x" * 400, "\ud800", "",
]  # fmt: skip


@pytest.fixture(scope="module")
def drawer() -> Iterator[Drawer]:
    with Drawer() as made:
        yield made


def rows(chart: Chart, name: str, width: int = WIDE) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chart.specification(width)["datasets"][name]
    return found


def labels(chart: Chart, width: int = WIDE) -> list[str]:
    return [row["label"] for row in rows(chart, "words", width)]


def days(*figures: tuple[Decimal | None, str], first: dt.date = FIRST) -> list[Point]:
    return [
        Point(charts.day(first + dt.timedelta(days=n)), {"so": mwh}, status) for n, (mwh, status) in enumerate(figures)
    ]


def texts(svg: str) -> list[str]:
    return [e.text or "" for e in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_what_is_missing_is_a_gap_with_its_sign_and_a_zero_is_none() -> None:
    chart = charts.energy(
        "x",
        days((Decimal(5), "complete"), (None, "missing"), (Decimal(0), "complete"), (Decimal(7), "complete")),
        WORDS,
    )
    assert [(m["x0"] // 1, m["y1"]) for m in rows(chart, "marks")] == [(0, 5.0), (3, 7.0)]
    said = [hit["tip"] for hit in rows(chart, "hits")]
    assert said[1].splitlines() == ["Fri 28 March 2025", "SO-flagged: not known", "missing: nothing stored"]
    assert said[2].splitlines()[1] == "SO-flagged: 0 MWh"
    assert [s["fill"] for s in rows(chart, "strip")] == ["@state-complete", "@state-missing", "@state-complete"]
    assert "×" in labels(chart)


@pytest.mark.parametrize("status", STATUSES)
def test_a_figure_that_may_still_change_is_hatched_and_says_so_in_strip_and_tooltip(status: str) -> None:
    chart = charts.energy("x", days((Decimal(5), "complete"), (Decimal(6), status)), WORDS)
    unsure = status in ("provisional", "incomplete", "failing", "missing", "unavailable")
    assert rows(chart, "marks")[1]["fill"] == ("%hatch-accent" if unsure else "@accent")
    assert ("not final" in labels(chart)) is unsure
    assert rows(chart, "hits")[1]["tip"].endswith(STATES[status].meaning)
    assert (STATES[status].sign in labels(chart)) is (status != "complete")


def test_the_signs_and_states_are_all_there_and_no_two_look_the_same() -> None:
    assert tuple(STATES) == STATUSES
    assert len({state.sign for state in STATES.values()}) == len(STATES)


def test_the_axis_of_energy_and_money_begins_at_zero_and_has_room_for_the_largest() -> None:
    chart = charts.energy("x", days((Decimal(900), "complete"), (Decimal(1001), "complete")), WORDS)
    assert [row["y"] for row in rows(chart, "grid")] == [0, 500, 1000, 1500]
    money = charts.money(
        "x",
        [Point(charts.day(FIRST), {"paid": Decimal(90000), "refunded": Decimal(30000), "net": Decimal(60000)})],
        WORDS,
    )
    assert [row["y"] for row in rows(money, "grid")] == [-50000, 0, 50000, 100000]
    assert {"−£50k", "0", "£50k", "£100k"} <= set(labels(money))
    assert [m["y1"] for m in rows(money, "marks")] == [90000, -30000]
    assert rows(money, "hits")[0]["tip"].splitlines()[1:4] == [
        "paid to farms: £90,000.00", "paid back by farms: £30,000.00", "net: £60,000.00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("day", "count", "third_hour"),
    [
        (dt.date(2025, 3, 28), 48, "02:00–02:30, period 5"),
        (dt.date(2025, 3, 30), 46, "03:00–03:30, period 5"),
        (dt.date(2025, 10, 26), 50, "01:00–01:30, period 5"),
    ],
)
def test_a_day_has_the_half_hours_that_london_had(day: dt.date, count: int, third_hour: str) -> None:
    points = half_hours(day)
    assert len(points) == count
    assert points[4].at.label == third_hour
    assert points[1].at.label == "00:30–01:00, period 2"  # also where the clocks go forward at its end
    chart = charts.energy("x", points, WORDS)
    assert chart.specification(WIDE)["params"][1] == {"name": "x_high", "value": count}
    for width, most in ((WIDE, 24), (NARROW, 6)):
        hours = [row for row in rows(chart, "words", width) if re.fullmatch(r"\d\d:00", row["label"])]
        assert 4 <= len(hours) <= most
        assert all(after["px"] - before["px"] >= 40 for before, after in pairwise(hours)), "no label is on another"


def test_a_long_range_is_drawn_by_weeks_and_a_longer_one_by_months() -> None:
    def grain(count: int) -> str:
        return charts.grain_of(FIRST, FIRST + dt.timedelta(days=count - 1))

    assert [grain(n) for n in (1, 2, 800, 801, 1826, 2240, 2241)] == [
        "half-hour", "day", "day", "week", "week", "week", "month",
    ]  # fmt: skip


def test_a_sum_over_days_is_of_those_that_are_known_and_has_the_worst_of_their_states() -> None:
    points = days(
        (Decimal(1), "complete"), (None, "missing"), (Decimal(4), "provisional"), (None, "missing"),
        (None, "unavailable"),
    )  # fmt: skip
    weeks = charts.regrouped(points, "week")
    assert [(p.at.label, p.values["so"], p.status) for p in weeks] == [
        ("week from Mon 24 March 2025", Decimal(5), "incomplete"),
        ("week from Mon 31 March 2025", None, "unavailable"),
    ]
    assert [p.values["so"] for p in charts.regrouped(points, "month")] == [Decimal(5)]
    closed = days((Decimal(1), "complete"), (None, "unavailable"))
    assert [p.status for p in charts.regrouped(closed, "month")] == ["waived"]
    assert [p.part for p in charts.regrouped(closed, "month")] == ["1 of 2 days stored"]
    (hit,) = rows(charts.energy("x", charts.regrouped(closed, "month"), WORDS), "hits")
    assert "1 of 2 days stored" in hit["tip"].splitlines()
    red = days((Decimal(1), "failing"), (None, "missing"))
    assert [p.status for p in charts.regrouped(red, "month")] == ["failing"]
    assert charts.regrouped(points, "day") == points


def test_lines_break_where_nothing_is_known_and_are_named_at_their_ends_up_to_four() -> None:
    def chart(models: int) -> Chart:
        known = [Decimal(1), None, Decimal(2), Decimal(3)]
        points = [
            Point(charts.day(FIRST + dt.timedelta(days=n)), {f"M{m}": btc for m in range(models)})
            for n, btc in enumerate(known)
        ]
        return charts.bitcoin("x", points, WORDS)

    assert [(row["x"], row["run"]) for row in rows(chart(1), "lines")] == [(0.5, "0.0"), (2.5, "0.1"), (3.5, "0.1")]
    assert [row["x"] for row in rows(chart(1), "dots")] == [0.5], "a value alone is no line, and is seen all the same"
    assert chart(4).keys == ()
    ends = [row["py"] for row in rows(chart(4), "words") if re.fullmatch(r"M\d", row["label"])]
    assert len(ends) == 4
    assert all(below - above >= 15 for above, below in pairwise(sorted(ends)))
    assert [key.label for key in chart(5).keys] == ["M0", "M1", "M2", "M3", "M4"]


def test_a_heat_map_tells_nothing_from_none_and_a_short_day_has_no_missing_half_hours() -> None:
    short_day = dt.date(2025, 3, 30)
    periods = {(short_day, p): Decimal(0 if p < 10 else 100) for p in range(1, 47) if p != 20}
    chart = charts.heat_map("x", [Point(charts.day(short_day), {})], periods, WORDS)
    assert sorted((m["y0"], m["y1"], m["fill"]) for m in rows(chart, "marks")) == [
        (0, 9, "@step-0"), (9, 19, "@step-6"), (19, 20, "none"), (20, 46, "@step-6"),
    ]  # fmt: skip
    tips = {hit["y0"]: hit["tip"].splitlines() for hit in rows(chart, "hits")}
    assert tips[2][0] == "Sun 30 March 2025, 02:00–02:30, period 3"
    assert tips[19][1] == "not stored"


def test_a_calendar_has_each_day_under_its_weekday_and_outlines_what_is_not_known() -> None:
    first = dt.date(2025, 1, 1)  # a Wednesday
    three = days((Decimal(0), "complete"), (None, "missing"), (Decimal(9), "provisional"), first=first)
    known = {point.at.start: point for point in three}
    chart = charts.calendar("x", 2025, known, WORDS)
    marks = rows(chart, "marks")
    top = marks[0]["y0"] - 2
    assert [(round(m["x0"]), round(m["y0"] - top), m["fill"]) for m in marks] == [
        (0, 2, "@step-0"), (0, 3, "none"), (0, 4, "@step-6"),
    ]  # fmt: skip
    assert "~" in labels(chart)
    states = charts.state_calendar("x", 2025, known, WORDS)
    assert [m["fill"] for m in rows(states, "marks")] == [
        "@state-complete", "@state-missing", "%hatch-state-provisional",
    ]  # fmt: skip
    for shown in (chart, states):  # a page shows those of several years, and none with its title
        assert (labels(shown).count("2025"), labels(shown, NARROW).count("2025")) == (1, 2)


@pytest.mark.parametrize("chart", examples(), ids=lambda c: c.name)
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_kind_is_a_picture_that_a_page_may_have(drawer: Drawer, chart: Chart, width: int) -> None:
    svg = drawer.svg(chart, width)
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    named = {e.get("id"): e.text for e in root.iter() if e.get("id")}
    assert [named[label] for label in (root.get("aria-labelledby") or "").split()] == [chart.title, chart.description]
    assert (root.get("width"), root.get("viewBox")) == (str(width), f"0 0 {width} {root.get('height')}")
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in {
            "svg",
            "title",
            "desc",
            "defs",
            "pattern",
            "rect",
            "g",
            "path",
            "text",
            "line",
        }
        assert not {"style", "href"} & {n.rpartition("}")[2] for n in element.attrib}
        assert not [n for n in element.attrib if n.startswith("on")]
        for paint in (element.get("fill"), element.get("stroke")):
            used = re.fullmatch(
                r"var\(--chart-([a-z0-9-]+), #[0-9a-f]{6}\)|none|transparent|url\(#([\w-]+)\)", paint or "none"
            )
            assert used, paint
            assert used[1] is None or used[1] in COLOURS
            assert used[2] is None or used[2] in named
    left = float(chart.specification(width)["padding"]["left"])
    for text in root.iter(f"{SVG}text"):
        at = re.fullmatch(r"translate\((-?[\d.]+),(-?[\d.]+)\)", text.get("transform") or "translate(0,0)")
        assert at
        long = width_of(text.text or "", float((text.get("font-size") or "12px").removesuffix("px"))) * 0.8
        begins = left + float(at[1]) - {"middle": long / 2, "end": long}.get(text.get("text-anchor") or "", 0)
        assert begins >= -8, f"{text.text!r} begins left of the picture"
        assert begins + long <= width + 8, f"{text.text!r} ends right of the picture"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_that_stands_alone_has_its_own_ground_and_needs_no_style_sheet(drawer: Drawer, theme: Any) -> None:
    chart = next(c for c in examples() if c.name == "energy-days")
    svg = drawer.svg(chart, theme=theme)
    assert "var(" not in svg
    assert f'fill="{COLOURS["paper"][theme == "dark"]}"/>' in svg
    assert COLOURS["accent"][theme == "dark"] in svg
    assert drawer.png(chart, 600, theme=theme).startswith(b"\x89PNG\r\n")


def test_the_page_may_say_title_and_source_itself(drawer: Drawer) -> None:
    chart = next(c for c in examples() if c.name == "energy-days")
    bare = texts(drawer.svg(chart, titled=False))
    assert chart.title not in bare
    assert not [text for text in bare if "Elexon" in text]
    assert chart.title in texts(drawer.svg(chart))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_text_and_nothing_else(drawer: Drawer, name: str) -> None:
    words = Words(f"title {name}", f"subtitle {name}", f"said {name}", f"source {name}")
    point = Point(charts.day(FIRST), {name: Decimal(1), "b": Decimal(2)}, text=(name,))
    made = [
        charts.ranked("x", [Bar(name, Decimal(3), f"3 {name}")], words),
        charts.bitcoin("x", [point], words, [charts.Note(0, name)]),
        charts.compare("x", [Point(charts.day(FIRST), {"this": Decimal(1)}, text=(name,))], words, name, f"{name}2"),
    ]
    for chart in made:
        svg = drawer.svg(chart)
        root = ElementTree.fromstring(svg)
        assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {
            "svg", "title", "desc", "defs", "pattern", "rect", "g", "path", "text", "line",
        }  # fmt: skip
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\ufeff\ud800-\udfff]", svg)
        assert all(width_of(text, 11) <= WIDE for text in texts(svg)), "what is too long is cut"
        shown = clean(name)
        if shown and len(shown) < 60:
            assert [text for text in texts(svg) if shown in text]
        live = chart.live(WIDE)
        assert not set("<>&") & set(live)
        assert json.loads(live)["datasets"]["words"] == chart.specification(WIDE, titled=False)["datasets"]["words"]


def test_words_are_cleaned_wrapped_and_cut_and_numbers_are_as_people_read_them() -> None:
    assert clean("  a\tb\u202ec\x00 ") == "a b c"
    assert "".join(wrap("one two three", 12, 45)) == "onetwothree"
    assert all(width_of(line, 12) <= 80 for line in wrap("some words, and averyveryverylongwordthatis cut", 12, 80))
    assert cut("Whitelee", 12, 1000) == "Whitelee"
    assert cut("Whitelee", 12, 30).endswith("…")
    assert number(Decimal("-1234.565"), 2) == "−1,234.56"
    assert number(Decimal("-0.001"), 2) == "0.00"
    assert [
        short(Decimal(v), Decimal(s), Decimal(most))
        for v, s, most in (("0", "5", "5"), ("2500", "500", "2500"), ("40000", "20000", "40000"),
                           ("2500000", "500000", "2500000"), ("0.05", "0.05", "0.05"))
    ] == ["0", "2,500", "40k", "2.5m", "0.05"]  # fmt: skip
    five = Decimal(5000)
    assert [short(five * n, five, five * 4) for n in range(5)] == ["0", "5k", "10k", "15k", "20k"], "of one axis"
    assert steps(Decimal(0), Decimal(0), 5)[0] == 0
    assert list(steps(Decimal("-3"), Decimal("7"), 5)) == [-5, 0, 5, 10]


def test_the_style_sheet_has_every_colour_in_light_and_dark_and_prints_light() -> None:
    sheet = charts.css()
    for name, (light, dark) in COLOURS.items():
        assert sheet.count(f"--chart-{name}: {light};") >= 1
        assert f"--chart-{name}: {dark};" in sheet
    assert "prefers-color-scheme: dark" in sheet
    assert sheet.count("@media screen") == 2


def test_marks_that_are_drawn_alike_in_a_row_are_one_outline(drawer: Drawer) -> None:
    points = days(*[(Decimal(n + 1), "complete") for n in range(200)])
    svg = drawer.svg(charts.energy("x", points, WORDS))
    bars = [p for p in ElementTree.fromstring(svg).iter(f"{SVG}path") if "accent" in (p.get("fill") or "")]
    outlines = [(p.get("d") or "").count("Z") for p in bars]
    assert sorted(outlines) == [1, 200], "the legend's, and all bars"


def test_a_half_hour_that_a_day_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="2025-03-30 has 46 settlement periods, and no 47"):
        charts.half_hour(dt.date(2025, 3, 30), 47)
    with pytest.raises(ValueError, match="and no 0"):
        charts.half_hour(dt.date(2025, 3, 30), 0)


def test_labels_of_notes_are_not_on_one_another() -> None:
    points = days(*[(Decimal(1), "complete")] * 60)
    notes = [charts.Note(10, "halving"), charts.Note(11, "retarget"), charts.Note(12, "")]
    chart = charts.energy("x", points, WORDS, notes)
    assert len(rows(chart, "notes")) == 3
    placed = {row["label"]: row["py"] for row in rows(chart, "words") if row["label"] in ("halving", "retarget")}
    assert placed["retarget"] - placed["halving"] == 14


def test_all_bids_alone_are_grey_and_named_so() -> None:
    points = [Point(charts.day(FIRST), {"all": Decimal(4)}, "provisional")]
    chart = charts.energy("x", points, WORDS)
    assert [m["fill"] for m in rows(chart, "marks")] == ["%hatch-other"]
    assert [key.label for key in chart.keys] == ["all accepted bids", "not final"]


ZERO, ODD = Decimal(0), (Decimal(-5), Decimal("1e9"), Decimal("1E-9"))
EMPTY = {
    "energy": charts.energy("x", [], WORDS),
    "money": charts.money("x", [], WORDS),
    "share": charts.share("x", [], WORDS),
    "bitcoin": charts.bitcoin("x", [], WORDS),
    "heat map": charts.heat_map("x", [], {}, WORDS),
    "calendar": charts.calendar("x", 2024, {}, WORDS),
    "states": charts.state_calendar("x", 2024, {}, WORDS),
    "ranked": charts.ranked("x", [], WORDS),
    "compare": charts.compare("x", [], WORDS, "a", "b"),
    "sizing": charts.sizing("x", [], WORDS, x_unit="MW"),
    "sizing of nothing": charts.sizing("x", [(ZERO, ZERO)], WORDS, x_unit="MW", marked=Decimal(5), tips=["a"]),
    "nothing known": charts.energy("x", days((None, "missing"), (None, "missing")), WORDS),
    "nothing turned down": charts.energy("x", days((ZERO, "complete")), WORDS),
    "odd figures": charts.energy("x", days(*((v, "complete") for v in ODD)), WORDS),
    "odd farms": charts.ranked("x", [Bar(f"farm {n}", v, str(v)) for n, v in enumerate(ODD)], WORDS),
    "odd Bitcoin": charts.bitcoin("x", days(*((v, "complete") for v in ODD)), WORDS),
}


@pytest.mark.parametrize("case", EMPTY)
@pytest.mark.parametrize("width", [WIDE, NARROW, 200])
def test_where_there_is_little_or_nothing_there_is_still_a_picture(drawer: Drawer, case: str, width: int) -> None:
    svg = drawer.svg(EMPTY[case], width)
    assert not re.search("NaN|Infinity|undefined", svg)
    assert ElementTree.fromstring(svg).get("width") == str(width)


def test_a_share_of_several_days_is_of_their_sums_and_never_a_sum_of_shares() -> None:
    figures = [(Decimal(30), Decimal(70)), (Decimal(0), Decimal(900)), (None, None)]
    points = [
        Point(
            charts.day(FIRST + dt.timedelta(days=n)),
            {"share": None if down is None else down / (down + made), "turned_down": down, "generated": made},
        )
        for n, (down, made) in enumerate(figures)
    ]
    assert [m["y1"] for m in rows(charts.share("x", points, WORDS), "marks")] == [30]
    week = charts.share("x", charts.regrouped(points, "month"), WORDS)
    assert [m["y1"] for m in rows(week, "marks")] == [3]
    assert rows(week, "hits")[0]["tip"].splitlines()[1] == "turned down: 3.0 %"


def contrast(one: str, other: str) -> float:
    """How far two colours are apart, from 1 to 21, as WCAG 2 reckons it."""

    def light(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_words_and_bars_of_a_chart_stand_out_from_its_paper(theme: int) -> None:
    paper = COLOURS["paper"][theme]
    for name in ("ink", "soft"):
        assert contrast(COLOURS[name][theme], paper) >= 4.5, name
    for name in ("accent", "other", "beside", "back", "axis", "wrong", *(f"model-{n}" for n in range(1, 6))):
        assert contrast(COLOURS[name][theme], paper) >= 3, name


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("name", [name for name in COLOURS if f"{name}-soft" in COLOURS])
def test_a_hatch_can_be_seen(name: str, theme: int) -> None:
    assert contrast(COLOURS[name][theme], COLOURS[f"{name}-soft"][theme]) >= 2


def test_what_stands_beside_is_hatched_where_it_is_of_the_same_days_and_no_other() -> None:
    points = [Point(charts.day(FIRST), {"this": Decimal(4), "other": Decimal(3)}, "provisional")]
    border = charts.compare("x", points, WORDS, "north", "south", same_days=True)
    assert [m["fill"] for m in rows(border, "marks")] == ["%hatch-other", "%hatch-accent"]
    other_year = charts.compare("x", points, WORDS, "2025", "2024")
    assert [m["fill"] for m in rows(other_year, "marks")] == ["@other", "%hatch-accent"]
