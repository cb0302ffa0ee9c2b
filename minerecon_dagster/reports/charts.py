"""The charts of a report, as inline SVG that a screen reader can name and a printer can print.

Each is drawn twice, for wide and for narrow screens, since a picture that only shrinks becomes illegible.
The colours are Okabe and Ito's, which the colour-blind tell apart; states have patterns too.
"""

from __future__ import annotations

import datetime as dt
import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.day.stored import StoredDay
from minerecon_dagster.reports.data import DayFacts, Facts, FarmFacts, longest_day

if TYPE_CHECKING:  # it takes a second to load, and only a run that draws needs it
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, PURPLE, GREY, INK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#9A4F7E",
    "#6b7280",
    "#1f2937",
)
STATES: dict[str, tuple[str, str, str]] = {
    "complete": (GREEN, "", "complete"),
    "warned": ("#F0E442", "..", "complete, and a person should look"),
    "waived": ("#F0E442", "", "complete, with an accepted deviation"),
    "unavailable": (GREY, "---", "unavailable: closed by a person"),
    "provisional": ("#9bd3f5", "///", "provisional: may still change"),
    "incomplete": (ORANGE, "\\\\\\", "incomplete: periods missing"),
    "failing": (RED, "xxx", "failing: a check is red"),
    "missing": ("#ffffff", "", "missing: nothing stored"),
}
"""Colour, pattern and meaning of a day's status, as the strip below a chart shows it."""
_MODEL_STYLES = ((BLUE, "-", "o"), (RED, "--", "s"), (GREEN, ":", "^"), (PURPLE, "-.", "D"), (INK, "-", "v"))
_WIDE, _NARROW = 9.0, 4.0


@dataclass(frozen=True)
class Chart:
    """A chart for a page: its pictures, and what they say in words and in a table.

    Args:
        name: unique on the page.
        title, summary: plain text.
        wide, narrow: SVG; empty where there is nothing to draw, and the summary says so.
        columns, rows: the numbers that it shows, as text.
        note: what else a reader must know; the basis, the unit.
    """

    name: str
    title: str
    summary: str
    note: str
    wide: str
    narrow: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def nothing_stored(facts: Facts) -> str:
    """The sentence in place of a figure of which nothing is known."""
    return f"Nothing is stored of {'this day' if len(facts.days) == 1 else f'these {len(facts.days)} days'}."


def of_days(facts: Facts) -> str:
    """How many of the days a figure is of, in words."""
    count = len(facts.days)
    return f"{len(facts.stored)} of {count} day{'' if count == 1 else 's'}"


def energy(facts: Facts) -> Chart:
    """MWh by day, SO-flagged, with all accepted bids as a mark, and the strip of states."""

    def draw(axes: Axes) -> None:
        x = range(len(facts.days))
        axes.bar(
            x, _by_calendar(facts, lambda d: d.curtailed_mwh, missing=0.0), color=BLUE, width=0.8,
            label="SO-flagged (headline)",
        )  # fmt: skip
        axes.plot(
            x, _by_calendar(facts, lambda d: d.all_bids_mwh), color=INK, marker="_", linestyle="", markersize=6,
            label="all accepted bids",
        )  # fmt: skip
        axes.set_ylabel("MWh")

    total, most = (
        facts.total(lambda d: d.curtailed_mwh),
        max(facts.stored, key=lambda d: d.curtailed_mwh, default=None),
    )
    summary = f"{total:,.0f} MWh in {of_days(facts)}"
    if most is not None and most.curtailed_mwh:
        summary += f"; most on {_date(most.day)}, {most.curtailed_mwh:,.0f} MWh"
    return _by_day(
        facts, "energy", "Energy curtailed, by day", f"{summary}.",
        "SO-flagged bids in MWh, the headline; the dashes are all accepted wind bids. Never add the two.",
        ("day", "SO-flagged MWh", "all bids MWh"),
        lambda d: (_text(d.curtailed_mwh, 3), _text(d.all_bids_mwh, 3)),
        draw,
    )  # fmt: skip


