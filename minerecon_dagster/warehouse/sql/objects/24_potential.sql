-- Notified potential (PN) and metered output (B1610) of every wind unit, with or without a bid: what a share of a farm is
-- of. A day of which it was not asked for, and a unit without a notification, are NULL; their periods count in the coverage.
CREATE VIEW analytics.notified_potential_by_unit_day AS
WITH versions AS MATERIALIZED (
    -- The first version covers all days before; each ends where the next begins.
    SELECT bmu_id, fuel_type,
           CASE WHEN lag(valid_from) OVER of_unit IS NULL THEN CAST('-infinity' AS date) ELSE valid_from END AS first_day,
           least(coalesce(lead(valid_from) OVER of_unit, CAST('infinity' AS date)),
                 coalesce(valid_to, CAST('infinity' AS date))) AS next_day
    FROM minerecon.bm_units
    WHERE bmu_id IN (SELECT bmu_id FROM minerecon.bm_units WHERE fuel_type = 'WIND')
    WINDOW of_unit AS (PARTITION BY bmu_id ORDER BY valid_from)
), farms AS MATERIALIZED (
    SELECT bmu_id, farm_name FROM analytics.wind_farms
)
SELECT d.settlement_date, x.bmu_id, d.year_month,
       coalesce(f.farm_name, minerecon.wind_farm_stem(x.bmu_id, NULL)) AS farm_name,
       p.potential_mwh, round(coalesce(p.periods_with_pn, 0) / CAST(d.periods_expected AS numeric), 12) AS potential_coverage,
       CASE WHEN d.is_stored THEN coalesce(s.curtailed_mwh, 0) END AS curtailed_mwh,
       CASE WHEN d.is_stored THEN coalesce(s.all_bids_mwh, 0) END AS all_bids_mwh,
       -(p.bids_mwh + p.taken_back_mwh) AS all_bids_net_mwh,
       round(coalesce(s.curtailed_mwh, 0) / nullif(p.potential_mwh, 0), 12) AS curtailed_share_of_potential,
       round(-(p.bids_mwh + p.taken_back_mwh) / nullif(p.potential_mwh, 0), 12) AS all_bids_net_share_of_potential,
       p.instructed_mwh, m.metered_mwh, m.run_type AS metered_run,
       round(coalesce(s.all_bids_mwh, 0) / nullif(m.metered_mwh + coalesce(s.all_bids_mwh, 0), 0), 12) AS share_of_metered,
       -- Of a day that is not whole the bids that are missing would be in what was instructed.
       CASE WHEN d.day_state <> 'incomplete'
            THEN round(m.metered_mwh / nullif(p.instructed_mwh, 0), 12) END AS delivered_against_instructed,
       d.periods_expected, CAST(coalesce(p.periods_with_pn, 0) AS integer) AS periods_with_pn, h.has_potential,
       d.coverage, d.day_state, d.status, d.is_final, d.is_synthetic
FROM analytics.settlement_days AS d
CROSS JOIN LATERAL (
    SELECT d.is_stored AND EXISTS (
        SELECT FROM minerecon.period_potential AS q WHERE q.settlement_date = d.settlement_date
    ) AS has_potential
    OFFSET 0
) AS h
-- Day by day, so that a range of days reads the rows of these days alone.
CROSS JOIN LATERAL (
    SELECT q.bmu_id FROM minerecon.unit_daily_potential AS q WHERE q.settlement_date = d.settlement_date
    UNION SELECT q.bmu_id FROM minerecon.unit_daily_summaries AS q WHERE q.settlement_date = d.settlement_date
    UNION SELECT v.bmu_id FROM versions AS v
          WHERE v.fuel_type = 'WIND' AND d.settlement_date >= v.first_day AND d.settlement_date < v.next_day
) AS x
-- Of a day that is not stored nothing is known, whatever was notified of it.
LEFT JOIN minerecon.unit_daily_potential AS p
    ON d.is_stored AND p.settlement_date = d.settlement_date AND p.bmu_id = x.bmu_id
LEFT JOIN minerecon.unit_daily_summaries AS s ON s.settlement_date = d.settlement_date AND s.bmu_id = x.bmu_id
LEFT JOIN LATERAL (
    -- Of several runs the highest counts that has the whole day.
    SELECT q.metered_mwh, q.run_type FROM minerecon.unit_daily_metered AS q
    WHERE d.is_stored AND q.settlement_date = d.settlement_date AND q.bmu_id = x.bmu_id AND q.metered_mwh IS NOT NULL
    ORDER BY q.run_rank DESC, q.run_type LIMIT 1
) AS m ON true
LEFT JOIN farms AS f ON f.bmu_id = x.bmu_id;

COMMENT ON VIEW analytics.notified_potential_by_unit_day IS
'Grain: settlement_date, bmu_id. Notified potential (PN) and metered output (B1610) per wind unit and day, of every unit in force, with or without a bid. Notified is what a farm says that it would give, and not what the wind would have given.';

