-- Five years of stored days, made up: plausible in shape, consistent to the last digit, and marked is_synthetic.
-- The temporary tables asked (first_day, day_count) and property (family, name, severity) are there. Rows come from
-- random() in the order of one process, so that the same asking gives the same data.
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL work_mem = '256MB';
SET LOCAL maintenance_work_mem = '256MB';
SET LOCAL synchronous_commit = off;
SELECT setseed(0.2021);

-- Days: how windy, how many periods, a difficulty that moves every two weeks (of a target with a mantissa of 3 bytes, as
-- Bitcoin has them), a price.
CREATE TEMP TABLE day ON COMMIT DROP AS
SELECT day, n, starts_at, CAST(extract(epoch FROM ends_at - starts_at) / 1800 AS int) AS periods,
       least(0.92, greatest(0.04, 0.34 + 0.14 * cos(2 * pi() * (extract(doy FROM day) - 15) / 365)
                                  + 0.5 * (random() + random() - 1))) AS wind,
       round(65535 * 281474976710656.0 / round(65535 * 281474976710656.0
           / CAST(18600000000000 * exp(ln(146 / 18.6) * (n / 14) / 130) * (1 + 0.03 * sin(1.7 * (n / 14))) AS numeric)), 2)
           AS difficulty,
       round(CAST(31000 * exp(0.5 * sin(n / 300.0) + 0.6 * n / 1826) * (0.98 + 0.04 * random()) AS numeric), 2) AS price_gbp
FROM (
    SELECT n, first_day + n AS day, CAST(first_day + n AS timestamp) AT TIME ZONE 'Europe/London' AS starts_at,
           CAST(first_day + n + 1 AS timestamp) AT TIME ZONE 'Europe/London' AS ends_at
    FROM asked, generate_series(0, day_count - 1) AS n
    ORDER BY n
) AS calendar;

CREATE TEMP TABLE period ON COMMIT DROP AS
SELECT day, p AS settlement_period, starts_at + (p - 1) * interval '30 minutes' AS start_time
FROM day, generate_series(1, periods) AS p;
CREATE INDEX ON period (day, settlement_period);

-- Sixty farms of one to four units. A unit's share says how often it is turned down, its price what that costs.
CREATE TEMP TABLE unit ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY farm, k) AS unit_number,
       CASE WHEN farm % 20 = 7 THEN '2__SYN' || lpad(CAST(farm AS text), 2, '0') || k
            ELSE CASE WHEN farm % 10 = 3 THEN 'E' ELSE 'T' END || '_SYN' || lpad(CAST(farm AS text), 2, '0')
                 || CASE WHEN offshore THEN 'O-' ELSE 'W-' END || k END AS bmu_id,
       'SYN ' || place || ' ' || (ARRAY['Foo', 'Bar', 'Baz', 'Qux'])[1 + (farm - 1) / 15]
           || CASE WHEN offshore THEN ' Offshore Wind Farm' ELSE ' Wind Farm' END
           || CASE WHEN units > 1 THEN ' ' || k ELSE '' END AS name,
       'Synthetic Wind ' || farm % 22 || ' Ltd (made up)' AS lead_party_name,
       offshore,
       CAST(CASE WHEN offshore THEN 220 + 380 * size WHEN farm % 10 = 3 OR farm % 20 = 7 THEN 20 + 30 * size
                 ELSE 40 + 260 * size END AS numeric(8, 1)) AS capacity_mw,
       0.04 + 0.9 * often * often AS share,
       -- Old subsidies want to be paid for stopping; contracts for difference often pay to stop.
       round(CAST(CASE WHEN farm % 4 = 0 THEN 14 - 14 * often ELSE -48 - 40 * often END AS numeric), 2)
           AS price_gbp_per_mwh
