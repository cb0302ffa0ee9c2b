-- The stored days from :first to :last with all their figures, and their Bitcoin by model as exact text.
SELECT d.summary_date AS day, d.*,
       (SELECT coalesce(json_object_agg(b.miner_model, CAST(b.mined_btc AS text) ORDER BY b.miner_model), '{}')
        FROM minerecon.bitcoin_daily_summaries AS b WHERE b.summary_date = d.summary_date) AS mined_btc
FROM minerecon.daily_summaries AS d
WHERE d.summary_date BETWEEN :first AND :last
ORDER BY d.summary_date;
