-- The Bitcoin that is stored of a day, by period, unit and model.
SELECT settlement_period, bmu_id, miner_model, mined_btc
FROM minerecon.historical_bitcoin_calculations
WHERE settlement_date = :day;