def payment(facts: Facts) -> Chart:
    """GBP by day: paid to farms, paid by farms, net."""

    def draw(axes: Axes) -> None:
        x = range(len(facts.days))
        paid = _by_calendar(facts, lambda d: d.paid_gbp, missing=0.0)
        refunded = _by_calendar(facts, lambda d: d.refunded_gbp, missing=0.0)
        net = _by_calendar(facts, lambda d: d.payment_gbp)
        axes.bar(x, [gbp / 1e3 for gbp in paid], color=ORANGE, width=0.8, label="paid to farms")
        axes.bar(
            x, [-gbp / 1e3 for gbp in refunded], color=PURPLE, width=0.8, hatch="//",
            edgecolor="white", linewidth=0, label="paid by farms",
        )  # fmt: skip
        axes.plot(x, [gbp / 1e3 for gbp in net], color=INK, marker="_", linestyle="", label="net")
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.set_ylabel("£ thousand")

    paid, refunded = facts.total(lambda d: d.paid_gbp), facts.total(lambda d: d.refunded_gbp)
    return _by_day(
        facts, "payment", "Payments for it, by day",
        f"£{paid:,.0f} paid to farms, £{refunded:,.0f} paid by farms, £{paid - refunded:,.0f} net, "
        f"in {of_days(facts)}.",
        "SO-flagged, in GBP: accepted volume times the bid's price, with its sign. Energy without a price is left out.",
        ("day", "paid £", "paid by farms £", "net £"),
        lambda d: (_text(d.paid_gbp, 2), _text(d.refunded_gbp, 2), _text(d.payment_gbp, 2)),
        draw,
    )  # fmt: skip


def bitcoin(facts: Facts) -> Chart:
    """BTC by day and miner model."""
    models = [m.name for m in MINER_MODELS]

    def mined(model: str) -> list[float]:
        return _by_calendar(facts, lambda d: d.mined_btc.get(model))

    def draw(axes: Axes) -> None:
        x = range(len(facts.days))
        for model, (colour, line, marker) in zip(models, _MODEL_STYLES, strict=False):
            axes.plot(
                x, mined(model), color=colour, linestyle=line, marker=marker, markersize=3, linewidth=1.3, label=model
            )
        axes.set_ylabel("BTC")
        axes.set_ylim(bottom=0)

    known = ((model, facts.btc(model)) for model in models)
    totals = ", ".join(f"{model}: not known" if btc is None else f"{btc:,.4f} BTC on {model}" for model, btc in known)
    return _by_day(
        facts, "bitcoin", "Bitcoin that it could have mined, by day", f"{totals}, in {of_days(facts)}.",
        "BTC of the SO-flagged energy, by miner model, at each day's network difficulty and block subsidy; as many "
        "machines as the energy feeds.",
        ("day", *(f"{m} BTC" for m in models)),
        lambda d: tuple(_text(d.mined_btc.get(m), 8) for m in models),
        draw,
    )  # fmt: skip


def stop_or_mine(facts: Facts) -> Chart:
    """Per day, what was paid to stop against what the Bitcoin was worth on the most efficient machine."""
    best = max(MINER_MODELS, key=lambda m: m.hashrate_ths / m.power_w).name

    prices = {d.day: d.price_gbp for d in facts.days}

    def value(day: StoredDay) -> float | None:
        price = prices[day.day]
        if price is None or best not in day.mined_btc:
            return None
        return float(price * day.mined_btc[best])

    priced = [d for d in facts.stored if value(d) is not None]

    def draw(axes: Axes) -> None:
        x = range(len(facts.days))
        axes.plot(
            x, [gbp / 1e3 for gbp in _by_calendar(facts, lambda d: d.payment_gbp)],
            color=ORANGE, marker="o", markersize=3, label="net payment to stop",
        )  # fmt: skip
        axes.plot(
            x, [gbp / 1e3 for gbp in _by_calendar(facts, value)], color=BLUE, linestyle="--", marker="s", markersize=3,
            label=f"Bitcoin at the day's price ({best})",
        )  # fmt: skip
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.set_ylabel("£ thousand")

    if priced:
        paid = facts.total(lambda d: d.payment_gbp, priced)
        worth = sum(value(d) or 0.0 for d in priced)
        summary = (
            f"On the {len(priced)} days with a price, £{paid:,.0f} was paid to stop, and the Bitcoin would have been "
            f"worth £{worth:,.0f} on {best}."
        )
    else:
        summary = "The price of Bitcoin is known of none of these days: the value is not shown, and nothing stands in."
    return _by_day(
        facts, "stop-or-mine", "Paid to stop, or mined", summary,
        f"GBP by day, SO-flagged bids. Value: BTC on {best} times the day's closing price, before any cost of mining.",
        ("day", "net payment £", "value of the Bitcoin £"),
        lambda d: (_text(d.payment_gbp, 2), _text(value(d), 2)),
        draw,
    )  # fmt: skip


