-- Question: how much wind is curtailed above and below boundary B6, the Scottish border, month by month?
-- Basis: SO-flagged (the headline) and, beside it, all accepted wind bids: never add the two. Units: MWh, GBP, shares (0 to 1).
-- side: above B6 (zones _N and _P), below B6, or unknown: units that the register does not place. The zone is the one of each day.
-- State: days_present of days_expected days are in the sums; status is the worst among the days.
-- Change: from_month, to_month (as in 2025-03). Without a change: all months that have a stored day.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(min(summary_date) AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries LIMIT 1)) AS to_month
)
SELECT z.year_month,
       CASE WHEN z.above_b6 THEN 'above B6' WHEN NOT z.above_b6 THEN 'below B6' ELSE 'unknown' END AS side,
       string_agg(z.zone, ' ' ORDER BY z.zone) AS zones,
       round(sum(z.curtailed_mwh), 2) AS curtailed_mwh,
       round(sum(z.share_of_curtailed), 4) AS share_of_curtailed,
       round(sum(z.payment_gbp), 2) AS payment_gbp,
       round(sum(z.all_bids_mwh), 2) AS all_bids_mwh,
       round(sum(z.share_of_all_bids), 4) AS share_of_all_bids,
       round(sum(z.all_bids_payment_gbp), 2) AS all_bids_payment_gbp,
       z.days_present, z.days_expected, z.status, z.is_synthetic
FROM params AS p
JOIN analytics.curtailment_by_zone_month AS z ON z.year_month BETWEEN p.from_month AND p.to_month
GROUP BY z.year_month, z.above_b6, z.days_present, z.days_expected, z.status, z.is_synthetic
ORDER BY z.year_month, z.above_b6 DESC NULLS LAST;
