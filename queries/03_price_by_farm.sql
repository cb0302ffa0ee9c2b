-- Question: what does a curtailed MWh cost at each wind farm, and which farms pay to be turned down?
-- Basis: SO-flagged; all accepted wind bids beside it. Units: GBP per MWh that has a price; above 0 the farm is paid,
-- below 0 it pays. paid_gbp and refunded_gbp are never netted before they are added up.
-- State: days_present of days_expected days, from_date to to_date, are in the sums.
-- Change: from_date, to_date, least_mwh (farms with less are left out). Without a change: the last 365 stored days.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.from_date', true), '') AS date),
                    (SELECT max(summary_date) - 364 FROM minerecon.daily_summaries LIMIT 1)) AS from_date,
           coalesce(CAST(nullif(current_setting('minerecon.to_date', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS to_date,
           coalesce(CAST(nullif(current_setting('minerecon.least_mwh', true), '') AS numeric),
                    100) AS least_mwh
), farms AS (
    SELECT u.farm_name, sum(u.curtailed_mwh) AS curtailed_mwh, sum(u.unpriced_mwh) AS unpriced_mwh,
           sum(u.paid_gbp) AS paid_gbp, sum(u.refunded_gbp) AS refunded_gbp, sum(u.payment_gbp) AS payment_gbp,
           sum(u.all_bids_mwh) AS all_bids_mwh, sum(u.all_bids_unpriced_mwh) AS all_bids_unpriced_mwh,
           sum(u.all_bids_payment_gbp) AS all_bids_payment_gbp
    FROM params AS p
    JOIN analytics.curtailment_by_unit_day AS u ON u.settlement_date BETWEEN p.from_date AND p.to_date
    GROUP BY u.farm_name
)
SELECT f.farm_name,
       round(f.payment_gbp / nullif(f.curtailed_mwh - f.unpriced_mwh, 0), 2) AS payment_gbp_per_mwh,
       round(f.all_bids_payment_gbp / nullif(f.all_bids_mwh - f.all_bids_unpriced_mwh, 0), 2)
           AS all_bids_payment_gbp_per_mwh,
       round(f.curtailed_mwh, 2) AS curtailed_mwh,
       round(f.paid_gbp, 2) AS paid_gbp,
       round(f.refunded_gbp, 2) AS refunded_gbp,
       round(f.payment_gbp, 2) AS payment_gbp,
       round(f.unpriced_mwh, 3) AS unpriced_mwh,
       (SELECT count(*) FROM minerecon.daily_summaries WHERE summary_date BETWEEN p.from_date AND p.to_date) AS days_present,
       p.to_date - p.from_date + 1 AS days_expected,
       p.from_date, p.to_date
FROM farms AS f
CROSS JOIN params AS p
WHERE f.curtailed_mwh >= p.least_mwh
ORDER BY 2 DESC, f.farm_name;
