-- Question: how does what wind farms notified, and were then instructed to give, stand beside what was metered?
-- Basis: all accepted wind bids. Units: MWh; delivered_against_instructed is 1 where a farm gave what it was told to give,
-- and share_of_metered (0 to 1) is what it lost of metered output plus bids, the share that no notification is in.
-- State: potential_days and metered_days of days_expected have them; metered_runs are the settlement runs of the meters.
-- Change: from_month, to_month, farm_name. Without a change: the newest month that has a stored day, all farms.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS to_month,
           nullif(current_setting('minerecon.farm_name', true), '') AS farm_name
)
SELECT f.year_month, f.farm_name,
       round(f.potential_mwh, 2) AS potential_mwh,
       round(f.all_bids_net_mwh, 2) AS all_bids_net_mwh,
       round(f.instructed_mwh, 2) AS instructed_mwh,
       round(f.metered_mwh, 2) AS metered_mwh,
       round(f.delivered_against_instructed, 4) AS delivered_against_instructed,
       round(f.all_bids_net_share_of_potential, 4) AS all_bids_net_share_of_potential,
       round(f.share_of_metered, 4) AS share_of_metered,
       f.metered_runs, round(f.potential_coverage, 4) AS potential_coverage,
       f.potential_days, f.metered_days, f.days_present, f.days_expected, f.status, f.is_synthetic
FROM params AS p
JOIN analytics.notified_potential_by_farm_month AS f ON f.year_month BETWEEN p.from_month AND p.to_month
WHERE p.farm_name IS NULL OR f.farm_name = p.farm_name
ORDER BY f.year_month, f.farm_name;
