-- The day's SO-flagged energy per period and unit, for each of the models asked for.
WITH energy AS (
    SELECT settlement_period, bmu_id, sum(curtailed_mwh) AS curtailed_mwh, min(start_time) AS start_time
    FROM minerecon.curtailment_records
    WHERE settlement_date = :day AND so_flag
    GROUP BY settlement_period, bmu_id
), subsidy AS MATERIALIZED (
    SELECT settlement_period, minerecon.block_subsidy_btc(min(start_time)) AS block_subsidy_btc
    FROM energy
    GROUP BY settlement_period
)
INSERT INTO minerecon.historical_bitcoin_calculations (
    settlement_date, settlement_period, bmu_id, miner_model, curtailed_mwh, difficulty, block_subsidy_btc, mined_btc,
    formula_version
)
SELECT d.settlement_date, e.settlement_period, e.bmu_id, m.miner_model, e.curtailed_mwh, d.difficulty,
       s.block_subsidy_btc,
       minerecon.mined_btc(e.curtailed_mwh, m.hashrate_ths, m.power_w, d.difficulty, s.block_subsidy_btc),
       :formula_version
FROM minerecon.bitcoin_difficulty AS d
CROSS JOIN energy AS e
JOIN subsidy AS s USING (settlement_period)
JOIN minerecon.miner_models AS m ON m.miner_model = ANY(:models)
WHERE d.settlement_date = :day
ORDER BY e.settlement_period, e.bmu_id, m.miner_model;  -- as the primary key has them: each goes to its end
