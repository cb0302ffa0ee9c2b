-- What a fleet of machines at a wind farm would have made of the energy that the farm was told not to generate.
-- Dropped first: the columns of a function's result cannot be replaced.
DROP FUNCTION IF EXISTS analytics.sizing(text, text, date, date, integer, numeric, text[]);
DROP FUNCTION IF EXISTS analytics.sizing_curve(text, text, date, date, integer[], numeric[], text[]);

CREATE FUNCTION analytics.sizing_curve(
    farm_name text, miner_model text, from_date date, to_date date,
    machines integer[] DEFAULT NULL, power_mw numeric[] DEFAULT NULL, bmu_ids text[] DEFAULT NULL
) RETURNS TABLE (
    machine_count integer, fleet_mw numeric, hours_running numeric, hours_at_full_load numeric,
    full_load_hours numeric, energy_available_mwh numeric, energy_used_mwh numeric, energy_left_mwh numeric,
    mined_btc numeric, ceiling_btc numeric, share_of_ceiling numeric, utilisation numeric, mined_btc_per_machine numeric,
    value_gbp numeric, value_gbp_per_machine numeric, priced_btc_share numeric, payment_gbp numeric,
    periods_expected bigint, periods_present bigint, coverage numeric, days_final bigint, is_synthetic boolean
) LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
    asked_units text[] := sizing_curve.bmu_ids;
    asked_sizes integer[] := sizing_curve.machines;
    machine_mw numeric;
    machine_ths numeric;
