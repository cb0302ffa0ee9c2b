"""What the charts' specifications are, in Altair: `make docs` writes them, and a test compares.

A specification says how rows become marks. What the rows are, and where words stand, is in `minerecon_dagster.charts`;
a colour is the text that its row has, so that one picture serves light and dark pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import altair as alt

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"


def _rows(name: str) -> alt.NamedData:
    return alt.NamedData(name=name)


def _x(field: str) -> alt.X:
    ends = [alt.ExprRef("x_low"), alt.ExprRef("x_high")]
    return alt.X(field, type="quantitative", axis=None, scale=alt.Scale(domain=ends, nice=False, zero=False))


def _y(field: str) -> alt.Y:
    ends = [alt.ExprRef("y_low"), alt.ExprRef("y_high")]
    return alt.Y(field, type="quantitative", axis=None, scale=alt.Scale(domain=ends, nice=False, zero=False))


def _as_it_is(channel: Any, field: str, kind: str = "nominal") -> Any:
    return channel(field, type=kind, scale=None, legend=None)


def _pixels(channel: Any, field: str) -> Any:
    return channel(field, type="quantitative", axis=None, scale=None)


def grid() -> alt.Chart:
    """Lines across at values of the y axis."""
    return (
        alt.Chart(_rows("grid"))
        .mark_rule(aria=False)
        .encode(y=_y("y"), color=_as_it_is(alt.Color, "colour"), x=alt.value(0), x2=alt.value(alt.ExprRef("width")))
    )


def grid_down() -> alt.Chart:
    """Lines down at values of the x axis."""
    return (
        alt.Chart(_rows("grid"))
        .mark_rule(aria=False)
        .encode(x=_x("x"), color=_as_it_is(alt.Color, "colour"), y=alt.value(0), y2=alt.value(alt.ExprRef("height")))
    )


def fields(name: str) -> alt.Chart:
    """Rectangles between two places of both axes: bars, cells."""
    return (
        alt.Chart(_rows(name))
        .mark_rect(aria=False)
        .encode(
            x=_x("x0"), x2="x1", y=_y("y0"), y2="y1", fill=_as_it_is(alt.Fill, "fill"),
            stroke=_as_it_is(alt.Stroke, "stroke"),
        )
    )  # fmt: skip


def hits() -> alt.Chart:
    """What the pointer meets: invisible fields with the words of a tooltip."""
    return (
        alt.Chart(_rows("hits"))
        .mark_rect(fill="transparent", cursor="default")
        .encode(
            x=_x("x0"), x2="x1", y=_y("y0"), y2="y1", tooltip=alt.Tooltip("tip", type="nominal"),
            description=alt.Description("tip", type="nominal"),
        )
    )  # fmt: skip


def dashes() -> alt.Chart:
    """Short lines across at a value."""
    return (
        alt.Chart(_rows("dashes"))
        .mark_rule(aria=False, strokeWidth=2)
        .encode(x=_x("x0"), x2="x1", y=_y("y"), color=_as_it_is(alt.Color, "colour"))
    )


def lines() -> alt.Chart:
    """One line for each run of values without a gap."""
    return (
        alt.Chart(_rows("lines"))
        .mark_line(aria=False, strokeWidth=2, strokeJoin="round", strokeCap="round")
        .encode(
            x=_x("x"), y=_y("y"), detail=alt.Detail("run", type="nominal"), color=_as_it_is(alt.Color, "colour"),
            strokeDash=_as_it_is(alt.StrokeDash, "dash"), order=alt.Order("x", type="quantitative"),
        )
    )  # fmt: skip


def dots() -> alt.Chart:
    """A dot at a place; hollow where its fill is the paper."""
    return (
        alt.Chart(_rows("dots"))
        .mark_point(aria=False, size=26, strokeWidth=1.5, opacity=1)
        .encode(x=_x("x"), y=_y("y"), stroke=_as_it_is(alt.Stroke, "colour"), fill=_as_it_is(alt.Fill, "fill"))
    )


def land() -> alt.Chart:
    """Outlines, each filled: corners in their order."""
    return (
        alt.Chart(_rows("land"))
        .mark_line(aria=False, stroke="transparent", strokeWidth=0)
        .encode(
            x=_x("x"), y=_y("y"), detail=alt.Detail("ring", type="nominal"),
            order=alt.Order("place", type="quantitative"), fill=_as_it_is(alt.Fill, "fill"),
        )
    )  # fmt: skip


def spots() -> alt.Chart:
    """Dots of a size at a place."""
    return (
        alt.Chart(_rows("spots"))
        .mark_point(aria=False, shape="circle", strokeWidth=1, opacity=0.9)
        .encode(
            x=_x("x"), y=_y("y"), size=_as_it_is(alt.Size, "size", "quantitative"),
            stroke=_as_it_is(alt.Stroke, "stroke"), fill=_as_it_is(alt.Fill, "fill"),
        )
    )  # fmt: skip


def notes() -> alt.Chart:
    """A line down through the plot at a place that something is said of."""
    return (
        alt.Chart(_rows("notes"))
        .mark_rule(aria=False, strokeDash=[2, 3])
        .encode(x=_x("x"), color=_as_it_is(alt.Color, "colour"), y=alt.value(0), y2=alt.value(alt.ExprRef("height")))
    )


def boxes(name: str) -> alt.Chart:
    """Rectangles at pixels of the picture: the strip of states, the legend."""
    return (
        alt.Chart(_rows(name))
        .mark_rect(aria=False)
        .encode(
            x=_pixels(alt.X, "px0"), x2="px1", y=_pixels(alt.Y, "py0"), y2="py1", fill=_as_it_is(alt.Fill, "fill"),
            stroke=_as_it_is(alt.Stroke, "stroke"),
        )
    )  # fmt: skip


def words() -> alt.Chart:
    """Texts at pixels of the picture, beginning, centred or ending there."""
    return (
        alt.Chart(_rows("words"))
        .mark_text(
            aria=False, baseline="alphabetic", font=FONT, align=alt.ExprRef("datum.align"),
            fontWeight=alt.ExprRef("datum.weight"),
        )
        .encode(
            x=_pixels(alt.X, "px"), y=_pixels(alt.Y, "py"), text=alt.Text("label", type="nominal"),
            color=_as_it_is(alt.Color, "colour"), size=_as_it_is(alt.Size, "size", "quantitative"),
        )
    )  # fmt: skip


LAYERS: Mapping[str, Callable[[], list[Any]]] = {
    "columns": lambda: [
        grid(), fields("marks"), dashes(), notes(), boxes("strip"), boxes("swatches"), words(), hits(),
    ],
    "lines": lambda: [
        grid(), notes(), lines(), dots(), boxes("strip"), boxes("swatches"), words(), hits(),
    ],
    "cells": lambda: [fields("marks"), boxes("strip"), boxes("swatches"), words(), hits()],
    "ranked": lambda: [grid_down(), fields("marks"), boxes("swatches"), words(), hits()],
    "places": lambda: [land(), spots(), boxes("swatches"), words(), hits()],
}  # fmt: skip
"""By the name of a specification, what it draws, from the back to the front."""


def specification(name: str) -> str:
    """A specification as the file that is committed."""
    layers = LAYERS[name]()
    ends = [alt.param(name=end, value=at) for end, at in (("x_low", 0), ("x_high", 1), ("y_low", 0), ("y_high", 1))]
    chart = (
        alt.layer(*layers)
        .resolve_scale(x="independent", y="independent", color="independent", size="independent")
        .properties(width=1, height=1, autosize=alt.AutoSizeParams(type="none"), padding=0)
        .add_params(*ends)
        .configure_view(stroke="transparent")
        .configure(background="transparent", font=FONT)
    )
    made = chart.to_dict()
    used = {layer["data"]["name"] for layer in made["layer"]}
    made["datasets"] = {rows: [] for rows in sorted(used)}
    return json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
