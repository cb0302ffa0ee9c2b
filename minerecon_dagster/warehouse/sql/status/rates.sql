-- By month and model: of the calculations that there should be on the stored days from :first_day to :last_day, how
-- many are there and right.
SELECT to_char(CAST(s.summary_date AS timestamp), 'YYYY-MM') AS year_month, m.miner_model,
       count(*) AS days_stored, count(c.settlement_date) AS days_checked,
       coalesce(sum(c.expected_count), 0) AS expected_count, coalesce(sum(c.matched_count), 0) AS matched_count
FROM minerecon.daily_summaries AS s
CROSS JOIN minerecon.miner_models AS m
LEFT JOIN minerecon.calculation_reconciliation AS c
    ON c.settlement_date = s.summary_date AND c.miner_model = m.miner_model
WHERE s.summary_date BETWEEN :first_day AND :last_day
GROUP BY 1, 2
ORDER BY 1, 2;
