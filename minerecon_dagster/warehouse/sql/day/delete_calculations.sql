-- The calculations that are made again, and those of a model that the list no longer has.
DELETE FROM minerecon.historical_bitcoin_calculations
WHERE settlement_date = :day AND (miner_model = ANY(:models) OR NOT miner_model = ANY(:all_models));