FROM (
    SELECT farm, 1 + farm % 4 AS units, (farm - 1) % 15 >= 10 AS offshore, random() AS size, random() AS often,
           (ARRAY['Glen', 'Loch', 'Moor', 'Ridge', 'Forest', 'Hill', 'Strath', 'Cairn', 'Burn', 'Ben',
                  'Firth', 'Sands', 'Banks', 'Bay', 'Isle'])[1 + (farm - 1) % 15] AS place
    FROM generate_series(1, 60) AS farm
    ORDER BY farm
) AS farms, generate_series(1, units) AS k;

INSERT INTO minerecon.bm_units (
    bmu_id, valid_from, valid_to, national_grid_bmu_id, name, lead_party_name, fuel_type, bmu_type,
    generation_capacity_mw, gsp_group_id, zone_basis, looks_like_wind, is_synthetic
)
SELECT bmu_id, first_day, CAST(NULL AS date), regexp_replace(bmu_id, '^._+', ''), name, lead_party_name, 'WIND', left(bmu_id, 1),
       capacity_mw, z.zone, CASE WHEN z.zone IS NOT NULL THEN 'loss_factor' END, true, true
FROM unit, asked,
     LATERAL (SELECT CAST(substring(bmu_id FROM '\d\d') AS integer) AS farm) AS f,
     -- One farm is nowhere, of the others a fifth in England.
     LATERAL (SELECT CASE WHEN farm <> 17 THEN (ARRAY['_P', '_P', '_P', '_N', '_A'])[1 + farm % 5] END AS zone) AS z
UNION ALL
SELECT 'T_SYNGT-' || n, first_day, NULL, 'SYNGT-' || n, 'SYN Gas Station ' || n, 'Synthetic Power Ltd (made up)',
       'CCGT', 'T', 400 + 50 * n, '_A', 'loss_factor', false, true
FROM asked, generate_series(1, 10) AS n
UNION ALL
SELECT 'T_SYNUW-1', first_day, NULL, 'SYNUW-1', 'SYN Unmapped Wind Farm', 'Synthetic Wind 99 Ltd (made up)', NULL, 'T',
       50, NULL, NULL, true, true
FROM asked;

INSERT INTO minerecon.bitcoin_difficulty (settlement_date, difficulty, source_table)
SELECT day, difficulty, 'synthetic' FROM day;
INSERT INTO minerecon.bitcoin_price_gbp (price_date, price_gbp, source, fetched_at, is_synthetic)
SELECT day, price_gbp, 'synthetic', starts_at + interval '30 hours', true FROM day;

-- Wind output never exceeds what is installed.
INSERT INTO minerecon.wind_generation_data (
    settlement_date, settlement_period, start_time, wind_onshore_mw, wind_offshore_mw
)
SELECT p.day, p.settlement_period, p.start_time,
       round(CAST(onshore_mw * d.wind * (0.85 + 0.15 * random()) AS numeric), 1),
       round(CAST(offshore_mw * d.wind * (0.85 + 0.15 * random()) AS numeric), 1)
FROM period AS p
JOIN day AS d USING (day)
CROSS JOIN (
    SELECT sum(capacity_mw) FILTER (WHERE NOT offshore) AS onshore_mw,
           sum(capacity_mw) FILTER (WHERE offshore) AS offshore_mw FROM unit
) AS installed
ORDER BY p.day, p.settlement_period;

INSERT INTO minerecon.ingestion_progress (
    settlement_date, settlement_period, stack_side, status, row_count, payload_sha256, fetched_at, archive_uri, error,
    is_synthetic
)
SELECT p.day, p.settlement_period, side, 'rows', 100 + CAST(200 * random() AS int),
       encode(sha256(CAST(concat_ws('/', p.day, p.settlement_period, side) AS bytea)), 'hex'),
       d.starts_at + interval '54 hours', 'synthetic://five-years/' || p.day, NULL, true
FROM period AS p JOIN day AS d USING (day), unnest(ARRAY['bid', 'offer']) AS side
ORDER BY p.day, p.settlement_period, side;

