-- Question: what was paid to stop wind, what would its replacement have cost, and do published totals agree, month by month?
-- Basis: SO-flagged. Units: MWh, GBP, shares (0 to 1). turn_up_estimate_gbp is an estimate, by the method of
-- wastedwind.energy: the price of the cheapest accepted offers that make up for the bids; no payment that was made for it.
-- turn_up_coverage: what of the bids offers cover. The cost with turn-up is of the turn_up_days alone, on both sides.
-- published_gbp is another's estimate of the whole month by the same method, where one is published: of most months there is
-- none, and of years there are more, in question 13. difference_share is given for whole months.
-- State: days_present and turn_up_days of days_expected days; is_at_least: fewer of them have turn-up than the month has.
-- Change: from_month, to_month (as in 2025-03). Without a change: all months that have a stored day.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(min(summary_date) AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries LIMIT 1)) AS to_month
)
SELECT m.year_month,
       round(m.curtailed_mwh, 2) AS curtailed_mwh,
       round(m.payment_gbp, 2) AS payment_gbp,
       round(m.turn_up_mwh, 2) AS turn_up_mwh,
       round(m.turn_up_coverage, 4) AS turn_up_coverage,
       round(m.turn_up_estimate_gbp, 2) AS turn_up_estimate_gbp,
       round(m.cost_with_turn_up_estimate_gbp, 2) AS cost_with_turn_up_estimate_gbp,
       f.value AS published_gbp,
       CASE WHEN m.turn_up_days = m.days_expected AND NOT m.is_synthetic
            THEN round((m.turn_up_estimate_gbp - f.value) / nullif(f.value, 0), 6) END AS difference_share,
       f.source AS published_by,
       m.turn_up_days, m.days_present, m.days_expected, m.turn_up_days < m.days_expected AS is_at_least, m.status,
       m.is_synthetic
FROM params AS p
JOIN analytics.curtailment_by_month AS m ON m.year_month BETWEEN p.from_month AND p.to_month
LEFT JOIN minerecon.published_figures AS f
    ON f.period_label = m.year_month AND f.basis = 'so_flagged' AND f.figure = 'turn_up_estimate_gbp'
ORDER BY m.year_month;
