-- What analysts read. Each view begins its comment with its grain, the columns that no two rows share. Figures of
-- SO-flagged bids, the headline, have no prefix; those of all accepted bids begin with all_bids_: never add the two.
-- What is not known is NULL, with a coverage below 1; a period, day or unit that was quiet is 0. Energy, money and
-- Bitcoin are exact; what is divided (a share, a coverage, a price) or valued is rounded to 12 places, since others'
-- decimals end at 28 digits.

-- Every day from the first one that is stored, or that a person has closed, to yesterday: a day is missing by the
-- calendar, and not by what is stored. The synthetic sample has no yesterday: it ends with its last day.
CREATE VIEW analytics.settlement_days AS
WITH span AS (
    SELECT min(day) AS first_day,
           CASE WHEN bool_or(is_synthetic) THEN max(day)
                ELSE greatest(max(day), CAST(now() AT TIME ZONE 'Europe/London' AS date) - 1) END AS last_day,
           bool_or(is_synthetic) AS is_synthetic
    FROM (
        SELECT summary_date AS day, is_synthetic FROM minerecon.daily_summaries
        UNION ALL SELECT settlement_date, false FROM minerecon.unavailable_days
    ) AS known
)
SELECT c.settlement_date,
       to_char(CAST(c.settlement_date AS timestamp), 'YYYY-MM') AS year_month,
       s.summary_date IS NOT NULL AS is_stored,
       minerecon.settlement_period_count(c.settlement_date) AS periods_expected,
       CAST(coalesce(s.periods_present, 0) AS integer) AS periods_present,
       round(coalesce(s.periods_present, 0) / CAST(minerecon.settlement_period_count(c.settlement_date) AS numeric), 12)
           AS coverage,
       r.day_state,
       r.status,
       coalesce(s.is_final AND r.day_state = 'final', false) AS is_final,
       span.is_synthetic
FROM span
CROSS JOIN LATERAL (
    SELECT span.first_day + n AS settlement_date FROM generate_series(0, span.last_day - span.first_day) AS n
) AS c
LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = c.settlement_date
CROSS JOIN LATERAL minerecon.day_status(c.settlement_date) AS r;

COMMENT ON VIEW analytics.settlement_days IS
'Grain: settlement_date. Every settlement day from the first stored one to yesterday (and today, once it is stored), with its state: the calendar of all other views.';

-- Months and years are made alike, from the same text.
CREATE TEMPORARY TABLE calendar_grain ON COMMIT DROP AS
SELECT * FROM (VALUES
    -- Its name, the column that says which one a row is of, and that column's value and the first day of it, of a day d.
    ('month', 'year_month', $$to_char(CAST(d.settlement_date AS timestamp), 'YYYY-MM')$$,
     $$date_trunc('month', CAST(d.settlement_date AS timestamp))$$),
    ('year', 'year', $$CAST(extract(year FROM d.settlement_date) AS integer)$$,
     $$date_trunc('year', CAST(d.settlement_date AS timestamp))$$)
) AS g (grain, key, of_day, first_day);