def heat_map(facts: Facts) -> Chart:
    """MWh per settlement period (down) and day (across); periods that are not there are hatched."""
    height = longest_day(facts.days)

    def figure(width: float) -> str:
        import numpy as np

        drawing, axes = _axes(width, 3.4 if width > _NARROW else 3.8)
        cells = np.full((height, len(facts.days)), np.nan)
        for column, day in enumerate(facts.days):
            for period in range(1, period_count(day.day) + 1):
                if (mwh := facts.periods.get((day.day, period))) is not None:
                    cells[period - 1, column] = float(mwh)
        axes.set_facecolor("white")
        axes.patch.set(hatch="xxx", edgecolor="#9ca3af")
        image = axes.imshow(cells, aspect="auto", cmap="cividis", interpolation="nearest", vmin=0)
        bar = drawing.colorbar(image, ax=axes, pad=0.02, fraction=0.05)
        bar.set_label("MWh per half hour", fontsize=9)
        bar.outline.set_visible(False)
        axes.set_yticks([0, 11, 23, 35, 47], ["1", "12", "24", "36", "48"])
        axes.set_ylabel("settlement period")
        _day_ticks(axes, facts.days, width)
        return _svg(drawing, f"heat-map-{'wide' if width > _NARROW else 'narrow'}", title, summary)

    title = "When it happened: settlement period by day"
    most = max(facts.periods.items(), key=lambda item: item[1], default=None)
    if not facts.stored:
        summary = nothing_stored(facts)
    elif most is None:
        summary = "Of no settlement period of these days it is known."
    elif not most[1]:
        summary = "No curtailment in any period that is stored."
    else:
        (day, period), mwh = most
        summary = f"The most in one half hour: {mwh:,.0f} MWh, in period {period} of {_date(day)}."
    rows = []
    for day_facts in facts.stored:
        mwh_of = [facts.periods.get((day_facts.day, p)) for p in range(1, period_count(day_facts.day) + 1)]
        known = [(mwh, p) for p, mwh in enumerate(mwh_of, 1) if mwh is not None]
        top = max(known, key=lambda item: (item[0], -item[1]), default=None)
        rows.append(
            (day_facts.day.isoformat(), f"{len(known)}/{len(mwh_of)}", f"{sum(m > 0 for m, _ in known)}")
            + ((f"{top[1]}", f"{top[0]:,.3f}") if top and top[0] else ("-", "-"))
        )
    return Chart(
        "heat-map", title, summary,
        "SO-flagged MWh per half hour; period 1 begins at 00:00 London time. Hatched: not there (the day has no "
        "such period, or it is not stored).",
        *(("", "") if most is None else (figure(_WIDE), figure(_NARROW))),
        ("day", "periods there", "with curtailment", "fullest period", "MWh in it"), rows,
    )  # fmt: skip


def farms(facts: Facts) -> Chart:
    """The farms that were curtailed most."""

    def figure(width: float) -> str:
        ranked = list(reversed(facts.farms))
        drawing, axes = _axes(width, 0.6 + 0.27 * max(len(ranked), 2))
        axes.barh(range(len(ranked)), [float(f.curtailed_mwh) for f in ranked], color=BLUE, height=0.7)
        shown = 30 if width > _NARROW else 17
        axes.set_yticks(range(len(ranked)), [_cut(f.farm_name, shown) for f in ranked])
        for place, farm in enumerate(ranked):
            axes.annotate(f" {farm.share:.1%}", (float(farm.curtailed_mwh), place), va="center", fontsize=8, color=INK)
        axes.margins(x=0.14)
        axes.set_xlabel("MWh")
        axes.locator_params(axis="x", nbins=6 if width > _NARROW else 3)
        axes.grid(axis="x", color="#e5e7eb", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.xaxis.set_major_formatter("{x:,.6g}")
        return _svg(drawing, f"farms-{'wide' if width > _NARROW else 'narrow'}", title, summary)

    title = "Where: the most curtailed wind farms"
    together = sum((float(f.share) for f in facts.farms), 0.0)
    summary = (
        f"{facts.farms[0].farm_name} first, with {facts.farms[0].share:.1%}; the {len(facts.farms)} shown have "
        f"{together:.0%} of all SO-flagged energy."
        if facts.farms
        else "No wind farm was curtailed in the stored days."
        if facts.stored
        else nothing_stored(facts)
    )
    return Chart(
        "farms", title, summary,
        "MWh of SO-flagged bids and share of the total. Units of one farm are together, by the register's names.",
        *((figure(_WIDE), figure(_NARROW)) if facts.farms else ("", "")),
        ("wind farm", "MWh", "share", "net payment £"),
        [_farm_row(f) for f in facts.farms],
    )  # fmt: skip


def _farm_row(farm: FarmFacts) -> tuple[str, ...]:
    return farm.farm_name, f"{farm.curtailed_mwh:,.3f}", f"{farm.share:.2%}", _text(farm.payment_gbp, 2)


def _by_day(
    facts: Facts,
    name: str,
    title: str,
    summary: str,
    note: str,
    columns: Sequence[str],
    row: Callable[[StoredDay], tuple[str, ...]],
    draw: Callable[[Axes], None],
) -> Chart:
    def figure(width: float) -> str:
        drawing, axes = _axes(width, 3.1)
        draw(axes)
        _legend(axes, width)
        axes.set_xlim(-0.6, len(facts.days) - 0.4)
        axes.grid(axis="y", color="#e5e7eb", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.yaxis.set_major_formatter("{x:,.6g}")
        _strip(axes, facts.days, width)
        return _svg(drawing, f"{name}-{'wide' if width > _NARROW else 'narrow'}", title, summary)

    if not facts.stored:
        return Chart(name, title, nothing_stored(facts), note, "", "", (*columns, "state"), [])
    no_figures = ("-",) * (len(columns) - 1)
    rows = [(d.day.isoformat(), *(row(d.stored) if d.stored else no_figures), d.status) for d in facts.days]
    return Chart(name, title, summary, note, figure(_WIDE), figure(_NARROW), (*columns, "state"), rows)


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "minerecon",
            "font.family": "sans-serif",
            "font.size": 10,
            "axes.edgecolor": GREY,
            "axes.labelcolor": INK,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "hatch.linewidth": 0.6,
        }
    )
    drawing = Figure(figsize=(width, height), layout="constrained")
    axes = drawing.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return drawing, axes


