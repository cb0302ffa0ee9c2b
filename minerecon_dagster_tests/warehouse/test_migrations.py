"""The warehouse as the migrations make it."""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from decimal import Decimal
from urllib.parse import quote

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from minerecon_dagster.core import calendar, mining
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.elexon import datasets  # noqa: F401 - their tables are in the metadata
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster.warehouse.tables import SCHEMA, metadata
from minerecon_dagster_tests import databases


def test_an_upgraded_warehouse_is_what_the_metadata_describe(fresh_database: str) -> None:
    warehouse = open_warehouse(fresh_database)
    migrate.upgrade(warehouse)
    options = {"include_schemas": True, "version_table_schema": SCHEMA, "compare_type": True}
    ours = {"include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA}
    with warehouse.connect() as connection:
        context = MigrationContext.configure(connection, opts=options | ours)
        assert compare_metadata(context, metadata) == []
    warehouse.dispose()


@pytest.mark.slow
def test_a_password_with_every_sign_that_a_url_or_a_configuration_would_take_for_its_own(
    embedded_environ: dict[str, str],
) -> None:
    """FR-35: Alembic's configuration interpolates what has a per cent sign."""
    url, word, name = embedded_environ["DATABASE_URL"], "p%41%(here)s%%@:/?#&'\\é", f"odd_{secrets.token_hex(4)}"
    with contextlib.closing(databases.connect(url)) as owner:
        cursor = owner.cursor()
        cursor.execute(f"CREATE ROLE {name} LOGIN PASSWORD %s", (word,))
        cursor.execute(f"GRANT {name} TO CURRENT_USER WITH SET TRUE, INHERIT TRUE")
        try:
            with databases.database(url) as made:
                cursor.execute(f"ALTER DATABASE {made.rpartition('/')[2]} OWNER TO {name}")
                place = made.rpartition("@")[2]
                engine = open_warehouse(f"postgresql://{name}:{quote(word, safe='')}@{place}")
                assert migrate.upgrade(engine).after is not None
                engine.dispose()
        finally:
            cursor.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_name_is_refused_before_anything_is_made(
    embedded_environ: dict[str, str], encoding: str
) -> None:
    url, name = embedded_environ["DATABASE_URL"], f"test_{secrets.token_hex(4)}"
    with contextlib.closing(databases.connect(url)) as owner:
        cursor = owner.cursor()
        cursor.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        )
        engine = open_warehouse(f"{url.rpartition('/')[0]}/{name}")
        try:
            with pytest.raises(ConfigurationError, match=rf"the encoding {encoding}, .* ENCODING 'UTF8' TEMPLATE"):
                migrate.upgrade(engine)
            with engine.connect() as connection:
                made = connection.execute(text("SELECT to_regnamespace('minerecon')")).scalar()
            assert made is None
        finally:
            engine.dispose()
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.slow
def test_whatever_the_environment_says_a_client_speaks_utf8(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    engine = open_warehouse(fresh_database)
    assert migrate.upgrade(engine).after is not None
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 'Tŵr Gŵyr …' = U&'T\\0175r G\\0175yr \\2026'")).scalar()
    engine.dispose()


@pytest.mark.slow
def test_a_second_upgrade_changes_nothing(fresh_database: str) -> None:
    warehouse = open_warehouse(fresh_database)
    migrate.upgrade(warehouse)
    again = migrate.upgrade(warehouse)
    assert again.before == again.after
    assert again.not_enforced == []
    warehouse.dispose()


def test_every_table_and_column_is_described_in_the_database(warehouse: Engine) -> None:
    with warehouse.connect() as connection:
        undescribed = connection.execute(
            text(
                "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
                " WHERE c.relnamespace = 'minerecon'::regnamespace AND c.relkind = 'r' AND a.attnum > 0"
                " AND c.relname <> 'alembic_version'"
                " AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)"
            )
        ).all()
    assert undescribed == []


def test_a_warehouse_of_another_revision_is_refused_with_the_command_that_migrates_it(fresh_database: str) -> None:
    engine = open_warehouse(fresh_database)
    with engine.connect() as connection, pytest.raises(ConfigurationError, match="minerecon db upgrade"):
        migrate.require_current(connection)
    engine.dispose()


def test_an_upgrade_that_cannot_finish_leaves_nothing_behind(fresh_database: str) -> None:
    engine = open_warehouse(fresh_database)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA minerecon"))
        connection.execute(text("CREATE TABLE minerecon.curtailment_records (x int)"))
    with pytest.raises(ConfigurationError, match="nothing was changed"):
        migrate.upgrade(engine)
    with engine.connect() as connection:
        tables = (
            connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'minerecon'")).scalars().all()
        )
    assert tables == ["curtailment_records"]
    engine.dispose()


def test_the_lists_of_the_code_are_in_the_warehouse(warehouse: Engine) -> None:
    with warehouse.connect() as connection:
        models = connection.execute(text("SELECT miner_model, hashrate_ths, power_w FROM minerecon.miner_models")).all()
    assert {tuple(m) for m in models} == {(m.name, m.hashrate_ths, m.power_w) for m in mining.MINER_MODELS}


RECORD = {
    "settlement_date": dt.date(2025, 3, 28),
    "settlement_period": 1,
    "start_time": calendar.period_start(dt.date(2025, 3, 28), 1),
    "stack_side": "bid",
    "bmu_id": "T_SYNTW-1",
    "acceptance_id": None,
    "bid_offer_pair_id": None,
    "sequence_number": 1,
    "volume_mwh": Decimal("-1.5"),
    "original_price_gbp_per_mwh": Decimal("-40"),
}


def insert(engine: Engine, **changed: object) -> None:
    values = RECORD | changed
    names = ", ".join(values)
    with engine.begin() as connection:
        connection.execute(
            text(f"INSERT INTO minerecon.curtailment_records ({names}) VALUES (:{', :'.join(values)})"), values
        )


def test_energy_and_payment_are_derived_by_the_database_with_their_signs(warehouse: Engine) -> None:
    insert(warehouse)
    insert(warehouse, sequence_number=2, original_price_gbp_per_mwh=Decimal(10))
    insert(warehouse, sequence_number=3, original_price_gbp_per_mwh=None)
    with warehouse.connect() as connection:
        rows = connection.execute(
            text("SELECT curtailed_mwh, payment_gbp FROM minerecon.curtailment_records ORDER BY sequence_number")
        ).all()
    assert [tuple(r) for r in rows] == [
        (Decimal("1.5"), Decimal("60.0")),
        (Decimal("1.5"), Decimal("-15.0")),
        (Decimal("1.5"), None),
    ]


def test_the_same_identity_cannot_stand_twice_nulls_included(warehouse: Engine) -> None:
    insert(warehouse)
    with pytest.raises(IntegrityError, match="identity_key"):
        insert(warehouse)


@pytest.mark.parametrize(
    "changed",
    [{"volume_mwh": Decimal(1)}, {"volume_mwh": Decimal(0)}, {"settlement_period": 51}, {"stack_side": "both"}],
    ids=str,
)
def test_what_cannot_be_is_refused(warehouse: Engine, changed: dict[str, object]) -> None:
    with pytest.raises(IntegrityError, match="_check"):
        insert(warehouse, **changed)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.decimals(Decimal("2e-6"), Decimal(2000), places=17),
    st.decimals(Decimal("1e9"), Decimal("1e16"), places=3),
    st.sampled_from(mining.MINER_MODELS),
    st.sampled_from(mining.SUBSIDY_ERAS),
)
def test_the_sql_formula_is_the_tested_one(
    warehouse: Engine, mwh: Decimal, difficulty: Decimal, model: mining.MinerModel, era: mining.SubsidyEra
) -> None:
    with warehouse.connect() as connection:
        found = connection.execute(
            text("SELECT minerecon.mined_btc(:e, :h, :w, :d, :s)"),
            {"e": mwh, "h": model.hashrate_ths, "w": model.power_w, "d": difficulty, "s": era.block_subsidy_btc},
        ).scalar_one()
    expected = mining.mined_btc(mwh, model, difficulty, era.block_subsidy_btc)
    assert abs(found / expected - 1) < Decimal("1e-15")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.datetimes(dt.datetime(2017, 1, 1), dt.datetime(2028, 2, 1), timezones=st.just(dt.UTC)))  # noqa: DTZ001
def test_the_sql_subsidy_is_the_tested_one(warehouse: Engine, at: dt.datetime) -> None:
    with warehouse.connect() as connection:
        found = connection.execute(text("SELECT minerecon.block_subsidy_btc(:at)"), {"at": at}).scalar_one()
    assert found == mining.block_subsidy_btc(at)