CREATE OR REPLACE FUNCTION pg_temp.make_for_each_grain(made text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    g record;
BEGIN
    FOR g IN SELECT * FROM calendar_grain LOOP
        EXECUTE replace(replace(replace(replace(
            made, '{grain}', g.grain), '{key}', g.key), '{of_day}', g.of_day), '{first_day}', g.first_day);
    END LOOP;
END $$;

SELECT pg_temp.make_for_each_grain($views$
CREATE VIEW analytics.settlement_{grain}s AS
SELECT {of_day} AS {key}, m.days_expected,
       CAST(count(*) FILTER (WHERE d.is_stored) AS integer) AS days_present,
       CAST(count(*) FILTER (WHERE d.is_final) AS integer) AS days_final,
       CAST(count(*) FILTER (WHERE d.status = 'unavailable') AS integer) AS days_unavailable,
       CAST(count(*) FILTER (WHERE d.is_stored AND d.day_state = 'incomplete') AS integer) AS days_incomplete,
       round(count(*) FILTER (WHERE d.is_stored) / CAST(m.days_expected AS numeric), 12) AS coverage,
       count(*) FILTER (WHERE d.is_final) = m.days_expected AS is_complete,
       CASE WHEN bool_or(d.status = 'failing') THEN 'failing'
            WHEN bool_or(d.status = 'missing') OR min(d.settlement_date) > m.first_day THEN 'missing'
            WHEN bool_or(d.status = 'incomplete') THEN 'incomplete'
            WHEN bool_or(d.status = 'provisional') OR count(*) < m.days_expected THEN 'provisional'
            WHEN bool_or(d.status = 'unavailable') THEN 'unavailable'
            WHEN bool_or(d.status = 'warned') THEN 'warned'
            WHEN bool_or(d.status = 'waived') THEN 'waived'
            ELSE 'complete' END AS status,
       bool_or(d.is_synthetic) AS is_synthetic
FROM analytics.settlement_days AS d
CROSS JOIN LATERAL (
    SELECT first_day, CAST(first_day + interval '1 {grain}' AS date) - first_day AS days_expected
    FROM (SELECT CAST({first_day} AS date) AS first_day) AS f
) AS m
GROUP BY {of_day}, m.first_day, m.days_expected;

COMMENT ON VIEW analytics.settlement_{grain}s IS
'Grain: {key}. Every calendar {grain} that has a day in settlement_days: how many of its days are there, and the worst state among them.';
$views$);

CREATE VIEW analytics.wind_farms AS
WITH latest AS MATERIALIZED (
    SELECT DISTINCT ON (bmu_id) bmu_id, name, lead_party_name, generation_capacity_mw, is_synthetic,
           valid_to IS NULL AND fuel_type = 'WIND' AS is_in_force,
           coalesce(gsp_group_id, 'unknown') AS zone, zone_basis, above_b6, above_b4,
           minerecon.wind_farm_stem(bmu_id, name) AS stem
    FROM minerecon.bm_units
    WHERE bmu_id IN (SELECT bmu_id FROM minerecon.bm_units WHERE fuel_type = 'WIND')
    ORDER BY bmu_id, valid_from DESC
)
SELECT l.bmu_id,
       coalesce(of_unit.farm_name, of_stem.farm_name, l.stem) AS farm_name,
       CASE WHEN of_unit.key IS NOT NULL THEN 'exception of the unit'
            WHEN of_stem.key IS NOT NULL THEN 'exception of the stem'
            ELSE 'stem of the register''s name' END AS named_by,
       coalesce(of_unit.reason, of_stem.reason) AS reason,
       l.name AS unit_name, l.lead_party_name, l.generation_capacity_mw, l.zone, l.zone_basis, l.above_b6, l.above_b4,
       site.technology, site.latitude, site.longitude, site.connection_latitude, site.connection_longitude,
       coalesce(l.is_in_force, false) AS is_in_force,
       l.is_synthetic
FROM latest AS l
LEFT JOIN minerecon.wind_farm_exceptions AS of_unit ON of_unit.matches = 'bmu_id' AND of_unit.key = l.bmu_id
LEFT JOIN minerecon.wind_farm_exceptions AS of_stem ON of_stem.matches = 'stem' AND of_stem.key = l.stem
LEFT JOIN minerecon.wind_sites AS site ON site.bmu_id = l.bmu_id;

COMMENT ON VIEW analytics.wind_farms IS
'Grain: bmu_id. The wind farm of every BM unit that the register ever had as wind: the stem of the unit''s latest name (minerecon.wind_farm_stem), or a reviewed exception (wind_farm_exceptions).';

CREATE VIEW analytics.curtailment_by_period AS
SELECT d.settlement_date, p.settlement_period, t.start_time,
       t.start_time AT TIME ZONE 'Europe/London' AS london_time,
       d.year_month,
       coalesce(s.curtailed_mwh, z.zero) AS curtailed_mwh,
       coalesce(s.paid_gbp, z.zero) AS paid_gbp,
       coalesce(s.refunded_gbp, z.zero) AS refunded_gbp,
       coalesce(s.payment_gbp, z.zero) AS payment_gbp,
       coalesce(s.unpriced_mwh, z.zero) AS unpriced_mwh,
       round(s.payment_gbp / nullif(s.curtailed_mwh - s.unpriced_mwh, 0), 12) AS payment_gbp_per_mwh,
       coalesce(s.all_bids_mwh, z.zero) AS all_bids_mwh,
       coalesce(s.all_bids_paid_gbp, z.zero) AS all_bids_paid_gbp,
       coalesce(s.all_bids_refunded_gbp, z.zero) AS all_bids_refunded_gbp,
       coalesce(s.all_bids_payment_gbp, z.zero) AS all_bids_payment_gbp,
       coalesce(s.all_bids_unpriced_mwh, z.zero) AS all_bids_unpriced_mwh,
       round(s.all_bids_payment_gbp / nullif(s.all_bids_mwh - s.all_bids_unpriced_mwh, 0), 12)
           AS all_bids_payment_gbp_per_mwh,
       w.total_wind_mwh AS wind_generation_mwh,
       round(coalesce(s.curtailed_mwh, z.zero) / nullif(w.total_wind_mwh + coalesce(s.curtailed_mwh, z.zero), 0), 12)
           AS curtailed_share,
       round(coalesce(s.all_bids_mwh, z.zero) / nullif(w.total_wind_mwh + coalesce(s.all_bids_mwh, z.zero), 0), 12)
           AS all_bids_share,
       n.potential_mwh, round(n.potential_coverage, 12) AS potential_coverage,
       CASE WHEN minerecon.potential_is_covered(n.bids_covered) AND coalesce(s.curtailed_mwh, z.zero) IS NOT NULL
            THEN round(-n.so_bids_mwh / nullif(n.potential_mwh, 0), 12) END AS curtailed_share_of_potential,
       CASE WHEN minerecon.potential_is_covered(n.bids_covered) AND coalesce(s.all_bids_mwh, z.zero) IS NOT NULL
            THEN round(-(n.bids_mwh + n.taken_back_mwh) / nullif(n.potential_mwh, 0), 12) END
           AS all_bids_net_share_of_potential,
       coalesce(s.record_count, CAST(z.zero AS integer)) AS record_count,
       coalesce(s.so_record_count, CAST(z.zero AS integer)) AS so_record_count,
       CAST(coalesce(s.bmu_count, z.zero) AS integer) AS bmu_count,
       CAST(coalesce(s.so_bmu_count, z.zero) AS integer) AS so_bmu_count,
       u.turn_up_mwh, u.turn_up_estimate_gbp,
       round(u.turn_up_mwh / nullif(coalesce(s.curtailed_mwh, z.zero), 0), 12) AS turn_up_coverage,
       coalesce(s.payment_gbp, z.zero) + u.turn_up_estimate_gbp AS cost_with_turn_up_estimate_gbp,
       round(c.coverage, 12) AS coverage, d.day_state, d.status, d.is_final, d.is_synthetic
FROM analytics.settlement_days AS d
CROSS JOIN LATERAL (
    -- Of at most 50: a planner that knows so many rows plans better.
    SELECT CAST(n AS smallint) AS settlement_period FROM generate_series(1, 50) AS n WHERE n <= d.periods_expected
) AS p
CROSS JOIN LATERAL (
    SELECT minerecon.settlement_period_start(d.settlement_date, p.settlement_period) AS start_time
) AS t
-- Day by day, so that a range of days reads the rows of these days alone: OFFSET 0 keeps the planner to it.
LEFT JOIN LATERAL (
    SELECT * FROM minerecon.period_summaries AS q
    WHERE q.settlement_date = d.settlement_date AND q.settlement_period = p.settlement_period OFFSET 0
) AS s ON true
LEFT JOIN LATERAL (
    SELECT q.total_wind_mwh FROM minerecon.wind_generation_data AS q
    WHERE q.settlement_date = d.settlement_date AND q.settlement_period = p.settlement_period OFFSET 0
) AS w ON true
-- A share is of the units that have a notification, on both sides; of units with a bid nearly all must have one.
LEFT JOIN LATERAL (
    SELECT sum(q.potential_mwh) AS potential_mwh, sum(q.bids_mwh) AS bids_mwh, sum(q.so_bids_mwh) AS so_bids_mwh,
           sum(q.taken_back_mwh) AS taken_back_mwh,
           sum(q.units_present) / nullif(CAST(sum(q.units_asked) AS numeric), 0) AS potential_coverage,
           CASE WHEN sum(q.units_with_bid) = 0 THEN 1
                ELSE sum(q.units_with_bid_and_pn) / CAST(sum(q.units_with_bid) AS numeric) END AS bids_covered
    FROM minerecon.period_potential AS q
    WHERE q.settlement_date = d.settlement_date AND q.settlement_period = p.settlement_period OFFSET 0
) AS n ON true
LEFT JOIN LATERAL (
    SELECT q.turn_up_mwh, q.turn_up_estimate_gbp FROM minerecon.turn_up_by_period AS q
    WHERE q.settlement_date = d.settlement_date AND q.settlement_period = p.settlement_period OFFSET 0
) AS walked ON true
LEFT JOIN minerecon.daily_summaries AS day ON day.summary_date = d.settlement_date
-- Only a day that lacks a period has to be looked at by period.
LEFT JOIN (
    SELECT i.settlement_date, i.settlement_period,
           avg(CASE WHEN i.status IN ('rows', 'empty') THEN 1 ELSE 0 END) AS sides_there,
           bool_or(i.stack_side = 'offer' AND i.status IN ('rows', 'empty')) AS has_offers
    FROM minerecon.daily_summaries AS part
    JOIN minerecon.ingestion_progress AS i ON i.settlement_date = part.summary_date
    WHERE part.periods_present < part.periods_expected
    GROUP BY i.settlement_date, i.settlement_period
) AS looked ON looked.settlement_date = d.settlement_date AND looked.settlement_period = p.settlement_period
CROSS JOIN LATERAL (
    SELECT CASE WHEN NOT d.is_stored THEN 0
                WHEN d.periods_present = d.periods_expected THEN 1
                ELSE coalesce(looked.sides_there, 0) END AS coverage
) AS c
CROSS JOIN LATERAL (SELECT CASE WHEN c.coverage = 1 THEN CAST(0 AS numeric) END AS zero) AS z
CROSS JOIN LATERAL (
    -- Of a period without SO-flagged bids whose offers are there it is 0.
    SELECT coalesce(walked.turn_up_mwh, q.zero) AS turn_up_mwh,
           coalesce(walked.turn_up_estimate_gbp, q.zero) AS turn_up_estimate_gbp
    FROM (
        SELECT CASE WHEN coalesce(s.curtailed_mwh, z.zero) = 0 AND coalesce(looked.has_offers, day.turn_up_mwh IS NOT NULL)
                    THEN CAST(0 AS numeric) END AS zero
    ) AS q
) AS u;

COMMENT ON VIEW analytics.curtailment_by_period IS
'Grain: settlement_date, settlement_period. Curtailment of every half hour of every day in settlement_days. A period that is not there is NULL, with a coverage below 1; one without a wind bid is 0.';

CREATE VIEW analytics.curtailment_by_day AS
SELECT d.settlement_date, d.year_month,
       s.curtailed_mwh, s.paid_gbp, s.refunded_gbp, s.payment_gbp, s.unpriced_mwh,
       round(s.payment_gbp / nullif(s.curtailed_mwh - s.unpriced_mwh, 0), 12) AS payment_gbp_per_mwh,
       s.all_bids_mwh,
       CASE WHEN d.is_stored THEN coalesce(u.all_bids_paid_gbp, 0) END AS all_bids_paid_gbp,
       CASE WHEN d.is_stored THEN coalesce(u.all_bids_refunded_gbp, 0) END AS all_bids_refunded_gbp,
       s.all_bids_payment_gbp,
       CASE WHEN d.is_stored THEN coalesce(u.all_bids_unpriced_mwh, 0) END AS all_bids_unpriced_mwh,
       round(s.all_bids_payment_gbp / nullif(s.all_bids_mwh - coalesce(u.all_bids_unpriced_mwh, 0), 0), 12)
           AS all_bids_payment_gbp_per_mwh,
       s.turn_up_mwh, s.turn_up_target_mwh, round(s.turn_up_coverage, 12) AS turn_up_coverage, s.turn_up_estimate_gbp,
       s.cost_with_turn_up_estimate_gbp, s.co2_ccgt_t, s.co2_known_t, s.co2_known_mwh,
       round(s.co2_known_share, 12) AS co2_known_share,
       s.wind_generation_mwh, s.wind_onshore_mwh, s.wind_offshore_mwh,
       round(s.curtailed_share, 12) AS curtailed_share,
       round(s.all_bids_mwh / nullif(s.wind_generation_mwh + s.all_bids_mwh, 0), 12) AS all_bids_share,
       s.record_count, s.so_record_count, s.bmu_count,
       CASE WHEN d.is_stored THEN CAST(coalesce(u.so_bmu_count, 0) AS integer) END AS so_bmu_count,
       d.periods_expected, d.periods_present, d.coverage, d.day_state, d.status, d.is_final, d.is_synthetic
FROM analytics.settlement_days AS d
LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = d.settlement_date
LEFT JOIN LATERAL (
    SELECT sum(p.all_bids_paid_gbp) AS all_bids_paid_gbp, sum(p.all_bids_refunded_gbp) AS all_bids_refunded_gbp,
           sum(p.all_bids_unpriced_mwh) AS all_bids_unpriced_mwh,
           count(*) FILTER (WHERE p.so_record_count > 0) AS so_bmu_count
    FROM minerecon.unit_daily_summaries AS p WHERE p.settlement_date = d.settlement_date
) AS u ON true;

COMMENT ON VIEW analytics.curtailment_by_day IS
'Grain: settlement_date. Curtailment of every day in settlement_days, on both bases: daily_summaries, with the days that are missing. A day that is missing or unavailable is NULL, with coverage 0.';

SELECT pg_temp.make_for_each_grain($views$
CREATE VIEW analytics.curtailment_by_{grain} AS
SELECT m.{key},
       sum(d.curtailed_mwh) AS curtailed_mwh, sum(d.paid_gbp) AS paid_gbp, sum(d.refunded_gbp) AS refunded_gbp,
       sum(d.payment_gbp) AS payment_gbp, sum(d.unpriced_mwh) AS unpriced_mwh,
       round(sum(d.payment_gbp) / nullif(sum(d.curtailed_mwh - d.unpriced_mwh), 0), 12) AS payment_gbp_per_mwh,
       sum(d.all_bids_mwh) AS all_bids_mwh, sum(d.all_bids_paid_gbp) AS all_bids_paid_gbp,
       sum(d.all_bids_refunded_gbp) AS all_bids_refunded_gbp, sum(d.all_bids_payment_gbp) AS all_bids_payment_gbp,
       sum(d.all_bids_unpriced_mwh) AS all_bids_unpriced_mwh,
       round(sum(d.all_bids_payment_gbp) / nullif(sum(d.all_bids_mwh - d.all_bids_unpriced_mwh), 0), 12)
           AS all_bids_payment_gbp_per_mwh,
       -- Of the days that have it, which are counted.
       sum(d.turn_up_mwh) AS turn_up_mwh, sum(d.turn_up_target_mwh) AS turn_up_target_mwh,
       round(sum(d.turn_up_mwh) / nullif(sum(d.turn_up_target_mwh), 0), 12) AS turn_up_coverage,
       sum(d.turn_up_estimate_gbp) AS turn_up_estimate_gbp,
       sum(d.cost_with_turn_up_estimate_gbp) AS cost_with_turn_up_estimate_gbp,
       CAST(count(d.turn_up_mwh) AS integer) AS turn_up_days,
       sum(d.co2_ccgt_t) AS co2_ccgt_t, sum(d.co2_known_t) AS co2_known_t, sum(d.co2_known_mwh) AS co2_known_mwh,
       round(sum(d.co2_known_mwh) / nullif(sum(d.turn_up_mwh), 0), 12) AS co2_known_share,
       CAST(count(d.co2_ccgt_t) AS integer) AS co2_days,
       -- Of all the days that are there or not at all, as in {grain}ly_summaries.
       CASE WHEN count(d.wind_generation_mwh) = m.days_present THEN sum(d.wind_generation_mwh) END AS wind_generation_mwh,
       CASE WHEN count(d.wind_generation_mwh) = m.days_present
            THEN round(sum(d.curtailed_mwh) / nullif(sum(d.wind_generation_mwh + d.curtailed_mwh), 0), 12)
            END AS curtailed_share,
       CASE WHEN count(d.wind_generation_mwh) = m.days_present
            THEN round(sum(d.all_bids_mwh) / nullif(sum(d.wind_generation_mwh + d.all_bids_mwh), 0), 12)
            END AS all_bids_share,
       sum(d.record_count) AS record_count, sum(d.so_record_count) AS so_record_count,
       m.days_expected, m.days_present, m.days_final, m.days_unavailable, m.days_incomplete, m.coverage, m.is_complete, m.status,
       m.is_synthetic
FROM analytics.settlement_{grain}s AS m
JOIN analytics.curtailment_by_day AS d ON {of_day} = m.{key}
GROUP BY m.{key}, m.days_expected, m.days_present, m.days_final, m.days_unavailable, m.days_incomplete, m.coverage, m.is_complete,
         m.status, m.is_synthetic;

COMMENT ON VIEW analytics.curtailment_by_{grain} IS
'Grain: {key}. Curtailment of every {grain} in settlement_{grain}s: the sums of the days that are there, on both bases, and how many of them there are. Made when it is read, so never older than its days.';
$views$);

CREATE VIEW analytics.curtailment_by_unit_day AS
WITH versions AS MATERIALIZED (
    -- The first version covers all days before; each ends where the next begins.
    SELECT bmu_id, name, lead_party_name, fuel_type, gsp_group_id, above_b6, above_b4,
           CASE WHEN lag(valid_from) OVER of_unit IS NULL THEN CAST('-infinity' AS date) ELSE valid_from END AS first_day,
           coalesce(lead(valid_from) OVER of_unit, CAST('infinity' AS date)) AS next_day,
           coalesce(valid_to, CAST('infinity' AS date)) AS gone_from
    FROM minerecon.bm_units
    WHERE bmu_id IN (SELECT bmu_id FROM minerecon.bm_units WHERE fuel_type = 'WIND')
    WINDOW of_unit AS (PARTITION BY bmu_id ORDER BY valid_from)
)
SELECT d.settlement_date, x.bmu_id, d.year_month, v.name AS unit_name,
       coalesce(x.lead_party_name, '(not in the register)') AS lead_party_name,
       coalesce(f.farm_name, minerecon.wind_farm_stem(x.bmu_id, NULL)) AS farm_name,
       coalesce(v.gsp_group_id, 'unknown') AS zone, v.above_b6, v.above_b4,
       x.curtailed_mwh, x.paid_gbp, x.refunded_gbp, x.payment_gbp, x.unpriced_mwh,
       round(x.payment_gbp / nullif(x.curtailed_mwh - x.unpriced_mwh, 0), 12) AS payment_gbp_per_mwh,
       round(x.curtailed_mwh / nullif(s.curtailed_mwh, 0), 12) AS share_of_curtailed,
       x.all_bids_mwh, x.all_bids_paid_gbp, x.all_bids_refunded_gbp, x.all_bids_payment_gbp, x.all_bids_unpriced_mwh,
       round(x.all_bids_payment_gbp / nullif(x.all_bids_mwh - x.all_bids_unpriced_mwh, 0), 12)
           AS all_bids_payment_gbp_per_mwh,
       round(x.all_bids_mwh / nullif(s.all_bids_mwh, 0), 12) AS share_of_all_bids,
       x.record_count, x.so_record_count, x.period_count, x.so_period_count,
       n.potential_mwh, round(n.periods_with_pn / CAST(d.periods_expected AS numeric), 12) AS potential_coverage,
       round(x.curtailed_mwh / nullif(n.potential_mwh, 0), 12) AS curtailed_share_of_potential,
       round(-(n.bids_mwh + n.taken_back_mwh) / nullif(n.potential_mwh, 0), 12) AS all_bids_net_share_of_potential,
       m.metered_mwh, m.run_type AS metered_run,
       round(x.all_bids_mwh / nullif(m.metered_mwh + x.all_bids_mwh, 0), 12) AS share_of_metered,
       CASE WHEN d.day_state <> 'incomplete'
            THEN round(m.metered_mwh / nullif(n.instructed_mwh, 0), 12) END AS delivered_against_instructed,
       d.coverage, d.day_state, d.status, d.is_final, d.is_synthetic
FROM analytics.settlement_days AS d
-- Day by day, so that a range of days reads the rows of these days alone.
CROSS JOIN LATERAL (
    SELECT u.bmu_id, u.lead_party_name, u.curtailed_mwh, u.paid_gbp, u.refunded_gbp, u.payment_gbp, u.unpriced_mwh,
           u.all_bids_mwh, u.all_bids_paid_gbp, u.all_bids_refunded_gbp, u.all_bids_payment_gbp,
           u.all_bids_unpriced_mwh, u.record_count, u.so_record_count, u.period_count, u.so_period_count
    FROM minerecon.unit_daily_summaries AS u WHERE u.settlement_date = d.settlement_date
    UNION ALL
    SELECT w.bmu_id, w.lead_party_name, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM versions AS w
    WHERE NOT d.is_stored AND w.fuel_type = 'WIND'
      AND d.settlement_date >= w.first_day AND d.settlement_date < least(w.next_day, w.gone_from)
) AS x
LEFT JOIN versions AS v
    ON v.bmu_id = x.bmu_id AND d.settlement_date >= v.first_day AND d.settlement_date < v.next_day
LEFT JOIN analytics.wind_farms AS f ON f.bmu_id = x.bmu_id
LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = d.settlement_date
LEFT JOIN minerecon.unit_daily_potential AS n ON n.settlement_date = d.settlement_date AND n.bmu_id = x.bmu_id
LEFT JOIN LATERAL (
    -- Of several runs the highest counts that has the whole day.
    SELECT q.metered_mwh, q.run_type FROM minerecon.unit_daily_metered AS q
    WHERE q.settlement_date = d.settlement_date AND q.bmu_id = x.bmu_id AND q.metered_mwh IS NOT NULL
    ORDER BY q.run_rank DESC, q.run_type LIMIT 1
) AS m ON true;

COMMENT ON VIEW analytics.curtailment_by_unit_day IS
'Grain: settlement_date, bmu_id. Curtailment per wind unit and day, of the units with an accepted bid; of a stored day, a unit without a row had none. Of a missing day every wind unit then in force has a row, with NULL and coverage 0.';

-- Units together as farms, by day, month and year: once as a view, of all farms, and once as a function, which looks up the
-- units of one farm before it reads a day. A view cannot: the name of a farm is known only once the rows are there.
-- A farm's notified potential and metered output are of all its units in force, with or without a bid; its other figures
-- are of its accepted bids, and it has a row where it has one.
DO $make$
DECLARE
    versions text := $versions$
WITH versions AS MATERIALIZED (
    -- The first version covers all days before; each ends where the next begins.
    SELECT bmu_id, lead_party_name, fuel_type, coalesce(gsp_group_id, 'unknown') AS zone, above_b6,
           CASE WHEN lag(valid_from) OVER of_unit IS NULL THEN CAST('-infinity' AS date) ELSE valid_from END AS first_day,
           coalesce(lead(valid_from) OVER of_unit, CAST('infinity' AS date)) AS next_day,
           coalesce(valid_to, CAST('infinity' AS date)) AS gone_from
    FROM minerecon.bm_units AS a
    WHERE {units} AND bmu_id IN (SELECT bmu_id FROM minerecon.bm_units WHERE fuel_type = 'WIND')
    WINDOW of_unit AS (PARTITION BY bmu_id ORDER BY valid_from)
), farms AS MATERIALIZED (
    SELECT bmu_id, farm_name FROM analytics.wind_farms
)$versions$;
    -- A unit on a day: what was accepted, notified and metered, each of which may be missing. {span} says of which days,
    -- {units} of which units, as conditions on a; {in_force} has the units in force of days that have notifications, a row
    -- even if it has none of all that.
    unit_days text := $unit_days$
        SELECT coalesce(s.settlement_date, p.settlement_date, q.settlement_date) AS settlement_date,
               coalesce(s.bmu_id, p.bmu_id, q.bmu_id) AS bmu_id,
               s.lead_party_name, s.curtailed_mwh, s.paid_gbp, s.refunded_gbp, s.payment_gbp, s.unpriced_mwh, s.all_bids_mwh,
               s.all_bids_paid_gbp, s.all_bids_refunded_gbp, s.all_bids_payment_gbp, s.all_bids_unpriced_mwh,
               s.record_count, s.so_record_count,
               p.potential_mwh, p.bids_mwh, p.taken_back_mwh, p.instructed_mwh, p.periods_with_pn,
               q.metered_mwh, q.run_type
        FROM (
            SELECT a.settlement_date, a.bmu_id, a.lead_party_name, a.curtailed_mwh, a.paid_gbp, a.refunded_gbp, a.payment_gbp,
                   a.unpriced_mwh, a.all_bids_mwh, a.all_bids_paid_gbp, a.all_bids_refunded_gbp, a.all_bids_payment_gbp,
                   a.all_bids_unpriced_mwh, a.record_count, a.so_record_count
            FROM minerecon.unit_daily_summaries AS a WHERE {span} AND {units}
        ) AS s
        FULL JOIN (
            SELECT a.settlement_date, a.bmu_id, a.potential_mwh, a.bids_mwh, a.taken_back_mwh, a.instructed_mwh,
                   a.periods_with_pn
            FROM minerecon.unit_daily_potential AS a WHERE {span} AND {units}
        ) AS p
            ON p.settlement_date = s.settlement_date AND p.bmu_id = s.bmu_id
        FULL JOIN (
            -- Of several runs the highest counts that has the whole day.
            SELECT DISTINCT ON (a.settlement_date, a.bmu_id) a.settlement_date, a.bmu_id, a.metered_mwh, a.run_type
            FROM minerecon.unit_daily_metered AS a
            WHERE {span} AND {units} AND a.metered_mwh IS NOT NULL
            ORDER BY a.settlement_date, a.bmu_id, a.run_rank DESC, a.run_type
        ) AS q
            ON q.settlement_date = coalesce(s.settlement_date, p.settlement_date) AND q.bmu_id = coalesce(s.bmu_id, p.bmu_id)
        UNION ALL
        SELECT n.settlement_date, n.bmu_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
               NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM ({in_force}) AS n
        WHERE NOT EXISTS (
                  SELECT FROM minerecon.unit_daily_potential AS a
                  WHERE {span} AND a.settlement_date = n.settlement_date AND a.bmu_id = n.bmu_id
              )
          AND NOT EXISTS (
                  SELECT FROM minerecon.unit_daily_summaries AS a
                  WHERE {span} AND a.settlement_date = n.settlement_date AND a.bmu_id = n.bmu_id
              )
          AND NOT EXISTS (
                  SELECT FROM minerecon.unit_daily_metered AS a
                  WHERE {span} AND a.settlement_date = n.settlement_date AND a.bmu_id = n.bmu_id
                    AND a.metered_mwh IS NOT NULL
              )
    $unit_days$;
    -- Of rows u of these.
    sums text := $sums$
           sum(u.curtailed_mwh) AS curtailed_mwh, sum(u.paid_gbp) AS paid_gbp, sum(u.refunded_gbp) AS refunded_gbp,
           sum(u.payment_gbp) AS payment_gbp, sum(u.unpriced_mwh) AS unpriced_mwh, sum(u.all_bids_mwh) AS all_bids_mwh,
           sum(u.all_bids_paid_gbp) AS all_bids_paid_gbp, sum(u.all_bids_refunded_gbp) AS all_bids_refunded_gbp,
           sum(u.all_bids_payment_gbp) AS all_bids_payment_gbp,
           sum(u.all_bids_unpriced_mwh) AS all_bids_unpriced_mwh,
           sum(u.record_count) AS record_count, sum(u.so_record_count) AS so_record_count,
           sum(u.potential_mwh) AS potential_mwh,
           sum(coalesce(u.curtailed_mwh, 0)) FILTER (WHERE u.potential_mwh IS NOT NULL) AS curtailed_of_potential_mwh,
           sum(-(u.bids_mwh + u.taken_back_mwh)) FILTER (WHERE u.potential_mwh IS NOT NULL)
               AS all_bids_net_of_potential_mwh,
           count(*) FILTER (WHERE u.potential_mwh IS NOT NULL AND u.taken_back_mwh IS NULL) AS net_unknown_count,
           sum(u.instructed_mwh) AS instructed_mwh, sum(u.metered_mwh) AS metered_mwh,
           string_agg(DISTINCT u.run_type, ', ' ORDER BY u.run_type) AS metered_runs,
           sum(coalesce(u.all_bids_mwh, 0)) FILTER (WHERE u.metered_mwh IS NOT NULL) AS metered_bids_mwh,
           -- Of a day that is not whole the bids that are missing would be in what was instructed.
           sum(u.metered_mwh) FILTER (WHERE u.instructed_mwh IS NOT NULL AND y.is_whole) AS delivered_mwh,
           sum(u.instructed_mwh) FILTER (WHERE u.metered_mwh IS NOT NULL AND y.is_whole) AS delivered_of_mwh,
           coalesce(sum(u.periods_with_pn), 0) / nullif(CAST(
               sum(y.periods_expected) FILTER (WHERE y.has_potential) AS numeric), 0) AS potential_coverage
    $sums$;
    -- A share is of the unit-days whose potential is known, on both of its sides; and it is NULL where, on the days that
    -- have notifications, more than 1 % of the unit-periods have none.
    shares text := $shares$
       x.potential_mwh, coalesce(round(x.potential_coverage, 12), 0) AS potential_coverage,
       x.curtailed_of_potential_mwh,
       CASE WHEN minerecon.potential_is_covered(x.potential_coverage)
            THEN round(x.curtailed_of_potential_mwh / nullif(x.potential_mwh, 0), 12) END AS curtailed_share_of_potential,
       CASE WHEN x.net_unknown_count = 0 THEN x.all_bids_net_of_potential_mwh END AS all_bids_net_of_potential_mwh,
       CASE WHEN minerecon.potential_is_covered(x.potential_coverage) AND x.net_unknown_count = 0
            THEN round(x.all_bids_net_of_potential_mwh / nullif(x.potential_mwh, 0), 12) END
           AS all_bids_net_share_of_potential,
       x.instructed_mwh, x.metered_mwh, x.metered_runs,
       round(x.metered_bids_mwh / nullif(x.metered_mwh + x.metered_bids_mwh, 0), 12) AS share_of_metered,
       round(x.delivered_mwh / nullif(x.delivered_of_mwh, 0), 12) AS delivered_against_instructed,
    $shares$;
    of_units text := $of_units$
SELECT x.settlement_date, x.farm_name, x.year_month, x.lead_party_names, x.zone, x.above_b6, x.bmu_count,
       x.curtailed_mwh, x.paid_gbp, x.refunded_gbp, x.payment_gbp, x.unpriced_mwh,
       round(x.payment_gbp / nullif(x.curtailed_mwh - x.unpriced_mwh, 0), 12) AS payment_gbp_per_mwh,
       round(x.curtailed_mwh / nullif(t.curtailed_mwh, 0), 12) AS share_of_curtailed,
       x.all_bids_mwh, x.all_bids_paid_gbp, x.all_bids_refunded_gbp, x.all_bids_payment_gbp, x.all_bids_unpriced_mwh,
       round(x.all_bids_payment_gbp / nullif(x.all_bids_mwh - x.all_bids_unpriced_mwh, 0), 12)
           AS all_bids_payment_gbp_per_mwh,
       round(x.all_bids_mwh / nullif(t.all_bids_mwh, 0), 12) AS share_of_all_bids,
       x.record_count, x.so_record_count, {shares}
       x.coverage, x.day_state, x.status, x.is_final, x.is_synthetic
FROM (
    SELECT y.settlement_date, coalesce(f.farm_name, minerecon.wind_farm_stem(u.bmu_id, NULL)) AS farm_name, y.year_month,
           string_agg(DISTINCT party.name, '; ' ORDER BY party.name) FILTER (WHERE is_counted) AS lead_party_names,
           string_agg(DISTINCT coalesce(v.zone, 'unknown'), '; ' ORDER BY coalesce(v.zone, 'unknown'))
               FILTER (WHERE is_counted) AS zone,
           CASE WHEN count(v.above_b6) FILTER (WHERE is_counted) = count(*) FILTER (WHERE is_counted)
                 AND bool_and(v.above_b6) FILTER (WHERE is_counted) = bool_or(v.above_b6) FILTER (WHERE is_counted)
                THEN bool_or(v.above_b6) FILTER (WHERE is_counted) END AS above_b6,
           CAST(count(u.record_count) AS integer) AS bmu_count, {sums},
           y.is_stored, y.coverage, y.day_state, y.status, y.is_final, y.is_synthetic
    FROM (
        SELECT d.settlement_date, d.year_month, d.is_stored, d.periods_expected, d.coverage, d.day_state, d.status,
               d.is_final, d.is_synthetic, d.day_state <> 'incomplete' AS is_whole, h.has_potential
        FROM analytics.settlement_days AS d
        CROSS JOIN LATERAL (
            SELECT d.is_stored AND EXISTS (
                SELECT FROM minerecon.period_potential AS n WHERE n.settlement_date = d.settlement_date
            ) AS has_potential
            OFFSET 0
        ) AS h
        WHERE {days}
    ) AS y
    -- Day by day, so that a range of days reads the rows of these days alone.
    CROSS JOIN LATERAL ({unit_days}) AS u
    LEFT JOIN versions AS v
        ON v.bmu_id = u.bmu_id AND y.settlement_date >= v.first_day AND y.settlement_date < v.next_day
    LEFT JOIN farms AS f ON f.bmu_id = u.bmu_id
    CROSS JOIN LATERAL (
        SELECT u.record_count IS NOT NULL OR NOT y.is_stored AS is_counted,
               coalesce(CASE WHEN y.is_stored THEN u.lead_party_name ELSE v.lead_party_name END, '(not in the register)')
                   AS name
    ) AS party
    GROUP BY y.settlement_date, 2, y.year_month, y.is_stored, y.coverage, y.day_state, y.status, y.is_final, y.is_synthetic
    HAVING count(u.record_count) > 0 OR NOT y.is_stored
) AS x
LEFT JOIN minerecon.daily_summaries AS t ON t.summary_date = x.settlement_date
$of_units$;
    of_span text := $of_span$
SELECT m.{key}, x.farm_name, x.lead_party_names, x.bmu_count, x.day_count,
       x.curtailed_mwh, x.paid_gbp, x.refunded_gbp, x.payment_gbp, x.unpriced_mwh,
       round(x.payment_gbp / nullif(x.curtailed_mwh - x.unpriced_mwh, 0), 12) AS payment_gbp_per_mwh,
       round(x.curtailed_mwh / nullif(t.curtailed_mwh, 0), 12) AS share_of_curtailed,
       x.all_bids_mwh, x.all_bids_paid_gbp, x.all_bids_refunded_gbp, x.all_bids_payment_gbp, x.all_bids_unpriced_mwh,
       round(x.all_bids_payment_gbp / nullif(x.all_bids_mwh - x.all_bids_unpriced_mwh, 0), 12)
           AS all_bids_payment_gbp_per_mwh,
       round(x.all_bids_mwh / nullif(t.all_bids_mwh, 0), 12) AS share_of_all_bids,
       x.record_count, x.so_record_count, {shares}
       x.potential_days, x.metered_days,
       m.days_expected, m.days_present, m.days_final, m.days_unavailable, m.days_incomplete, m.coverage, m.is_complete, m.status,
       m.is_synthetic
FROM analytics.settlement_{grain}s AS m
CROSS JOIN LATERAL (
    SELECT b.first_day, CAST(b.first_day + interval '1 {grain}' AS date) AS next_first FROM (SELECT {first_day} AS first_day) AS b
) AS r
CROSS JOIN LATERAL (
    SELECT sum(z.curtailed_mwh) AS curtailed_mwh, sum(z.all_bids_mwh) AS all_bids_mwh
    FROM minerecon.daily_summaries AS z WHERE z.summary_date >= r.first_day AND z.summary_date < r.next_first
) AS t
CROSS JOIN LATERAL (
    SELECT coalesce(f.farm_name, minerecon.wind_farm_stem(u.bmu_id, NULL)) AS farm_name,
           string_agg(DISTINCT g.party, '; ' ORDER BY g.party) AS lead_party_names,
           CASE WHEN m.days_present > 0 THEN count(DISTINCT u.bmu_id) FILTER (WHERE u.record_count IS NOT NULL) END AS bmu_count,
           CASE WHEN m.days_present > 0 THEN count(DISTINCT u.settlement_date) FILTER (WHERE u.record_count IS NOT NULL) END AS day_count, {sums},
           CAST(count(DISTINCT u.settlement_date) FILTER (WHERE u.periods_with_pn > 0) AS integer) AS potential_days,
           CAST(count(DISTINCT u.settlement_date) FILTER (WHERE u.metered_mwh IS NOT NULL) AS integer) AS metered_days
    FROM ({unit_days}) AS u
    LEFT JOIN (
        SELECT z.summary_date AS settlement_date, z.periods_expected,
               z.state <> 'incomplete' AND NOT EXISTS (
                   SELECT FROM minerecon.unproven_periods() AS n WHERE n.settlement_date = z.summary_date
               ) AS is_whole,
               EXISTS (
                   SELECT FROM minerecon.period_potential AS h WHERE h.settlement_date = z.summary_date
               ) AS has_potential
        FROM minerecon.daily_summaries AS z WHERE z.summary_date >= r.first_day AND z.summary_date < r.next_first
    ) AS y ON y.settlement_date = u.settlement_date
    LEFT JOIN farms AS f ON f.bmu_id = u.bmu_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN u.record_count IS NOT NULL THEN coalesce(u.lead_party_name, '(not in the register)') END AS party
    ) AS g
    -- Of a day that is not stored nothing is known, whatever was notified of it.
    WHERE y.settlement_date IS NOT NULL OR u.settlement_date IS NULL
    GROUP BY 1
    HAVING count(u.record_count) > 0 OR m.days_present = 0
) AS x
$of_span$;
    in_force_of_day text := $in_force$
            SELECT y.settlement_date, a.bmu_id FROM versions AS a
            WHERE a.fuel_type = 'WIND' AND y.settlement_date >= a.first_day
              AND y.settlement_date < least(a.next_day, a.gone_from) AND (y.has_potential OR NOT y.is_stored) AND {units}
    $in_force$;
    in_force_of_span text := $in_force$
            SELECT h.settlement_date, a.bmu_id
            FROM (
                SELECT z.summary_date AS settlement_date FROM minerecon.daily_summaries AS z
                WHERE z.summary_date >= r.first_day AND z.summary_date < r.next_first AND EXISTS (
                    SELECT FROM minerecon.period_potential AS n WHERE n.settlement_date = z.summary_date
                )
            ) AS h
            JOIN versions AS a ON h.settlement_date >= a.first_day AND h.settlement_date < least(a.next_day, a.gone_from)
            WHERE a.fuel_type = 'WIND' AND {units}
            -- Of a {grain} without any stored day.
            UNION ALL
            SELECT NULL, a.bmu_id FROM versions AS a
            WHERE m.days_present = 0 AND a.fuel_type = 'WIND' AND a.next_day = 'infinity' AND a.gone_from = 'infinity' AND {units}
    $in_force$;
    one_farm text := $one$
