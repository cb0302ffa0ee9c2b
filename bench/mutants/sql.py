"""Mutants of the SQL of the properties: a comparison turned, a term dropped, a bound moved, a figure lost."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from bench.mutants.generate import Mutant, numbered
from minerecon_dagster.warehouse.store import _SQL, sql
from minerecon_dagster.warehouse.sums import Grain

FOLDER = "minerecon_dagster/warehouse/sql"
DIALECT = "postgres"
LONGEST = 160
"""Characters of an expression in the name of a mutant."""
_TURNED = {
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
    exp.LT: exp.LTE,
    exp.LTE: exp.LT,
    exp.GT: exp.GTE,
    exp.GTE: exp.GT,
    exp.NullSafeEQ: exp.NullSafeNEQ,
    exp.NullSafeNEQ: exp.NullSafeEQ,
}
_HOLD_A_BOUND = (exp.Binary, exp.Coalesce, exp.Paren, exp.Neg, exp.Between)


def grain_of(name: str) -> Grain | None:
    """A statement that is made for each grain is mutated for months: it is the same text for years."""
    return "month" if "$key" in (_SQL / f"{name}.sql").read_text("utf-8") else None


def mutants(name: str) -> list[Mutant]:
    """All mutants of ``sql/NAME.sql``; ``source`` is the statement with the mutant."""
    tree = sqlglot.parse_one(sql(name, grain_of(name)), dialect=DIALECT)
    made = []
    for node in [*tree.walk()]:
        for what, new in _changes(node):
            if node is tree:
                continue
            before = _short(node)
            node.replace(new)
            made.append(Mutant(f"{FOLDER}/{name}.sql", "sql", before, what or _short(new), source=_written(tree)))
            new.replace(node)
    return numbered(made)


def _changes(node: exp.Expression) -> Iterator[tuple[str, exp.Expression]]:
    if turned := _TURNED.get(type(node)):
        yield "", turned(this=node.this.copy(), expression=node.expression.copy())
    elif isinstance(node, exp.Is):
        yield "", exp.Paren(this=exp.Not(this=node.copy()))
    elif isinstance(node, exp.Not):
        yield "", exp.Paren(this=node.this.copy())
    elif isinstance(node, exp.And | exp.Or):
        yield f"without {_short(node.expression)}", exp.Paren(this=node.this.copy())
        yield f"without {_short(node.this)}", exp.Paren(this=node.expression.copy())
    elif isinstance(node, exp.Add | exp.Sub) or (isinstance(node, exp.DPipe) and not _is_words(node)):
        yield f"without {_short(node.expression)}", node.this.copy()
    elif isinstance(node, exp.Filter):
        yield "without its filter", node.this.copy()
    elif isinstance(node, exp.Literal) and not node.is_string and isinstance(node.parent, _HOLD_A_BOUND):
        yield "", exp.Literal.number(str(float(node.this) + 1 if "." in node.this else int(node.this) + 1))
    elif isinstance(node, exp.Cast) and isinstance(node.parent, exp.JSONBObjectAgg):
        # A statement that hands figures out, each by its name, and leaves it to a function to compare them.
        yield "", exp.Literal.string("0")


def _written(node: exp.Expression) -> str:
    return re.sub(r"%\((\w+)\)s", r":\1", node.sql(DIALECT))


def _is_words(node: exp.Expression) -> bool:
    return any(literal.is_string and literal.this != "[]" for literal in node.find_all(exp.Literal))


def _short(node: exp.Expression) -> str:
    # The parent shows which of several numbers it is.
    shown = node.parent if isinstance(node, exp.Literal) and node.parent else node
    text = _written(shown)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
