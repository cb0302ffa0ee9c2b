-- The stored Bitcoin of every month, per model.
SELECT year_month, jsonb_object_agg(miner_model, CAST(mined_btc AS text)) AS mined_btc
FROM minerecon.bitcoin_monthly_summaries GROUP BY year_month;