CREATE FUNCTION analytics.%I(farm_name text, %s)
RETURNS SETOF analytics.%I LANGUAGE plpgsql STABLE
AS $body$
#variable_conflict use_column
DECLARE
    units text[];
BEGIN
    SELECT array_agg(f.bmu_id) INTO units FROM analytics.wind_farms AS f WHERE f.farm_name = %I.farm_name;
    IF units IS NULL THEN
        RAISE EXCEPTION 'there is no wind farm %%', coalesce(%I.farm_name, 'NULL')
            USING HINT = 'SELECT DISTINCT farm_name FROM analytics.wind_farms lists them.', ERRCODE = '22023';
    END IF;
    RETURN QUERY %s;
END $body$
    $one$;
    g record;
    named text;
BEGIN
    of_units := replace(versions || of_units, '{unit_days}', replace(
        replace(unit_days, '{in_force}', in_force_of_day), '{span}', 'y.is_stored AND a.settlement_date = y.settlement_date'));
    of_units := replace(replace(of_units, '{shares}', shares), '{sums}', sums);
    of_span := replace(versions || of_span, '{unit_days}', replace(
        replace(unit_days, '{in_force}', in_force_of_span), '{span}',
        'a.settlement_date >= r.first_day AND a.settlement_date < r.next_first'));
    of_span := replace(replace(of_span, '{shares}', shares), '{sums}', sums);
    EXECUTE 'CREATE VIEW analytics.curtailment_by_farm_day AS '
        || replace(replace(of_units, '{days}', 'true'), '{units}', 'true');
    EXECUTE format(one_farm, 'curtailment_of_farm', 'from_date date, to_date date', 'curtailment_by_farm_day',
                   'curtailment_of_farm', 'curtailment_of_farm',
                   replace(replace(of_units, '{units}', 'a.bmu_id = ANY (units)'), '{days}',
                           'd.settlement_date BETWEEN curtailment_of_farm.from_date AND curtailment_of_farm.to_date')
                   || ' ORDER BY 1');
    FOR g IN SELECT c.*, CASE c.grain WHEN 'month' THEN 'text' ELSE 'integer' END AS type,
                    CASE c.grain WHEN 'month' THEN 'to_date(m.year_month, ''YYYY-MM'')'
                                 ELSE 'make_date(m.year, 1, 1)' END AS first_of_row
             FROM calendar_grain AS c LOOP
        named := replace(replace(replace(of_span, '{grain}', g.grain), '{key}', g.key), '{first_day}', g.first_of_row);
        EXECUTE format('CREATE VIEW analytics.curtailment_by_farm_%s AS %s', g.grain, replace(named, '{units}', 'true'));
        EXECUTE format(one_farm, format('curtailment_of_farm_by_%s', g.grain),
                       format('from_%1$s %2$s, to_%1$s %2$s', g.grain, g.type), format('curtailment_by_farm_%s', g.grain),
                       format('curtailment_of_farm_by_%s', g.grain), format('curtailment_of_farm_by_%s', g.grain),
                       replace(named, '{units}', 'a.bmu_id = ANY (units)')
                       || format(' WHERE m.%1$s BETWEEN from_%2$s AND to_%2$s ORDER BY 1', g.key, g.grain));
    END LOOP;