BEGIN
    SELECT trim_scale(m.power_w / 1000000), m.hashrate_ths INTO machine_mw, machine_ths
    FROM minerecon.miner_models AS m WHERE m.miner_model = sizing_curve.miner_model;
    IF machine_mw IS NULL THEN
        RAISE EXCEPTION 'there is no miner model %', coalesce(sizing_curve.miner_model, 'NULL')
            USING HINT = 'SELECT miner_model FROM minerecon.miner_models lists them.', ERRCODE = '22023';
    END IF;
    IF sizing_curve.from_date IS NULL OR sizing_curve.to_date IS NULL OR sizing_curve.from_date > sizing_curve.to_date THEN
        RAISE EXCEPTION 'from_date and to_date must be the first and the last settlement date' USING ERRCODE = '22023';
    END IF;
    IF (sizing_curve.machines IS NULL) = (sizing_curve.power_mw IS NULL) THEN
        RAISE EXCEPTION 'give the size as machines or as power_mw: one of them' USING ERRCODE = '22023';
    END IF;
    IF (sizing_curve.farm_name IS NULL) = (sizing_curve.bmu_ids IS NULL) THEN
        RAISE EXCEPTION 'give a farm_name or bmu_ids: one of them' USING ERRCODE = '22023';
    END IF;
    IF asked_units IS NULL THEN
        SELECT array_agg(f.bmu_id) INTO asked_units
        FROM analytics.wind_farms AS f WHERE f.farm_name = sizing_curve.farm_name;
        IF asked_units IS NULL THEN
            RAISE EXCEPTION 'there is no wind farm %', sizing_curve.farm_name
                USING HINT = 'SELECT DISTINCT farm_name FROM analytics.wind_farms lists them.', ERRCODE = '22023';
        END IF;
    END IF;
    IF asked_sizes IS NULL THEN
        SELECT array_agg(CAST(floor(mw / machine_mw) AS integer)) INTO asked_sizes FROM unnest(sizing_curve.power_mw) AS mw;
    END IF;
    IF NOT (1 <= ALL (asked_sizes)) OR array_position(asked_sizes, NULL) IS NOT NULL OR cardinality(asked_sizes) = 0 THEN
        RAISE EXCEPTION 'a fleet has one machine at least; one % draws % MW', sizing_curve.miner_model, machine_mw
            USING ERRCODE = '22023';
    END IF;

    RETURN QUERY
    WITH sizes AS (
        SELECT DISTINCT n AS machine_count, n * machine_mw AS fleet_mw FROM unnest(asked_sizes) AS n
    ), known AS (
        SELECT (SELECT sum(minerecon.settlement_period_count(sizing_curve.from_date + n))
                FROM generate_series(0, sizing_curve.to_date - sizing_curve.from_date) AS n) AS periods_expected,
               coalesce(sum(s.periods_present), 0) AS periods_present,
               count(*) FILTER (WHERE s.is_final) AS days_final,
               count(*) AS days_present,
               coalesce(bool_or(s.is_synthetic), false) AS is_synthetic
        FROM minerecon.daily_summaries AS s
        WHERE s.summary_date BETWEEN sizing_curve.from_date AND sizing_curve.to_date
    ), half_hours AS (
        -- What the farm was told not to generate in each half hour, its units together.
        SELECT r.settlement_date, r.start_time, sum(r.curtailed_mwh) AS mwh, sum(r.payment_gbp) AS gbp
        FROM minerecon.curtailment_records AS r
        WHERE r.bmu_id = ANY (asked_units) AND r.so_flag
          AND r.settlement_date BETWEEN sizing_curve.from_date AND sizing_curve.to_date
        GROUP BY r.settlement_date, r.start_time
    ), eras AS (
        SELECT block_subsidy_btc, starts_at, lead(starts_at, 1, 'infinity') OVER (ORDER BY starts_at) AS ends_at
        FROM minerecon.block_subsidies
    ), of_day AS (
        -- Bitcoin is proportional to energy as long as difficulty and subsidy hold: one figure a day, two at a halving.
        SELECT z.machine_count, z.fleet_mw, h.settlement_date, e.block_subsidy_btc,
               count(*) AS periods_running,
               count(*) FILTER (WHERE h.mwh >= z.fleet_mw * 0.5) AS periods_at_full_load,
               sum(h.mwh) AS available_mwh, sum(least(h.mwh, z.fleet_mw * 0.5)) AS used_mwh, sum(h.gbp) AS gbp
        FROM sizes AS z
        CROSS JOIN half_hours AS h
        JOIN eras AS e ON e.starts_at <= h.start_time AND h.start_time < e.ends_at
        GROUP BY z.machine_count, z.fleet_mw, h.settlement_date, e.block_subsidy_btc
    ), mined AS (
        SELECT o.*, p.price_gbp,
               minerecon.mined_btc(o.used_mwh, machine_ths, machine_mw * 1000000, d.difficulty, o.block_subsidy_btc) AS btc,
               minerecon.mined_btc(o.available_mwh, machine_ths, machine_mw * 1000000, d.difficulty, o.block_subsidy_btc)
                   AS most_btc
        FROM of_day AS o
        JOIN minerecon.bitcoin_difficulty AS d ON d.settlement_date = o.settlement_date
        LEFT JOIN minerecon.bitcoin_price_gbp AS p ON p.price_date = o.settlement_date
    ), sums AS (
        SELECT m.machine_count, sum(m.periods_running) AS periods_running,
               sum(m.periods_at_full_load) AS periods_at_full_load, sum(m.available_mwh) AS available_mwh,
               sum(m.used_mwh) AS used_mwh, sum(m.btc) AS btc, sum(m.most_btc) AS most_btc,
               sum(m.btc * m.price_gbp) AS value_gbp, sum(m.btc) FILTER (WHERE m.price_gbp IS NOT NULL) AS priced_btc,
               sum(m.gbp) AS gbp
        FROM mined AS m GROUP BY m.machine_count
    ), figures AS (
        -- Where days are stored and the farm was left alone, all of it is 0; where none is stored, nothing is known.
        SELECT z.machine_count, z.fleet_mw, k.*,
               coalesce(s.periods_running, n.nothing) AS periods_running,
               coalesce(s.periods_at_full_load, n.nothing) AS periods_at_full_load,
               coalesce(s.available_mwh, n.nothing) AS available_mwh, coalesce(s.used_mwh, n.nothing) AS used_mwh,
               coalesce(s.btc, n.nothing) AS btc, coalesce(s.most_btc, n.nothing) AS most_btc,
               CASE WHEN s.machine_count IS NULL THEN n.nothing ELSE s.value_gbp END AS value_gbp, s.priced_btc,
               CASE WHEN s.machine_count IS NULL THEN n.nothing ELSE s.gbp END AS gbp
        FROM sizes AS z
        CROSS JOIN known AS k
        CROSS JOIN LATERAL (SELECT CASE WHEN k.days_present > 0 THEN CAST(0 AS numeric) END AS nothing) AS n
        LEFT JOIN sums AS s USING (machine_count)
    )
    SELECT f.machine_count, f.fleet_mw,
           f.periods_running * 0.5,
           f.periods_at_full_load * 0.5,
           f.used_mwh / f.fleet_mw,
           f.available_mwh, f.used_mwh, f.available_mwh - f.used_mwh,
           f.btc, f.most_btc, f.btc / nullif(f.most_btc, 0),
           f.used_mwh / nullif(f.fleet_mw * f.periods_present * 0.5, 0),
           f.btc / f.machine_count,
           f.value_gbp, f.value_gbp / f.machine_count,
           coalesce(f.priced_btc, 0) / nullif(f.btc, 0),
           f.gbp,
           CAST(f.periods_expected AS bigint), CAST(f.periods_present AS bigint),
           f.periods_present / CAST(f.periods_expected AS numeric),
           f.days_final, f.is_synthetic
    FROM figures AS f
    ORDER BY f.machine_count;
