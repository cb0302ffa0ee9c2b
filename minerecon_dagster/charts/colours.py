"""Every colour of a chart, by its name, in light and dark; and how a state is drawn.

A chart names its colours as ``@accent``; `of` says what stands for that: a literal colour of one theme, or, in a page
that has both, a variable of its style sheet (`css`) with the light colour behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from minerecon_dagster.core.statuses import STATUSES

Theme = Literal["auto", "light", "dark"]

COLOURS: Mapping[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#12161d"),
    "ink": ("#1b2430", "#e6eaf0"),
    "soft": ("#586273", "#a5afbd"),
    "line": ("#e4e7ec", "#2a323e"),
    "axis": ("#8b95a3", "#6d7888"),
    "accent": ("#0072b2", "#4ca9e0"),
    "accent-soft": ("#b5d8ee", "#24506e"),
    "other": ("#8b95a3", "#8590a0"),
    "other-soft": ("#d5dae2", "#3a434f"),
    "beside": ("#8b95a3", "#626c7a"),
    "back": ("#d47f00", "#f0ab3c"),
    "back-soft": ("#f6dcae", "#5f4517"),
    "model-1": ("#0072b2", "#56b4e9"),
    "model-2": ("#d55e00", "#f58a42"),
    "model-3": ("#009e73", "#2fc79b"),
    "model-4": ("#a0527f", "#e29ac6"),
    "model-5": ("#b07700", "#e6b23c"),
    "wrong": ("#b91c1c", "#f87171"),
    "step-0": ("#f1f3f6", "#1b212b"),
    "step-1": ("#d3e6f3", "#17364c"),
    "step-2": ("#a3cbe5", "#1a5377"),
    "step-3": ("#69abd5", "#2274a5"),
    "step-4": ("#2e86bf", "#4598ca"),
    "step-5": ("#0d629a", "#83c1e6"),
    "step-6": ("#083f66", "#cde8f8"),
    "state-complete": ("#b9c6c0", "#3f5149"),
    "state-warned": ("#f0e442", "#cabf35"),
    "state-waived": ("#f7f2a8", "#8b8536"),
    "state-unavailable": ("#a9b0ba", "#626c7a"),
    "state-provisional": ("#b5d8ee", "#24506e"),
    "state-incomplete": ("#e69f00", "#e69f00"),
    "state-failing": ("#c81e1e", "#ef5a5a"),
    "state-missing": ("#ffffff", "#12161d"),
    "on-complete": ("#1b2430", "#e6eaf0"),
    "on-warned": ("#1b2430", "#12161d"),
    "on-waived": ("#1b2430", "#ffffff"),
    "on-unavailable": ("#1b2430", "#ffffff"),
    "on-provisional": ("#1b2430", "#e6eaf0"),
    "on-incomplete": ("#1b2430", "#12161d"),
    "on-failing": ("#ffffff", "#12161d"),
    "on-missing": ("#586273", "#a5afbd"),
}
"""By name, what it is on light and on dark paper; models' are Okabe and Ito's, darker where text has them."""
STEPS = 6
"""How many shades above nothing a heat map has."""

PAINTED = frozenset({"fill", "stroke", "colour"})
"""The attributes and columns in which a colour stands; a farm may be called ``@accent``."""


@dataclass(frozen=True)
class State:
    """How a day's status is drawn: a sign that is in every font, and what it says in words."""

    sign: str
    meaning: str


STATES: Mapping[str, State] = {
    "complete": State("", "complete"),
    "warned": State("?", "complete, and a person should look"),
    "waived": State("w", "complete, with an accepted deviation"),
    "unavailable": State("–", "unavailable: closed by a person"),
    "provisional": State("~", "provisional: may still change"),
    "incomplete": State("…", "incomplete: a part is missing"),
    "failing": State("!", "failing: a check is red"),
    "missing": State("×", "missing: nothing stored"),
}
"""By status, from the best; all of `STATUSES` in their order."""
UNSURE = frozenset(STATUSES) - {"complete", "warned", "waived"}
"""Statuses of which a figure may still change or is a part only: drawn lighter and hatched."""


def worst(statuses: list[str]) -> str:
    """Of several days' statuses the one that a reader must know; ``missing`` of none."""
    return max(statuses, key=STATUSES.index, default="missing")


def of(theme: Theme) -> Callable[[str], str]:
    """What gives for a colour's name (``@accent``) the colour in a theme; any other text stays as it is."""

    def colour(text: str) -> str:
        if not text.startswith("@"):
            return text
        light, dark = COLOURS[text[1:]]
        return {"auto": f"var(--chart-{text[1:]}, {light})", "light": light, "dark": dark}[theme]

    return colour


def css(indent: str = "") -> str:
    """The style sheet of a page with charts of the theme ``auto``: the variables, in light and dark.

    Dark holds where the reader's system asks for it and the page does not say ``data-theme="light"``, and where the
    page says ``data-theme="dark"``; print is always light.
    """
    light = " ".join(f"--chart-{name}: {colours[0]};" for name, colours in COLOURS.items())
    dark = " ".join(f"--chart-{name}: {colours[1]};" for name, colours in COLOURS.items())
    rules = (
        f":root {{ {light} }}",
        f'@media screen {{ :root[data-theme="dark"] {{ {dark} }} }}',
        f'@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {{ {dark} }} }}',
        ".chart { display: block; width: 100%; height: auto; }",
        ".chart .hit:hover { fill: var(--chart-ink); fill-opacity: 0.07; }",
        "#vg-tooltip-element { position: fixed; visibility: hidden; z-index: 1000; padding: 6px 10px;"
        " border-radius: 4px;"
        " white-space: pre-line; font: 13px/1.45 system-ui, sans-serif; pointer-events: none;"
        " font-variant-numeric: tabular-nums; color: var(--chart-paper); background: var(--chart-ink); }",
        "#vg-tooltip-element.visible { visibility: visible; }",
    )
    return "".join(f"{indent}{rule}\n" for rule in rules)