END $make$;

COMMENT ON VIEW analytics.curtailment_by_farm_day IS
'Grain: settlement_date, farm_name. Curtailment per wind farm and day: its units (wind_farms) together; beside it the notified potential (PN) and metered output of all its units in force. Of a stored day, a farm without a row had no accepted bid; of a missing day every farm has a row, with NULL and coverage 0. Of one farm over a long time, ask analytics.curtailment_of_farm.';
COMMENT ON FUNCTION analytics.curtailment_of_farm(text, date, date) IS
'Grain: settlement_date. The rows of analytics.curtailment_by_farm_day of one wind farm (farm_name of analytics.wind_farms) over settlement dates, oldest first: quicker than the view for a long time, since the units of the farm are looked up first.';
COMMENT ON VIEW analytics.curtailment_by_farm_month IS
'Grain: year_month, farm_name. Curtailment per wind farm and month: its units (wind_farms) together; beside it the notified potential (PN) and metered output of all its units in force, on days with a bid or without. Of a month with some days there, a farm without a row had no accepted bid on them; of a wholly missing month every farm in force has a row, with NULL and coverage 0. Of one farm, ask analytics.curtailment_of_farm_by_month.';
COMMENT ON FUNCTION analytics.curtailment_of_farm_by_month(text, text, text) IS
'Grain: year_month. The rows of analytics.curtailment_by_farm_month of one wind farm over months, oldest first: quicker than the view, since the units of the farm are looked up first.';
COMMENT ON VIEW analytics.curtailment_by_farm_year IS
'Grain: year, farm_name. Curtailment per wind farm and year: its units (wind_farms) together; beside it the notified potential (PN) and metered output of all its units in force, on days with a bid or without. Of a year with some days there, a farm without a row had no accepted bid on them. Of one farm, ask analytics.curtailment_of_farm_by_year.';
COMMENT ON FUNCTION analytics.curtailment_of_farm_by_year(text, integer, integer) IS
'Grain: year. The rows of analytics.curtailment_by_farm_year of one wind farm over years, oldest first: quicker than the view, since the units of the farm are looked up first.';

