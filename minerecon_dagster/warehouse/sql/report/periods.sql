-- Energy per settlement period, of the periods that are there.
SELECT p.settlement_date, p.settlement_period, coalesce(s.curtailed_mwh, 0) AS curtailed_mwh
FROM (
    SELECT settlement_date, settlement_period FROM minerecon.ingestion_progress
    WHERE settlement_date BETWEEN :first AND :last
    GROUP BY 1, 2 HAVING bool_and(status IN ('rows', 'empty'))
) AS p
JOIN minerecon.daily_summaries AS d ON d.summary_date = p.settlement_date
LEFT JOIN minerecon.period_summaries AS s USING (settlement_date, settlement_period)
ORDER BY 1, 2;