-- A unit is turned down for some hours of a windy day; of some days none is.
CREATE TEMP TABLE spell ON COMMIT DROP AS
SELECT day, n, unit_number, first_period, least(periods, first_period + length) AS last_period
FROM (
    SELECT d.day, d.n, d.periods, u.unit_number, 1 + CAST(floor(d.periods * random() * 0.8) AS int) AS first_period,
           CAST(4 + 40 * random() AS int) AS length
    FROM day AS d CROSS JOIN unit AS u
    WHERE d.n % 20 <> 4 AND random() < 5.4 * d.wind * d.wind * u.share
) AS drawn;

CREATE TEMP TABLE pair ON COMMIT DROP AS
SELECT s.day, s.n, s.unit_number, p AS settlement_period, random() AS dice, 0.06 + 0.4 * random() AS depth
FROM spell AS s, generate_series(first_period, last_period) AS p
ORDER BY s.day, p, s.unit_number;

-- Mostly one row, sometimes a second SO-flagged one, or one beside it that is not; never more than the capacity.
INSERT INTO minerecon.curtailment_records (
    settlement_date, settlement_period, start_time, stack_side, bmu_id, acceptance_id, bid_offer_pair_id,
    sequence_number, lead_party_name, volume_mwh, original_price_gbp_per_mwh, final_price_gbp_per_mwh, so_flag,
    cadl_flag, elexon_created_at
)
SELECT p.day, p.settlement_period, t.start_time, 'bid', u.bmu_id, 1000 * p.n + u.unit_number, -kind,
       3 * u.unit_number + kind, u.lead_party_name,
       -greatest(0.001, round(CAST(u.capacity_mw * 0.5 * p.depth * (ARRAY[1, 0.25, 0.1])[kind] AS numeric), 3)),
       u.price_gbp_per_mwh - kind + 1 + round(CAST(3 * p.depth AS numeric), 2), NULL,
       kind = 2 OR (kind = 1 AND p.dice >= 0.05), false, t.start_time + interval '25 hours'
FROM pair AS p
JOIN unit AS u USING (unit_number)
JOIN period AS t ON t.day = p.day AND t.settlement_period = p.settlement_period,
generate_series(1, 3) AS kind
WHERE kind = 1 OR (kind = 2 AND p.dice > 0.9) OR (kind = 3 AND p.dice BETWEEN 0.05 AND 0.12)
ORDER BY p.day, p.settlement_period, u.bmu_id, kind;

-- From here on everything is derived from the records, as the pipeline derives it.
INSERT INTO minerecon.historical_bitcoin_calculations (
    settlement_date, settlement_period, bmu_id, miner_model, curtailed_mwh, difficulty, block_subsidy_btc, mined_btc,
    formula_version
)
SELECT e.settlement_date, e.settlement_period, e.bmu_id, m.miner_model, e.curtailed_mwh, d.difficulty,
       s.block_subsidy_btc,
       minerecon.mined_btc(e.curtailed_mwh, m.hashrate_ths, m.power_w, d.difficulty, s.block_subsidy_btc),
       a.formula_version
FROM (
    SELECT settlement_date, settlement_period, bmu_id, sum(curtailed_mwh) AS curtailed_mwh
    FROM minerecon.curtailment_records WHERE so_flag GROUP BY 1, 2, 3
) AS e
JOIN day AS d ON d.day = e.settlement_date
JOIN (SELECT day, settlement_period, minerecon.block_subsidy_btc(start_time) AS block_subsidy_btc FROM period) AS s
    ON s.day = e.settlement_date AND s.settlement_period = e.settlement_period
CROSS JOIN minerecon.miner_models AS m
CROSS JOIN asked AS a
ORDER BY e.settlement_date, m.miner_model, e.settlement_period, e.bmu_id;

-- Turn-up: offers of gas cover 97 % of what was curtailed. Its day follows by the end of the transaction.
INSERT INTO minerecon.turn_up_by_period (
    settlement_date, settlement_period, target_mwh, turn_up_mwh, uncovered_mwh, turn_up_estimate_gbp, unflagged_mwh,
    wind_offers_mwh, unpriced_offer_rows, flagged_offers_mwh, flagged_offers_gbp
)
SELECT settlement_date, settlement_period, mwh, mwh * 0.97, mwh * 0.03, mwh * 0.97 * (80 + settlement_period),
       mwh * 0.8, mwh * 0.01, 0, mwh * 0.4, mwh * 40