CREATE VIEW analytics.curtailment_by_zone_day AS
SELECT u.settlement_date, u.zone, u.year_month, u.above_b6, u.above_b4,
       CAST(count(u.record_count) AS integer) AS bmu_count,
       sum(u.curtailed_mwh) AS curtailed_mwh, sum(u.paid_gbp) AS paid_gbp, sum(u.refunded_gbp) AS refunded_gbp,
       sum(u.payment_gbp) AS payment_gbp, sum(u.unpriced_mwh) AS unpriced_mwh,
       round(sum(u.payment_gbp) / nullif(sum(u.curtailed_mwh) - sum(u.unpriced_mwh), 0), 12) AS payment_gbp_per_mwh,
       round(sum(u.curtailed_mwh) / nullif(t.curtailed_mwh, 0), 12) AS share_of_curtailed,
       sum(u.all_bids_mwh) AS all_bids_mwh, sum(u.all_bids_paid_gbp) AS all_bids_paid_gbp,
       sum(u.all_bids_refunded_gbp) AS all_bids_refunded_gbp, sum(u.all_bids_payment_gbp) AS all_bids_payment_gbp,
       sum(u.all_bids_unpriced_mwh) AS all_bids_unpriced_mwh,
       round(sum(u.all_bids_payment_gbp) / nullif(sum(u.all_bids_mwh) - sum(u.all_bids_unpriced_mwh), 0), 12)
           AS all_bids_payment_gbp_per_mwh,
       round(sum(u.all_bids_mwh) / nullif(t.all_bids_mwh, 0), 12) AS share_of_all_bids,
       sum(u.record_count) AS record_count, sum(u.so_record_count) AS so_record_count,
       u.coverage, u.day_state, u.status, u.is_final, u.is_synthetic
