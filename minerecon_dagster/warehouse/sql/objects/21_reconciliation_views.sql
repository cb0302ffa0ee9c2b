-- How many of the calculations that there should be are there and right, by month and model.
DROP VIEW IF EXISTS analytics.reconciliation_rate;
CREATE VIEW analytics.reconciliation_rate AS
SELECT to_char(CAST(months.first_day AS timestamp), 'YYYY-MM') AS year_month,
       m.miner_model,
       CAST(extract(day FROM months.first_day + interval '1 month - 1 day') AS int) AS days_expected,
       months.days_stored,
       count(c.settlement_date) AS days_checked,
       coalesce(sum(c.expected_count), 0) AS expected_count,
       coalesce(sum(c.matched_count), 0) AS matched_count,
       round(100.0 * sum(c.matched_count) / nullif(sum(c.expected_count), 0), 12) AS rate_percent,
       count(c.settlement_date) = extract(day FROM months.first_day + interval '1 month - 1 day') AS is_complete,
       max(c.evaluated_at) AS evaluated_at
FROM (
    SELECT CAST(date_trunc('month', CAST(summary_date AS timestamp)) AS date) AS first_day, count(*) AS days_stored
    FROM minerecon.daily_summaries GROUP BY 1
) AS months
CROSS JOIN minerecon.miner_models AS m
LEFT JOIN (
    minerecon.calculation_reconciliation AS c
    JOIN minerecon.daily_summaries AS s ON s.summary_date = c.settlement_date
) ON c.miner_model = m.miner_model
    AND c.settlement_date >= months.first_day AND c.settlement_date < months.first_day + interval '1 month'
GROUP BY months.first_day, months.days_stored, m.miner_model;

COMMENT ON VIEW analytics.reconciliation_rate IS
'One row per month with a stored day (year_month, as in 2025-03) and miner model: of the calculations that there should be, SO-flagged (period, unit) pairs of the stored records, how many are there, with the records'' energy and the formula''s Bitcoin, when last looked at. Days that are not stored are in no count: read it with days_checked.';
COMMENT ON COLUMN analytics.reconciliation_rate.year_month IS 'Calendar month, as in 2025-03.';
COMMENT ON COLUMN analytics.reconciliation_rate.miner_model IS 'Miner model, as in miner_models.';
COMMENT ON COLUMN analytics.reconciliation_rate.days_expected IS 'Calendar days of the month.';
COMMENT ON COLUMN analytics.reconciliation_rate.days_stored IS 'Days of it that are stored.';
COMMENT ON COLUMN analytics.reconciliation_rate.days_checked IS 'Stored days of which the calculations of the model were compared.';
COMMENT ON COLUMN analytics.reconciliation_rate.expected_count IS 'Calculations that there should be, on the days that were checked.';
COMMENT ON COLUMN analytics.reconciliation_rate.matched_count IS 'Those of them that are there and right.';
COMMENT ON COLUMN analytics.reconciliation_rate.rate_percent IS 'matched_count of expected_count, in per cent, to 12 places; NULL where nothing was expected.';
COMMENT ON COLUMN analytics.reconciliation_rate.is_complete IS 'Whether every calendar day of the month was checked.';
COMMENT ON COLUMN analytics.reconciliation_rate.evaluated_at IS 'When one of its days was last looked at.';
