-- A day's Bitcoin per model; a day without curtailment has a row of zero, and a day never built has none.
INSERT INTO minerecon.bitcoin_daily_summaries (summary_date, miner_model, mined_btc)
SELECT :day, m.miner_model, coalesce(sum(c.mined_btc), 0)
FROM minerecon.miner_models AS m
LEFT JOIN minerecon.historical_bitcoin_calculations AS c ON c.miner_model = m.miner_model AND c.settlement_date = :day
WHERE m.miner_model = ANY(:models)
GROUP BY m.miner_model
ON CONFLICT (summary_date, miner_model) DO UPDATE SET mined_btc = excluded.mined_btc;
