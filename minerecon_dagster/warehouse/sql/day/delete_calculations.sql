DELETE FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = :day AND miner_model = ANY(:models);