END $$;

COMMENT ON FUNCTION analytics.sizing_curve(text, text, date, date, integer[], numeric[], text[]) IS
'Grain: machine_count. A fleet of machines at a wind farm (farm_name of analytics.wind_farms, or bmu_ids) over settlement dates, for several sizes: machines, or power_mw of which as many whole machines are bought as it feeds. In each half hour the fleet draws the farm''s SO-flagged curtailed energy, at most fleet_mw × 0.5 h; what is left is lost. Where there is less, it runs in proportion to the energy, and machines are not rounded down. hours_running: half hours with any energy; hours_at_full_load: those with enough for all; full_load_hours: energy_used_mwh / fleet_mw; utilisation: full_load_hours over the hours that are stored; ceiling_btc: with a fleet of any size; value_gbp: at each day''s price, of the priced_btc_share of the Bitcoin; payment_gbp: what the farm was paid for all of the energy; coverage: half hours stored over half hours asked for.';

CREATE FUNCTION analytics.sizing(
    farm_name text, miner_model text, from_date date, to_date date,
    machines integer DEFAULT NULL, power_mw numeric DEFAULT NULL, bmu_ids text[] DEFAULT NULL
) RETURNS TABLE (
    machine_count integer, fleet_mw numeric, hours_running numeric, hours_at_full_load numeric,
    full_load_hours numeric, energy_available_mwh numeric, energy_used_mwh numeric, energy_left_mwh numeric,
    mined_btc numeric, ceiling_btc numeric, share_of_ceiling numeric, utilisation numeric, mined_btc_per_machine numeric,
    value_gbp numeric, value_gbp_per_machine numeric, priced_btc_share numeric, payment_gbp numeric,
    periods_expected bigint, periods_present bigint, coverage numeric, days_final bigint, is_synthetic boolean
) LANGUAGE sql STABLE
AS $$
    SELECT * FROM analytics.sizing_curve(
        sizing.farm_name, sizing.miner_model, sizing.from_date, sizing.to_date,
        CASE WHEN sizing.machines IS NOT NULL THEN ARRAY[sizing.machines] END,
        CASE WHEN sizing.power_mw IS NOT NULL THEN ARRAY[sizing.power_mw] END, sizing.bmu_ids
    )
$$;

COMMENT ON FUNCTION analytics.sizing(text, text, date, date, integer, numeric, text[]) IS
'A fleet of machines at a wind farm over settlement dates, for one size: a row of analytics.sizing_curve.';
