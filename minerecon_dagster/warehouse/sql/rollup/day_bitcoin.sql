-- The stored Bitcoin of every stored day, per model; NULL of a day that has none.
SELECT s.summary_date, b.mined_btc
FROM minerecon.daily_summaries AS s
LEFT JOIN (
    SELECT summary_date, jsonb_object_agg(miner_model, CAST(mined_btc AS text)) AS mined_btc
    FROM minerecon.bitcoin_daily_summaries GROUP BY summary_date
) AS b USING (summary_date)
ORDER BY s.summary_date;