FROM (
    SELECT settlement_date, settlement_period, sum(curtailed_mwh) AS mwh
    FROM minerecon.curtailment_records WHERE so_flag GROUP BY 1, 2
) AS p;
INSERT INTO minerecon.turn_up_by_fuel_day (settlement_date, fuel, turn_up_mwh, turn_up_estimate_gbp, co2_t)
SELECT t.settlement_date, f.fuel, sum(t.turn_up_mwh) * f.share, sum(t.turn_up_estimate_gbp) * f.share,
       CASE WHEN f.fuel = 'CCGT' THEN sum(t.turn_up_mwh) * f.share * 394 * 0.001 END
FROM minerecon.turn_up_by_period AS t
CROSS JOIN (VALUES ('CCGT', 0.75), ('unknown', 0.25)) AS f (fuel, share)
GROUP BY t.settlement_date, f.fuel, f.share;

-- The columns that add up, and how, are those of `warehouse/sums.py`.
INSERT INTO minerecon.daily_summaries (
    summary_date, $day_columns, bmu_count, periods_expected, periods_due, periods_present, state,
    wind_onshore_mwh, wind_offshore_mwh, wind_generation_mwh,
    turn_up_mwh, turn_up_estimate_gbp, co2_ccgt_t, co2_known_mwh, co2_known_t,
    archive_uri, is_synthetic, built_from, built_at
)
SELECT d.day, $r_columns_or_0, coalesce(r.bmu_count, 0), d.periods, d.periods, d.periods, 'final',
       w.onshore_mwh, w.offshore_mwh, w.onshore_mwh + w.offshore_mwh,
       coalesce(t.mwh, 0), coalesce(t.gbp, 0), coalesce(r.curtailed_mwh, 0) * 394 * 0.001, coalesce(t.known_mwh, 0),
       coalesce(t.known_t, 0),
       'synthetic://five-years/' || d.day, true, md5(CAST(d.day AS text)), d.starts_at + interval '54 hours'
FROM day AS d
JOIN (
    SELECT settlement_date, sum(wind_onshore_mw) * 0.5 AS onshore_mwh, sum(wind_offshore_mw) * 0.5 AS offshore_mwh
    FROM minerecon.wind_generation_data GROUP BY 1
) AS w ON w.settlement_date = d.day
LEFT JOIN (
    SELECT settlement_date, count(DISTINCT bmu_id) AS bmu_count, $day_of_records_named
    FROM minerecon.curtailment_records GROUP BY 1
) AS r ON r.settlement_date = d.day
LEFT JOIN (
    SELECT settlement_date, sum(turn_up_mwh) AS mwh, sum(turn_up_estimate_gbp) AS gbp,
           sum(turn_up_mwh) FILTER (WHERE co2_t IS NOT NULL) AS known_mwh, sum(co2_t) AS known_t
    FROM minerecon.turn_up_by_fuel_day GROUP BY 1
) AS t ON t.settlement_date = d.day;

INSERT INTO minerecon.unit_daily_summaries (
    settlement_date, bmu_id, lead_party_name, $part_columns, period_count, so_period_count
)
SELECT settlement_date, bmu_id, min(lead_party_name), $part_of_records, count(DISTINCT settlement_period),
       count(DISTINCT settlement_period) FILTER (WHERE so_flag)
FROM minerecon.curtailment_records
GROUP BY settlement_date, bmu_id;
INSERT INTO minerecon.period_summaries (settlement_date, settlement_period, $part_columns, bmu_count, so_bmu_count)
SELECT settlement_date, settlement_period, $part_of_records, count(DISTINCT bmu_id),
       count(DISTINCT bmu_id) FILTER (WHERE so_flag)
FROM minerecon.curtailment_records
GROUP BY settlement_date, settlement_period;