-- Units together as farms, and days together as months, are made alike. A share is of the unit-days whose potential is
-- known, on both of its sides; and it is NULL where, on the days that have notifications, more than 1 % of the unit-periods
-- have none.
CREATE OR REPLACE FUNCTION pg_temp.make_potential(
    view_name text, keys text, state text, joined text, more text, of_state text
)
RETURNS void LANGUAGE plpgsql AS $make$
BEGIN
    EXECUTE format($view$
CREATE VIEW analytics.%1$I AS
SELECT %2$s,
       u.potential_mwh, round(c.potential_coverage, 12) AS potential_coverage,
       u.curtailed_mwh, u.all_bids_mwh, u.all_bids_net_mwh,
       u.known_curtailed_mwh AS curtailed_of_potential_mwh,
       CASE WHEN minerecon.potential_is_covered(c.potential_coverage)
            THEN round(u.known_curtailed_mwh / nullif(u.potential_mwh, 0), 12) END AS curtailed_share_of_potential,
       CASE WHEN u.net_unknown_count = 0 THEN u.known_net_mwh END AS all_bids_net_of_potential_mwh,
       CASE WHEN minerecon.potential_is_covered(c.potential_coverage) AND u.net_unknown_count = 0
            THEN round(u.known_net_mwh / nullif(u.potential_mwh, 0), 12) END AS all_bids_net_share_of_potential,
       u.instructed_mwh, u.metered_mwh, u.metered_runs,
       round(u.metered_bids_mwh / nullif(u.metered_mwh + u.metered_bids_mwh, 0), 12) AS share_of_metered,
       u.delivered_mwh, u.delivered_of_mwh,
       round(u.delivered_mwh / nullif(u.delivered_of_mwh, 0), 12) AS delivered_against_instructed,
       u.metered_days, %5$s
       %3$s
FROM (
    SELECT %4$s
) AS u
%6$s
CROSS JOIN LATERAL (
    SELECT coalesce(u.periods_with_pn / CAST(u.periods_expected AS numeric), 0) AS potential_coverage
) AS c
    $view$, view_name, keys, state, joined, more, of_state);
END $make$;

DO $do$
DECLARE
    sums text := $sums$
           sum(d.potential_mwh) AS potential_mwh, sum(d.curtailed_mwh) AS curtailed_mwh,
           sum(d.all_bids_mwh) AS all_bids_mwh, sum(d.all_bids_net_mwh) AS all_bids_net_mwh,
           sum(d.curtailed_mwh) FILTER (WHERE d.potential_mwh IS NOT NULL) AS known_curtailed_mwh,
           sum(d.all_bids_net_mwh) FILTER (WHERE d.potential_mwh IS NOT NULL) AS known_net_mwh,
           count(*) FILTER (WHERE d.potential_mwh IS NOT NULL AND d.all_bids_net_mwh IS NULL) AS net_unknown_count,
           sum(d.instructed_mwh) AS instructed_mwh, sum(d.metered_mwh) AS metered_mwh,
           string_agg(DISTINCT d.metered_run, ', ' ORDER BY d.metered_run) AS metered_runs,
           sum(d.all_bids_mwh) FILTER (WHERE d.metered_mwh IS NOT NULL) AS metered_bids_mwh,
           sum(d.metered_mwh) FILTER (WHERE d.instructed_mwh IS NOT NULL AND d.day_state <> 'incomplete') AS delivered_mwh,
           sum(d.instructed_mwh) FILTER (WHERE d.metered_mwh IS NOT NULL AND d.day_state <> 'incomplete') AS delivered_of_mwh,
           sum(d.periods_with_pn) AS periods_with_pn,
           sum(d.periods_expected) FILTER (WHERE d.has_potential) AS periods_expected,
           CAST(count(DISTINCT d.settlement_date) FILTER (WHERE d.metered_mwh IS NOT NULL) AS integer) AS metered_days,
           CAST(count(DISTINCT d.settlement_date) FILTER (WHERE d.periods_with_pn > 0) AS integer) AS potential_days,
           CAST(count(DISTINCT d.bmu_id) AS integer) AS bmu_count
    $sums$;
    of_day text := 'u.coverage, u.day_state, u.status, u.is_final, u.is_synthetic';
    of_month text := 'm.days_expected, m.days_present, m.days_final, m.days_unavailable, m.days_incomplete, m.coverage, m.is_complete, m.status, m.is_synthetic';
BEGIN
    PERFORM pg_temp.make_potential(
        'notified_potential_by_farm_day', 'u.settlement_date, u.farm_name, u.year_month', of_day,
        'd.settlement_date, d.farm_name, d.year_month, d.coverage, d.day_state, d.status, d.is_final, d.is_synthetic,'
        || sums || 'FROM analytics.notified_potential_by_unit_day AS d
        GROUP BY d.settlement_date, d.farm_name, d.year_month, d.coverage, d.day_state, d.status, d.is_final, d.is_synthetic',
        'u.bmu_count,', ''
    );
    PERFORM pg_temp.make_potential(
        'notified_potential_by_farm_month', 'u.year_month, u.farm_name', of_month,
        'd.year_month, d.farm_name,' || sums || 'FROM analytics.notified_potential_by_unit_day AS d
        GROUP BY d.year_month, d.farm_name',
        'u.potential_days, u.bmu_count,', 'JOIN analytics.settlement_months AS m USING (year_month)'
    );
    PERFORM pg_temp.make_potential(
        'notified_potential_by_unit_month', 'u.year_month, u.bmu_id, u.farm_name', of_month,
        'd.year_month, d.bmu_id, d.farm_name,' || sums || 'FROM analytics.notified_potential_by_unit_day AS d
        GROUP BY d.year_month, d.bmu_id, d.farm_name',
        'u.potential_days,', 'JOIN analytics.settlement_months AS m USING (year_month)'
    );
END $do$;

COMMENT ON VIEW analytics.notified_potential_by_farm_day IS
'Grain: settlement_date, farm_name. Notified potential (PN) and metered output (B1610) per wind farm and day: all its units in force together, with or without a bid.';
COMMENT ON VIEW analytics.notified_potential_by_farm_month IS
'Grain: year_month, farm_name. Notified potential (PN) and metered output (B1610) per wind farm and month: the sums of the unit-days that have them, and how many days these are.';
COMMENT ON VIEW analytics.notified_potential_by_unit_month IS
'Grain: year_month, bmu_id. Notified potential (PN) and metered output (B1610) per wind unit and month: the sums of the days that have them, and how many these are.';
