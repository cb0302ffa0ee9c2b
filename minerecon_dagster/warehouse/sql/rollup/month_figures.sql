-- The stored sums of the months :months, with the Bitcoin of each model.
SELECT s.year_month, s.curtailed_mwh, s.payment_gbp, s.days_present, s.days_expected, s.days_final, s.is_complete,
       s.is_synthetic, b.mined_btc,
       (SELECT count(*) FROM minerecon.unavailable_days AS u
        WHERE to_char(CAST(u.settlement_date AS timestamp), 'YYYY-MM') = s.year_month) AS days_unavailable
FROM minerecon.monthly_summaries AS s
LEFT JOIN (
    SELECT year_month, jsonb_object_agg(miner_model, CAST(mined_btc AS text)) AS mined_btc
    FROM minerecon.bitcoin_monthly_summaries GROUP BY year_month
) AS b USING (year_month)
WHERE s.year_month = ANY(CAST(:months AS text[]))
ORDER BY s.year_month;