FROM analytics.curtailment_by_unit_day AS u
LEFT JOIN minerecon.daily_summaries AS t ON t.summary_date = u.settlement_date
GROUP BY u.settlement_date, u.zone, u.year_month, u.above_b6, u.above_b4, t.curtailed_mwh, t.all_bids_mwh,
         u.coverage, u.day_state, u.status, u.is_final, u.is_synthetic;

COMMENT ON VIEW analytics.curtailment_by_zone_day IS
'Grain: settlement_date, zone. Curtailment per zone (GSP group) and day, by the zone that each unit was in on the day. Of a stored day, a zone without a row had no accepted wind bid; of a missing day every zone with wind has a row, with NULL and coverage 0.';

-- Lead parties and zones by month are made alike: key_name is the column of their name, key what names the row u of a
-- unit and day, with what it has to be joined, and in_force those that there are now; also: columns beside it.
CREATE OR REPLACE FUNCTION pg_temp.make_by_month(
    view_name text, key_name text, also text, key text, joined text, in_force text
) RETURNS void LANGUAGE plpgsql AS $make$
BEGIN
    EXECUTE format($view$
CREATE VIEW analytics.%1$I AS
SELECT m.year_month, x.%2$I, %3$s x.bmu_count, x.day_count,
       x.curtailed_mwh, x.paid_gbp, x.refunded_gbp, x.payment_gbp, x.unpriced_mwh,
       round(x.payment_gbp / nullif(x.curtailed_mwh - x.unpriced_mwh, 0), 12) AS payment_gbp_per_mwh,
       round(x.curtailed_mwh / nullif(x.month_curtailed_mwh, 0), 12) AS share_of_curtailed,
       x.all_bids_mwh, x.all_bids_paid_gbp, x.all_bids_refunded_gbp, x.all_bids_payment_gbp, x.all_bids_unpriced_mwh,
       round(x.all_bids_payment_gbp / nullif(x.all_bids_mwh - x.all_bids_unpriced_mwh, 0), 12)
           AS all_bids_payment_gbp_per_mwh,
       round(x.all_bids_mwh / nullif(x.month_all_bids_mwh, 0), 12) AS share_of_all_bids,
       x.record_count, x.so_record_count,
       m.days_expected, m.days_present, m.days_final, m.days_unavailable, m.days_incomplete, m.coverage, m.is_complete, m.status,
       m.is_synthetic
FROM analytics.settlement_months AS m
CROSS JOIN LATERAL (
    SELECT to_date(m.year_month, 'YYYY-MM') AS first_day,
           CAST(to_date(m.year_month, 'YYYY-MM') + interval '1 month' AS date) AS next_month
) AS f
CROSS JOIN LATERAL (
    SELECT %4$s AS %2$I,
           count(DISTINCT u.bmu_id) AS bmu_count, count(DISTINCT u.settlement_date) AS day_count,
           sum(u.curtailed_mwh) AS curtailed_mwh, sum(u.paid_gbp) AS paid_gbp, sum(u.refunded_gbp) AS refunded_gbp,
           sum(u.payment_gbp) AS payment_gbp, sum(u.unpriced_mwh) AS unpriced_mwh, sum(u.all_bids_mwh) AS all_bids_mwh,
           sum(u.all_bids_paid_gbp) AS all_bids_paid_gbp, sum(u.all_bids_refunded_gbp) AS all_bids_refunded_gbp,
           sum(u.all_bids_payment_gbp) AS all_bids_payment_gbp,
           sum(u.all_bids_unpriced_mwh) AS all_bids_unpriced_mwh,
           sum(u.record_count) AS record_count, sum(u.so_record_count) AS so_record_count,
           sum(sum(u.curtailed_mwh)) OVER () AS month_curtailed_mwh,
           sum(sum(u.all_bids_mwh)) OVER () AS month_all_bids_mwh
    FROM (
        SELECT d.*, coalesce(d.lead_party_name, '(not in the register)') AS party
        FROM minerecon.unit_daily_summaries AS d
        WHERE d.settlement_date >= f.first_day AND d.settlement_date < f.next_month
    ) AS u
    %5$s
    GROUP BY 1
    UNION ALL
    -- Of a month without any stored day.
    SELECT n.name, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM (%6$s) AS n (name) WHERE m.days_present = 0
    GROUP BY n.name
) AS x
    $view$, view_name, key_name, also, key, joined, in_force);
