-- Question: how do two days, two units or two months compare, figure by figure?
-- Basis: SO-flagged; rows named all_bids_… are of all accepted wind bids. Units: in the figure's name; change is (b - a) / a.
-- Units of wind are compared over from_date to to_date. Bitcoin is of days and months.
-- State: state_a and state_b say what is compared; a missing day has no figures.
-- Change: day_a, day_b, unit_a, unit_b, from_date, to_date, month_a, month_b. Without a change: the two newest stored
-- days, the two most curtailed units of the 365 days up to the newest, and the two newest months that have a stored day.
WITH dates AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.from_date', true), '') AS date),
                    (SELECT max(summary_date) - 364 FROM minerecon.daily_summaries LIMIT 1)) AS from_date,
           coalesce(CAST(nullif(current_setting('minerecon.to_date', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS to_date
), params AS MATERIALIZED (
    SELECT d.from_date, d.to_date,
           coalesce(CAST(nullif(current_setting('minerecon.day_a', true), '') AS date),
                    (SELECT summary_date FROM minerecon.daily_summaries ORDER BY summary_date DESC OFFSET 1 LIMIT 1)) AS day_a,
           coalesce(CAST(nullif(current_setting('minerecon.day_b', true), '') AS date),
                    (SELECT summary_date FROM minerecon.daily_summaries ORDER BY summary_date DESC LIMIT 1)) AS day_b,
           coalesce(nullif(current_setting('minerecon.unit_a', true), ''),
                    (SELECT u.bmu_id FROM minerecon.unit_daily_summaries AS u
                     WHERE u.settlement_date BETWEEN d.from_date AND d.to_date
                     GROUP BY u.bmu_id ORDER BY sum(u.curtailed_mwh) DESC, u.bmu_id LIMIT 1)) AS unit_a,
           coalesce(nullif(current_setting('minerecon.unit_b', true), ''),
                    (SELECT u.bmu_id FROM minerecon.unit_daily_summaries AS u
                     WHERE u.settlement_date BETWEEN d.from_date AND d.to_date
                     GROUP BY u.bmu_id ORDER BY sum(u.curtailed_mwh) DESC, u.bmu_id OFFSET 1 LIMIT 1)) AS unit_b,
           coalesce(nullif(current_setting('minerecon.month_a', true), ''),
                    (SELECT to_char(CAST(summary_date AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries
                     GROUP BY 1 ORDER BY 1 DESC OFFSET 1 LIMIT 1)) AS month_a,
           coalesce(nullif(current_setting('minerecon.month_b', true), ''),
                    (SELECT to_char(CAST(summary_date AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries
                     GROUP BY 1 ORDER BY 1 DESC LIMIT 1)) AS month_b
    FROM dates AS d
), sides AS (
    SELECT 1 AS place, 'day' AS what, CAST(d.settlement_date AS text) AS name, d.settlement_date = p.day_b AS is_b,
           d.status, d.curtailed_mwh, d.payment_gbp, d.payment_gbp_per_mwh, d.curtailed_share, d.all_bids_mwh,
           d.all_bids_payment_gbp, CAST(d.record_count AS numeric) AS record_count
    FROM params AS p JOIN analytics.curtailment_by_day AS d ON d.settlement_date IN (p.day_a, p.day_b)
    UNION ALL
    SELECT 3, 'month', m.year_month, m.year_month = p.month_b, m.status, m.curtailed_mwh, m.payment_gbp,
           m.payment_gbp_per_mwh, m.curtailed_share, m.all_bids_mwh, m.all_bids_payment_gbp, m.record_count
    FROM params AS p JOIN analytics.curtailment_by_month AS m ON m.year_month IN (p.month_a, p.month_b)
    UNION ALL
    SELECT 2, 'unit', u.bmu_id, u.bmu_id = p.unit_b,
           (SELECT count(*) FROM minerecon.daily_summaries WHERE summary_date BETWEEN p.from_date AND p.to_date)
               || ' of ' || p.to_date - p.from_date + 1 || ' days',
           sum(u.curtailed_mwh), sum(u.payment_gbp), sum(u.payment_gbp) / nullif(sum(u.curtailed_mwh - u.unpriced_mwh), 0),
           NULL, sum(u.all_bids_mwh), sum(u.all_bids_payment_gbp), sum(u.record_count)
    FROM params AS p
    JOIN minerecon.unit_daily_summaries AS u
        ON u.bmu_id IN (p.unit_a, p.unit_b) AND u.settlement_date BETWEEN p.from_date AND p.to_date
    GROUP BY u.bmu_id, p.unit_b, p.from_date, p.to_date
), figures AS (
    SELECT s.place, s.what, s.name, s.is_b, s.status, f.line, f.figure, f.value
    FROM sides AS s
    CROSS JOIN LATERAL (VALUES
        (1, 'curtailed_mwh', s.curtailed_mwh), (2, 'payment_gbp', s.payment_gbp),
        (3, 'payment_gbp_per_mwh', s.payment_gbp_per_mwh), (4, 'curtailed_share', s.curtailed_share),
        (5, 'all_bids_mwh', s.all_bids_mwh), (6, 'all_bids_payment_gbp', s.all_bids_payment_gbp),
        (7, 'record_count', s.record_count)
    ) AS f (line, figure, value)
    WHERE NOT (s.what = 'unit' AND f.figure = 'curtailed_share')
    UNION ALL
    SELECT s.place, s.what, s.name, s.is_b, s.status, 8, 'mined_btc ' || b.miner_model, b.mined_btc
    FROM sides AS s JOIN minerecon.bitcoin_daily_summaries AS b ON CAST(b.summary_date AS text) = s.name
    WHERE s.what = 'day'
    UNION ALL
    SELECT s.place, s.what, s.name, s.is_b, s.status, 8, 'mined_btc ' || m.miner_model, m.mined_btc
    FROM sides AS s JOIN analytics.mining_potential_by_month AS m ON m.year_month = s.name
    WHERE s.what = 'month'
)
SELECT what, min(name) FILTER (WHERE NOT is_b) AS a, min(name) FILTER (WHERE is_b) AS b, figure,
       round(min(value) FILTER (WHERE NOT is_b), 6) AS value_a,
       round(min(value) FILTER (WHERE is_b), 6) AS value_b,
       round(min(value) FILTER (WHERE is_b) - min(value) FILTER (WHERE NOT is_b), 6) AS difference,
       round((min(value) FILTER (WHERE is_b) - min(value) FILTER (WHERE NOT is_b))
             / nullif(abs(min(value) FILTER (WHERE NOT is_b)), 0), 4) AS change,
       min(status) FILTER (WHERE NOT is_b) AS state_a, min(status) FILTER (WHERE is_b) AS state_b
FROM figures
GROUP BY place, what, line, figure
ORDER BY place, line, figure;
