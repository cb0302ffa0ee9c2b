-- The stored Bitcoin of every year, per model.
SELECT year, jsonb_object_agg(miner_model, CAST(mined_btc AS text)) AS mined_btc
FROM minerecon.bitcoin_yearly_summaries GROUP BY year;