END $make$;

SELECT pg_temp.make_by_month(
    'curtailment_by_lead_party_month', 'lead_party_name', '', 'u.party', '',
    $$SELECT coalesce(lead_party_name, '(not in the register)') FROM minerecon.bm_units
      WHERE fuel_type = 'WIND' AND valid_to IS NULL$$
);

COMMENT ON VIEW analytics.curtailment_by_lead_party_month IS
'Grain: year_month, lead_party_name. Curtailment per lead party and month, by the party that was in force on each day. Of a month with some days there, a party without a row had no accepted bid on them; of a wholly missing month every lead party of wind has a row, with NULL and coverage 0.';

SELECT pg_temp.make_by_month(
    'curtailment_by_zone_month', 'zone',
    '(SELECT bool_or(b.above_b6) FROM minerecon.bm_units AS b WHERE b.gsp_group_id = x.zone) AS above_b6,
       (SELECT bool_or(b.above_b4) FROM minerecon.bm_units AS b WHERE b.gsp_group_id = x.zone) AS above_b4,',
    $$coalesce(v.gsp_group_id, 'unknown')$$,
    $$LEFT JOIN (
        -- The first version covers all days before; each ends where the next begins.
        SELECT bmu_id, gsp_group_id,
               CASE WHEN lag(valid_from) OVER of_unit IS NULL THEN CAST('-infinity' AS date) ELSE valid_from END
                   AS first_day,
               coalesce(lead(valid_from) OVER of_unit, CAST('infinity' AS date)) AS next_day
        FROM minerecon.bm_units
        WHERE bmu_id IN (SELECT bmu_id FROM minerecon.bm_units WHERE fuel_type = 'WIND')
        WINDOW of_unit AS (PARTITION BY bmu_id ORDER BY valid_from)
    ) AS v ON v.bmu_id = u.bmu_id AND u.settlement_date >= v.first_day AND u.settlement_date < v.next_day$$,
    $$SELECT coalesce(gsp_group_id, 'unknown') FROM minerecon.bm_units WHERE fuel_type = 'WIND' AND valid_to IS NULL$$
);

COMMENT ON VIEW analytics.curtailment_by_zone_month IS
'Grain: year_month, zone. Curtailment per zone (GSP group) and month, by the zone that each unit was in on each day. Of a month with some days there, a zone without a row had no accepted wind bid on them; of a wholly missing month every zone with wind has a row, with NULL and coverage 0.';

