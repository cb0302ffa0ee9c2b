-- Question: how much was curtailed yesterday, this month and this year, at what cost, and can the figures still change?
-- Basis: SO-flagged (the headline) and, beside it, all accepted wind bids: never add the two. Units: MWh, GBP.
-- State: days_present of days_expected are in the sums; status is the worst among the days, complete the best.
-- Change: day. Without a change it is the newest stored day before today.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.day', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries
                     WHERE summary_date < CAST(now() AT TIME ZONE 'Europe/London' AS date) LIMIT 1)) AS day
), spans AS (
    SELECT s.* FROM params AS p
    CROSS JOIN LATERAL (VALUES
        (1, 'day', p.day, p.day),
        (2, 'month so far', CAST(date_trunc('month', CAST(p.day AS timestamp)) AS date), p.day),
        (3, 'year so far', CAST(date_trunc('year', CAST(p.day AS timestamp)) AS date), p.day)
    ) AS s (place, span, first_day, last_day)
)
SELECT s.span, s.first_day, s.last_day,
       round(sum(d.curtailed_mwh), 2) AS curtailed_mwh,
       round(sum(d.paid_gbp), 2) AS paid_gbp,
       round(sum(d.refunded_gbp), 2) AS refunded_gbp,
       round(sum(d.payment_gbp), 2) AS payment_gbp,
       round(sum(d.payment_gbp) / nullif(sum(d.curtailed_mwh - d.unpriced_mwh), 0), 2) AS payment_gbp_per_mwh,
       round(sum(d.all_bids_mwh), 2) AS all_bids_mwh,
       round(sum(d.all_bids_payment_gbp), 2) AS all_bids_payment_gbp,
       count(d.curtailed_mwh) AS days_present,
       s.last_day - s.first_day + 1 AS days_expected,
       count(*) FILTER (WHERE d.is_final) AS days_final,
       CASE WHEN count(d.settlement_date) < s.last_day - s.first_day + 1 AND NOT coalesce(bool_or(d.status = 'failing'), false)
                 THEN 'missing'
            ELSE (array_agg(d.status ORDER BY array_position(
                      ARRAY['failing', 'missing', 'incomplete', 'provisional', 'unavailable', 'warned', 'waived', 'complete'],
                      d.status
                  )))[1] END AS status,
       bool_or(d.is_synthetic) AS is_synthetic
FROM spans AS s
LEFT JOIN analytics.curtailment_by_day AS d ON d.settlement_date BETWEEN s.first_day AND s.last_day
GROUP BY s.place, s.span, s.first_day, s.last_day
ORDER BY s.place;
