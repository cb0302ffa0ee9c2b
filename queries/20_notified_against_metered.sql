-- Question: how does what wind farms notified, and were then instructed to give, stand beside what was metered?
-- Basis: all accepted wind bids. Units: MWh; delivered_against_instructed is 1 where a farm gave what it was told to give,
-- and share_of_metered (0 to 1) is what it lost of metered output plus bids, the share that no notification is in.
-- State: potential_days and metered_days of days_expected have them; delivered_mwh and delivered_of_mwh are of the unit-days
-- that have both, and instructed_mwh and metered_mwh each of its own; metered_runs are the settlement runs of the meters.
-- Change: from_month, to_month. Without a change: the newest month that has a stored day.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS to_month
)
SELECT f.year_month, f.farm_name,
       round(f.potential_mwh, 2) AS potential_mwh,
       round(f.all_bids_net_mwh, 2) AS all_bids_net_mwh,
       round(f.instructed_mwh, 2) AS instructed_mwh,
       round(f.metered_mwh, 2) AS metered_mwh,
       round(f.delivered_mwh, 2) AS delivered_mwh,
       round(f.delivered_of_mwh, 2) AS delivered_of_mwh,
       round(f.delivered_against_instructed, 4) AS delivered_against_instructed,
       round(f.all_bids_net_share_of_potential, 4) AS all_bids_net_share_of_potential,
       round(f.share_of_metered, 4) AS share_of_metered,
       f.metered_runs, round(f.potential_coverage, 4) AS potential_coverage,
       f.potential_days, f.metered_days, f.days_present, f.days_expected, f.status, f.is_synthetic
FROM params AS p
JOIN analytics.notified_potential_by_farm_month AS f ON f.year_month BETWEEN p.from_month AND p.to_month
ORDER BY f.year_month, f.farm_name;
