-- The Bitcoin formula, the one that the warehouse uses; core/mining.py is its tested definition.
-- Everything is multiplied first and divided once: numeric division keeps at least 16 significant digits.
CREATE OR REPLACE FUNCTION minerecon.mined_btc(
    energy_mwh numeric, hashrate_ths numeric, power_w numeric, difficulty numeric, block_subsidy_btc numeric
) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (energy_mwh * 3600000000 * hashrate_ths * 1000000000000 * block_subsidy_btc)
     / (power_w * difficulty * 4294967296);

COMMENT ON FUNCTION minerecon.mined_btc(numeric, numeric, numeric, numeric, numeric) IS
'BTC that an energy (MWh) could have mined on a machine of hashrate_ths (TH/s) and power_w (W): MWh × 3.6e9 J / power_w × hashrate_ths × 1e12 / (difficulty × 2^32) × block_subsidy_btc. Energy-limited: machines are not rounded down.';

-- The block subsidy in force at an instant: of the latest era that has begun; none before the first.
CREATE OR REPLACE FUNCTION minerecon.block_subsidy_btc(at timestamptz) RETURNS numeric
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN (SELECT s.block_subsidy_btc FROM minerecon.block_subsidies AS s
        WHERE s.starts_at <= at ORDER BY s.starts_at DESC LIMIT 1);

COMMENT ON FUNCTION minerecon.block_subsidy_btc(timestamptz) IS
'Block subsidy in BTC in force at an instant, from block_subsidies.';

-- Whether so much of what is asked of is notified that a share of it is shown: all but 1 %.
CREATE OR REPLACE FUNCTION minerecon.potential_is_covered(coverage numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN coverage >= 0.99;

COMMENT ON FUNCTION minerecon.potential_is_covered(numeric) IS
'Whether a share of notified potential is shown, given the share of the unit-periods that have a notification (0 to 1): all of them but 1 %.';

-- The latest evaluation of each property, so that a day's status costs nothing however often it was looked at.
CREATE OR REPLACE FUNCTION minerecon.keep_latest_results() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO minerecon.reconciliation_latest AS l (
        scope, settlement_date, check_family, check_name, result_id, passed, severity, waived_until, evaluated_at,
        is_beside
    )
    SELECT DISTINCT ON (scope, settlement_date, check_family, check_name)
           scope, settlement_date, check_family, check_name, result_id, passed, severity, waived_until, evaluated_at,
           is_beside
    FROM inserted
    ORDER BY scope, settlement_date, check_family, check_name, result_id DESC
    ON CONFLICT (scope, settlement_date, check_family, check_name) DO UPDATE SET
        result_id = excluded.result_id, passed = excluded.passed, severity = excluded.severity,
        waived_until = excluded.waived_until, evaluated_at = excluded.evaluated_at, is_beside = excluded.is_beside
    WHERE l.result_id < excluded.result_id;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION minerecon.keep_latest_results() IS
'Trigger: copies the newest evaluation of each property from reconciliation_results to reconciliation_latest.';

CREATE OR REPLACE TRIGGER keep_latest_results AFTER INSERT ON minerecon.reconciliation_results
REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION minerecon.keep_latest_results();

-- The periods and sides that are stored as empty, and are not known to be: of neither side of a half hour, or, where the
-- acceptances of the answers were not counted when they were stored, one side alone, or more than two in a row.
CREATE OR REPLACE FUNCTION minerecon.unproven_periods()
RETURNS TABLE (settlement_date date, settlement_period smallint, stack_side text) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.settlement_date, e.settlement_period, e.stack_side
    FROM (
        SELECT numbered.*, count(*) OVER (
                   PARTITION BY numbered.settlement_date, numbered.stack_side, numbered.run
               ) AS in_a_row
        FROM (
            SELECT i.settlement_date, i.settlement_period, i.stack_side, i.acceptance_count,
                   i.settlement_period - row_number() OVER (
                       PARTITION BY i.settlement_date, i.stack_side ORDER BY i.settlement_period
                   ) AS run
            FROM minerecon.ingestion_progress AS i WHERE i.status = 'empty'
        ) AS numbered
    ) AS e
    LEFT JOIN minerecon.ingestion_progress AS o
        ON (o.settlement_date, o.settlement_period) = (e.settlement_date, e.settlement_period)
       AND o.stack_side <> e.stack_side
    WHERE CASE WHEN e.acceptance_count IS NULL THEN e.in_a_row > 2 OR o.status IS DISTINCT FROM 'rows'
               ELSE o.status <> 'rows' END;
END;

COMMENT ON FUNCTION minerecon.unproven_periods() IS
'Periods and sides that are stored as empty and are not known to be: their days are incomplete, whatever their sums say.';