INSERT INTO minerecon.bitcoin_daily_summaries (summary_date, miner_model, mined_btc)
SELECT d.day, m.miner_model, coalesce(c.mined_btc, 0)
FROM day AS d CROSS JOIN minerecon.miner_models AS m
LEFT JOIN (
    SELECT settlement_date, miner_model, sum(mined_btc) AS mined_btc
    FROM minerecon.historical_bitcoin_calculations GROUP BY 1, 2
) AS c ON c.settlement_date = d.day AND c.miner_model = m.miner_model;

INSERT INTO minerecon.boav_control_totals (settlement_date, stack_side, bmu_id, volume_mwh)
SELECT settlement_date, stack_side, bmu_id, sum(volume_mwh) FROM minerecon.curtailment_records GROUP BY 1, 2, 3;
-- EBOCF differs from volume × price by a few per cent: losses on the way.
INSERT INTO minerecon.ebocf_control_totals (settlement_date, stack_side, bmu_id, cashflow_gbp, gross_cashflow_gbp)
SELECT settlement_date, stack_side, bmu_id, sum(payment_gbp) * 0.98, sum(abs(payment_gbp)) * 0.98
FROM (
    SELECT settlement_date, settlement_period, stack_side, bmu_id, sum(payment_gbp) AS payment_gbp
    FROM minerecon.curtailment_records GROUP BY 1, 2, 3, 4
) AS by_period
GROUP BY 1, 2, 3;

INSERT INTO minerecon.calculation_reconciliation (
    settlement_date, miner_model, expected_count, matched_count, evaluated_at
)
SELECT d.day, m.miner_model, coalesce(c.n, 0), coalesce(c.n, 0), d.starts_at + interval '54 hours'
FROM day AS d CROSS JOIN minerecon.miner_models AS m
LEFT JOIN (
    SELECT settlement_date, miner_model, count(*) AS n FROM minerecon.historical_bitcoin_calculations GROUP BY 1, 2
) AS c ON c.settlement_date = d.day AND c.miner_model = m.miner_model;

INSERT INTO minerecon.reconciliation_results (
    settlement_date, check_family, check_name, passed, severity, expected, actual, looked_at, violation_count,
    violations, repair, run_id, evaluated_at
)
SELECT d.day, p.family, p.name, true, p.severity, 'synthetic', 'synthetic', d.periods, 0, '[]',
       'minerecon reingest ' || d.day, NULL, d.starts_at + interval '54 hours'
FROM day AS d CROSS JOIN property AS p;

-- Now and then a day that was over changed at the source, and now and then one was compared with it.
INSERT INTO minerecon.restatements (
    settlement_date, detected_at, old_state, old_curtailed_mwh, new_curtailed_mwh, old_payment_gbp, new_payment_gbp,
    old_all_bids_mwh, new_all_bids_mwh, old_archive_uri, new_archive_uri
)
SELECT s.summary_date, s.built_at, 'provisional', round(s.curtailed_mwh * 0.97, 3), s.curtailed_mwh,
       round(s.payment_gbp * 0.97, 3), s.payment_gbp, round(s.all_bids_mwh * 0.97, 3), s.all_bids_mwh,
       s.archive_uri || '/first', s.archive_uri
FROM minerecon.daily_summaries AS s JOIN day AS d ON d.day = s.summary_date
WHERE d.n % 73 = 11 AND s.curtailed_mwh > 0;
INSERT INTO minerecon.verifications (
    settlement_date, requested_by, action, sampling, detection_share, problems, repair, problems_left,
    period_differences, unit_differences, outcome, started_at, finished_at
)
SELECT day, 'weekly_audit', CASE WHEN n % 140 = 0 THEN 'fix' ELSE 'verify' END, 'full', 1, '[]',
       CASE WHEN n % 140 = 0 THEN 'minerecon reingest ' || day || ' --force' END, CASE WHEN n % 140 = 0 THEN '[]'::jsonb END,
       '[]', '[]', CASE WHEN n % 140 = 0 THEN 'repaired' ELSE 'right' END, starts_at + interval '55 hours',
       starts_at + interval '55 hours 20 seconds'
