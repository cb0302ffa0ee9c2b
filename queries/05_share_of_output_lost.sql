-- Question: what share of what the wind farms could have generated was lost, month by month?
-- Basis: SO-flagged; all accepted wind bids beside it. Units: MWh; shares (0 to 1) of output plus what was curtailed.
-- State: a month whose output is not known of every stored day has no share; status is the worst among its days.
-- Change: from_month, to_month. Without a change: the 24 months up to the newest stored day.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp) - interval '23 months', 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS to_month
)
SELECT m.year_month,
       round(m.wind_generation_mwh, 2) AS wind_generation_mwh,
       round(m.curtailed_mwh, 2) AS curtailed_mwh,
       round(m.curtailed_share, 4) AS curtailed_share,
       round(m.all_bids_mwh, 2) AS all_bids_mwh,
       round(m.all_bids_share, 4) AS all_bids_share,
       m.days_present, m.days_expected, m.status
FROM params AS p
JOIN analytics.curtailment_by_month AS m ON m.year_month BETWEEN p.from_month AND p.to_month
ORDER BY m.year_month;
