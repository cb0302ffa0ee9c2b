-- The stored Bitcoin of every month (or year), per model.
SELECT $key AS key, jsonb_object_agg(miner_model, CAST(mined_btc AS text)) AS mined_btc FROM $bitcoin GROUP BY $key;