CREATE VIEW analytics.mining_potential_by_day AS
WITH eras AS (
    SELECT block_subsidy_btc, starts_at, lead(starts_at, 1, 'infinity') OVER (ORDER BY starts_at) AS ends_at
    FROM minerecon.block_subsidies
), days AS (
    SELECT d.settlement_date, d.year_month, d.is_stored, s.curtailed_mwh, s.paid_gbp, s.refunded_gbp, s.payment_gbp,
           s.all_bids_mwh, s.all_bids_payment_gbp, x.difficulty, first_era.block_subsidy_btc,
           last_era.block_subsidy_btc AS last_subsidy_btc, p.price_gbp, p.source AS price_source,
           d.coverage, d.day_state, d.status, d.is_final, d.is_synthetic
    FROM analytics.settlement_days AS d
    LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = d.settlement_date
    LEFT JOIN minerecon.bitcoin_difficulty AS x ON x.settlement_date = d.settlement_date
    LEFT JOIN minerecon.bitcoin_price_gbp AS p ON p.price_date = d.settlement_date
    CROSS JOIN LATERAL (
        SELECT minerecon.settlement_period_start(d.settlement_date, 1) AS first_start,
               minerecon.settlement_period_start(d.settlement_date, d.periods_expected) AS last_start
    ) AS t
    LEFT JOIN eras AS first_era ON first_era.starts_at <= t.first_start AND t.first_start < first_era.ends_at
    LEFT JOIN eras AS last_era ON last_era.starts_at <= t.last_start AND t.last_start < last_era.ends_at
), potential AS (
    SELECT d.*, m.miner_model, b.mined_btc,
           -- Bitcoin is kept per period and unit of SO-flagged energy only; that of all bids follows from the energy,
           -- by period on the day of a halving.
           CASE WHEN d.block_subsidy_btc = d.last_subsidy_btc
                THEN minerecon.mined_btc(d.all_bids_mwh, m.hashrate_ths, m.power_w, d.difficulty, d.block_subsidy_btc)
                ELSE (SELECT sum(minerecon.mined_btc(
                                 q.all_bids_mwh, m.hashrate_ths, m.power_w, d.difficulty, minerecon.block_subsidy_btc(
                                     minerecon.settlement_period_start(q.settlement_date, q.settlement_period))))
                      FROM minerecon.period_summaries AS q WHERE q.settlement_date = d.settlement_date)
           END AS all_bids_mined_btc
    FROM days AS d
    CROSS JOIN minerecon.miner_models AS m
    LEFT JOIN minerecon.bitcoin_daily_summaries AS b
        ON b.summary_date = d.settlement_date AND b.miner_model = m.miner_model
)
SELECT settlement_date, miner_model, year_month, curtailed_mwh, trim_scale(mined_btc) AS mined_btc,
       round(mined_btc / nullif(curtailed_mwh, 0), 12) AS btc_per_mwh,
       paid_gbp, refunded_gbp, payment_gbp,
       all_bids_mwh, trim_scale(all_bids_mined_btc) AS all_bids_mined_btc, round(all_bids_mined_btc / nullif(all_bids_mwh, 0), 12) AS all_bids_btc_per_mwh,
       all_bids_payment_gbp,
       difficulty, block_subsidy_btc, block_subsidy_btc IS DISTINCT FROM last_subsidy_btc AS has_halving,
       price_gbp, price_source,
       round(mined_btc * price_gbp, 12) AS value_gbp,
       round(mined_btc * price_gbp / nullif(curtailed_mwh, 0), 12) AS value_gbp_per_mwh,
       round(mined_btc * price_gbp, 12) - payment_gbp AS value_less_payment_gbp,
       round(payment_gbp / nullif(mined_btc, 0), 12) AS break_even_price_gbp,
       round(all_bids_mined_btc * price_gbp, 12) AS all_bids_value_gbp,
       round(all_bids_mined_btc * price_gbp, 12) - all_bids_payment_gbp AS all_bids_value_less_payment_gbp,
       round(all_bids_payment_gbp / nullif(all_bids_mined_btc, 0), 12) AS all_bids_break_even_price_gbp,
       coverage, day_state, status, is_final, is_synthetic
FROM potential;

COMMENT ON VIEW analytics.mining_potential_by_day IS
'Grain: settlement_date, miner_model. The Bitcoin that the curtailed energy of each day in settlement_days could have mined, its value at the day''s price, and what was paid to stop instead. Energy-limited: machines are not rounded down. A missing day, and the value of a day without a price, are NULL.';

SELECT pg_temp.make_for_each_grain($views$
CREATE VIEW analytics.mining_potential_by_{grain} AS
SELECT m.{key}, d.miner_model,
       sum(d.curtailed_mwh) AS curtailed_mwh, sum(d.mined_btc) AS mined_btc,
       round(sum(d.mined_btc) / nullif(sum(d.curtailed_mwh) FILTER (WHERE d.mined_btc IS NOT NULL), 0), 12) AS btc_per_mwh,
       sum(d.paid_gbp) AS paid_gbp, sum(d.refunded_gbp) AS refunded_gbp, sum(d.payment_gbp) AS payment_gbp,
       sum(d.all_bids_mwh) AS all_bids_mwh, sum(d.all_bids_mined_btc) AS all_bids_mined_btc,
       round(sum(d.all_bids_mined_btc) / nullif(sum(d.all_bids_mwh) FILTER (WHERE d.all_bids_mined_btc IS NOT NULL), 0), 12)
           AS all_bids_btc_per_mwh,
       sum(d.all_bids_payment_gbp) AS all_bids_payment_gbp,
       min(d.difficulty) AS lowest_difficulty, max(d.difficulty) AS highest_difficulty,
       min(d.block_subsidy_btc) AS lowest_block_subsidy_btc, bool_or(d.has_halving) AS has_halving,
       sum(d.value_gbp) AS value_gbp,
       round(sum(d.value_gbp) / nullif(sum(d.curtailed_mwh) FILTER (WHERE d.value_gbp IS NOT NULL), 0), 12)
           AS value_gbp_per_mwh,
       sum(d.payment_gbp) FILTER (WHERE d.value_gbp IS NOT NULL) AS priced_days_payment_gbp,
       sum(d.value_less_payment_gbp) AS value_less_payment_gbp,
       round(sum(d.payment_gbp) FILTER (WHERE d.mined_btc IS NOT NULL) / nullif(sum(d.mined_btc), 0), 12)
           AS break_even_price_gbp,
       sum(d.all_bids_value_gbp) AS all_bids_value_gbp,
       sum(d.all_bids_value_less_payment_gbp) AS all_bids_value_less_payment_gbp,
       round(sum(d.all_bids_payment_gbp) FILTER (WHERE d.all_bids_mined_btc IS NOT NULL)
             / nullif(sum(d.all_bids_mined_btc), 0), 12) AS all_bids_break_even_price_gbp,
       CAST(count(d.mined_btc) AS integer) AS days_mined, CAST(count(d.value_gbp) AS integer) AS days_priced,
       round(count(d.value_gbp) / CAST(m.days_expected AS numeric), 12) AS priced_coverage,
       m.days_expected, m.days_present, m.days_final, m.days_unavailable, m.days_incomplete, m.coverage, m.is_complete, m.status,
       m.is_synthetic
FROM analytics.settlement_{grain}s AS m
JOIN analytics.mining_potential_by_day AS d ON {of_day} = m.{key}
GROUP BY m.{key}, d.miner_model, m.days_expected, m.days_present, m.days_final, m.days_unavailable, m.days_incomplete, m.coverage,
         m.is_complete, m.status, m.is_synthetic;

COMMENT ON VIEW analytics.mining_potential_by_{grain} IS
'Grain: {key}, miner_model. The sums of mining_potential_by_day over the days that are there; mined_btc, and what is made of it, are of the days whose Bitcoin is calculated for the model, which days_mined counts; value_gbp and what is made of it are of the days that have a price, which days_priced counts.';
$views$);


CREATE VIEW analytics.checks_now AS
SELECT l.scope, l.settlement_date, l.check_family, l.check_name, l.passed, l.severity,
       coalesce(l.waived_until >= (now() AT TIME ZONE 'Europe/London')::date, false) AS is_waived,
       r.expected, r.actual, r.looked_at, r.violation_count, CAST(r.violations AS text) AS violations, r.repair,
       r.waiver, l.waived_until, l.evaluated_at
FROM minerecon.reconciliation_latest AS l
JOIN minerecon.reconciliation_results AS r ON r.result_id = l.result_id;

COMMENT ON VIEW analytics.checks_now IS
'Grain: scope, settlement_date, check_family, check_name. The latest evaluation of each property of each day (scope day; settlement_date of a month or year: its first day; of scope all, what is looked at of all days together: the day of the look, of which the newest counts): what should be there, what is, and what mends it.';