FROM day WHERE n % 7 = 0;

-- Notified potential: of each half hour what was turned down, and some wind beside it; one part in a hundred was taken back.
-- Every tenth day was not asked for; now and then a unit has none. Meters of the first run, of most days: 97 % of it.
CREATE TEMP TABLE bid ON COMMIT DROP AS
SELECT settlement_date AS day, settlement_period, bmu_id, sum(curtailed_mwh) AS mwh,
       coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag), 0) AS so_mwh, round(sum(curtailed_mwh) * 0.01, 3) AS back_mwh
FROM minerecon.curtailment_records GROUP BY 1, 2, 3;
CREATE TEMP TABLE notified ON COMMIT DROP AS
SELECT d.day, d.periods, u.bmu_id, coalesce(b.gsp_group_id, 'unknown') AS zone,
       round(CAST(u.capacity_mw * 0.3 * d.wind AS numeric), 3) AS beside_mwh, (d.n + u.unit_number) % 50 = 7 AS is_absent,
       d.n % 10 <> 6 AS is_asked
FROM day AS d CROSS JOIN unit AS u JOIN minerecon.bm_units AS b USING (bmu_id);
INSERT INTO minerecon.unit_daily_potential (
    settlement_date, bmu_id, potential_mwh, known_mwh, periods_with_pn, periods, bids_mwh, so_bids_mwh, taken_back_mwh,
    instructed_mwh
)
SELECT n.day, n.bmu_id, CASE WHEN NOT n.is_absent THEN n.beside_mwh * n.periods + coalesce(s.mwh, 0) END,
       CASE WHEN n.is_absent THEN 0 ELSE n.beside_mwh * n.periods + coalesce(s.mwh, 0) END,
       CASE WHEN n.is_absent THEN 0 ELSE n.periods END, n.periods, -coalesce(s.mwh, 0), -coalesce(s.so_mwh, 0),
       coalesce(s.back_mwh, 0), CASE WHEN NOT n.is_absent THEN n.beside_mwh * n.periods + coalesce(s.back_mwh, 0) END
FROM notified AS n
LEFT JOIN (
    SELECT day, bmu_id, sum(mwh) AS mwh, sum(so_mwh) AS so_mwh, sum(back_mwh) AS back_mwh FROM bid GROUP BY 1, 2
) AS s USING (day, bmu_id)
WHERE n.is_asked
ORDER BY n.day, n.bmu_id;
INSERT INTO minerecon.unit_daily_metered (
    settlement_date, bmu_id, run_type, run_rank, metered_mwh, periods, negative_periods
)
SELECT day, bmu_id, 'II', 0, round(beside_mwh * periods * 0.97, 3), periods, 0
FROM notified WHERE extract(day FROM day) NOT IN (9, 19, 29)
ORDER BY day, bmu_id;
INSERT INTO minerecon.period_potential (
    settlement_date, settlement_period, zone, potential_mwh, units_asked, units_present, units_with_bid,
    units_with_bid_and_pn, bids_mwh, so_bids_mwh, taken_back_mwh
)
SELECT n.day, p.settlement_period, n.zone, coalesce(sum(n.beside_mwh + coalesce(b.mwh, 0)) FILTER (WHERE is_there), 0),
       count(*), count(*) FILTER (WHERE is_there), count(b.mwh), count(b.mwh) FILTER (WHERE is_there),
       -coalesce(sum(b.mwh) FILTER (WHERE is_there), 0), -coalesce(sum(b.so_mwh) FILTER (WHERE is_there), 0),
       coalesce(sum(b.back_mwh) FILTER (WHERE is_there), 0)
FROM notified AS n
CROSS JOIN LATERAL (SELECT NOT n.is_absent AS is_there) AS t
JOIN period AS p ON p.day = n.day
LEFT JOIN bid AS b ON b.day = n.day AND b.settlement_period = p.settlement_period AND b.bmu_id = n.bmu_id
WHERE n.is_asked
GROUP BY n.day, p.settlement_period, n.zone
ORDER BY 1, 2, 3;
