-- Question: how far apart are the two bases that are published, month by month?
-- Basis: SO-flagged (the headline here, wastedwind.energy) against all accepted wind bids (Renewable Energy Foundation,
-- The Subsidy Clock). Units: MWh, GBP; so_share is the SO-flagged part of all bids (0 to 1).
-- State: days_present of days_expected days are in the sums; status is the worst among the days.
-- Change: from_month, to_month. Without a change: all months.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(min(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS to_month
)
SELECT m.year_month,
       round(m.curtailed_mwh, 2) AS curtailed_mwh,
       round(m.all_bids_mwh, 2) AS all_bids_mwh,
       round(m.all_bids_mwh - m.curtailed_mwh, 2) AS not_flagged_mwh,
       round(m.curtailed_mwh / nullif(m.all_bids_mwh, 0), 4) AS so_share,
       round(m.payment_gbp, 2) AS payment_gbp,
       round(m.all_bids_payment_gbp, 2) AS all_bids_payment_gbp,
       round(m.all_bids_payment_gbp - m.payment_gbp, 2) AS not_flagged_payment_gbp,
       m.days_present, m.days_expected, m.status
FROM params AS p
JOIN analytics.curtailment_by_month AS m ON m.year_month BETWEEN p.from_month AND p.to_month
ORDER BY m.year_month;
