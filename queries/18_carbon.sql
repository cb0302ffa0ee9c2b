-- Question: how much CO2 does it take to replace the curtailed wind, month by month?
-- Basis: SO-flagged. Units: MWh, tonnes of CO2, shares (0 to 1). Two figures that are never added: co2_ccgt_t, as if gas (CCGT)
-- replaced all of it; co2_known_t, of the fuels of the turn-up estimate that have a factor, which are co2_known_share of
-- turn_up_mwh. The factors are those of minerecon.emission_factors: what a power station gives off, and no life cycle.
-- State: co2_days and turn_up_days of days_expected days are in the two figures; fewer: they are at least so much.
-- Change: from_month, to_month (as in 2025-03). Without a change: all months that have a stored day.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(min(summary_date) AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries LIMIT 1)) AS to_month
)
SELECT m.year_month,
       round(m.curtailed_mwh, 2) AS curtailed_mwh,
       round(m.co2_ccgt_t, 1) AS co2_ccgt_t,
       m.co2_days,
       round(m.turn_up_mwh, 2) AS turn_up_mwh,
       round(m.co2_known_t, 1) AS co2_known_t,
       round(m.co2_known_share, 4) AS co2_known_share,
       m.turn_up_days, m.days_present, m.days_expected, m.status, m.is_synthetic
FROM params AS p
JOIN analytics.curtailment_by_month AS m ON m.year_month BETWEEN p.from_month AND p.to_month
ORDER BY m.year_month;