def _legend(axes: Axes, width: float) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=3 if width > _NARROW else 1,
        frameon=False,
        fontsize=9,
        borderaxespad=0.2,
    )


def _strip(axes: Axes, days: Sequence[DayFacts], width: float) -> None:
    """The states of the days below the chart, by colour and pattern; a triangle marks a day that was restated."""
    from matplotlib.patches import Rectangle

    strip = axes.inset_axes((0, -0.13, 1, 0.08), sharex=axes)
    for place, day in enumerate(days):
        colour, hatch, _ = STATES[day.status]
        strip.add_patch(
            Rectangle((place - 0.45, 0), 0.9, 1, facecolor=colour, edgecolor=INK, hatch=hatch, linewidth=0.4)
        )
        if day.is_restated:
            strip.plot(place, 0.5, marker="^", color="black", markersize=4)
    strip.set_ylim(0, 1)
    strip.set_yticks([])
    strip.spines[:].set_visible(False)
    axes.tick_params(axis="x", bottom=False, labelbottom=False)
    _day_ticks(strip, days, width)
    strip.tick_params(axis="x", length=0)


def _day_ticks(axes: Axes, days: Sequence[DayFacts], width: float) -> None:
    most = 16 if width > _NARROW else 6
    step = next(s for s in (1, 2, 5, 7, 14, 28, 56) if len(days) / s <= most)
    places = list(range(0, len(days), step))
    one_month = days[0].day.month == days[-1].day.month
    axes.set_xticks(places, [str(days[p].day.day) if one_month else f"{days[p].day:%-d %b}" for p in places])
    if one_month:
        axes.set_xlabel(f"day of {days[0].day:%B %Y}")


def _svg(drawing: Figure, name: str, title: str, summary: str) -> str:
    """The drawing as an SVG element that scales, with ids of its own and a name for a screen reader."""
    buffer = io.StringIO()
    drawing.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    ids = set(re.findall(r'\bid="([^"]+)"', text))
    text = re.sub(
        r'(\bid="|(?:xlink:)?href="#|url\(#)([^")]+)',
        lambda m: f"{m[1]}{name}-{m[2]}" if m[2] in ids else m[0],
        text,
    )
    opening = re.match(r"<svg[^>]*>", text)
    assert opening is not None
    box = re.search(r'viewBox="[^"]+"', opening[0])
    assert box is not None
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {box[0]} '
        f'role="img" aria-labelledby="{name}-title {name}-desc"><title id="{name}-title">{html.escape(title)}</title>'
        f'<desc id="{name}-desc">{html.escape(summary)}</desc>'
    )
    return head + text[opening.end() :].strip()


def _by_calendar(
    facts: Facts, figure: Callable[[StoredDay], Decimal | float | None], missing: float = float("nan")
) -> list[float]:
    """A figure of each calendar day; ``missing`` where the day is not stored, or has none."""
    values = (figure(d.stored) if d.stored is not None else None for d in facts.days)
    return [missing if value is None else float(value) for value in values]


def _text(value: Any, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _date(day: dt.date) -> str:
    return f"{day.day} {day:%B %Y}"


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
