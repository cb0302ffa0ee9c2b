r"""Which warehouses may hold the synthetic sample, and that it never meets real answers.

The mark is the comment of the schema ``minerecon``: it goes with the schema into copies and dumps, and shows
in ``\dn+``. The sample's own stack sets it when it makes its warehouse; `minerecon db upgrade --sample` sets it
on an empty one that somebody else runs.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, select, text, union_all

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.warehouse.store import act_as_owner
from minerecon_dagster.warehouse.tables import SCHEMA, bitcoin_price_gbp, bm_units

MARK = "The bundled synthetic sample: every figure is made up"
_IS_MARKED = text("SELECT obj_description(to_regnamespace(:schema), 'pg_namespace') = :mark")


def mark_as_sample(engine: Engine) -> None:
    """Let the warehouse take synthetic answers from now on.

    Args:
        engine: connects as the owner of the database, which is migrated.

    Raises:
        ConfigurationError: it holds real data.
    """
    with engine.begin() as connection:
        if _holds(connection) is False:
            raise ConfigurationError("the warehouse holds real data, and is never marked as the sample's")
        if not is_marked(connection):
            act_as_owner(connection)
            connection.execute(text(f"COMMENT ON SCHEMA {SCHEMA} IS '{MARK}'"))


def is_marked(connection: Connection) -> bool:
    """Whether the warehouse is the sample's by its mark."""
    return bool(connection.execute(_IS_MARKED, {"schema": SCHEMA, "mark": MARK}).scalar())


def refuse_to_mix(connection: Connection, *, synthetic: bool) -> None:
    """Synthetic answers go into a warehouse of the sample only, and real ones never where synthetic ones are.

    A warehouse is the sample's by its mark, or since it holds the sample already (one made before there were marks).

    Raises:
        ConfigurationError: it holds the other kind, or is not marked as the sample's.
    """
    held = _holds(connection)
    if held is not None and held != synthetic:
        kind, other = ("the synthetic sample", "real") if held else ("real data", "synthetic")
        raise ConfigurationError(
            f"the warehouse holds {kind}, and {other} answers are never mixed with it: "
            "use another DATABASE_URL, or another MINERECON_HOME"
        )
    if synthetic and held is None and not is_marked(connection):
        raise ConfigurationError(
            "the warehouse of DATABASE_URL is not marked as the sample's, and takes no synthetic answers: set "
            "ELEXON_BASE_URL to Elexon's address, or mark an empty warehouse by `minerecon db upgrade --sample`"
        )


def _holds(connection: Connection) -> bool | None:
    """True: the sample; False: real data; None: neither register nor price."""
    rows = [select(table.c.is_synthetic).limit(1) for table in (bm_units, bitcoin_price_gbp)]
    kind: bool | None = connection.execute(union_all(*rows)).scalar()
    return kind
