-- The day's calculations beside what they are made from: a row per model, with all that violate each property.
-- The machines and the subsidies are parameters, from the lists in the code, and the formula is written out again and
-- cross-multiplied: a fault of minerecon.mined_btc, miner_models or block_subsidies is found, and nothing is divided.
WITH models AS (
    SELECT miner_model, hashrate_ths * 3600000000 * 1000000000000 AS gain, power_w * 4294967296 AS cost
    FROM unnest(CAST(:models AS text[]), CAST(:hashrates_ths AS numeric[]), CAST(:powers_w AS numeric[]))
        AS m (miner_model, hashrate_ths, power_w)
), subsidies AS (
    SELECT CAST(settlement_period AS smallint) AS settlement_period, block_subsidy_btc
    FROM unnest(CAST(:subsidies_btc AS numeric[])) WITH ORDINALITY AS s (block_subsidy_btc, settlement_period)
), records AS (
    SELECT settlement_period, bmu_id, sum(curtailed_mwh) AS curtailed_mwh
    FROM minerecon.curtailment_records
    WHERE settlement_date = :day AND so_flag
    GROUP BY settlement_period, bmu_id
), expected AS (
    SELECT miner_model, settlement_period, bmu_id, curtailed_mwh FROM models CROSS JOIN records
), actual AS (
    SELECT miner_model, settlement_period, c.bmu_id, c.curtailed_mwh, c.difficulty, c.block_subsidy_btc, c.mined_btc,
           c.formula_version, d.difficulty AS day_difficulty, s.block_subsidy_btc AS era_subsidy_btc,
           c.mined_btc * c.difficulty * m.cost AS costs, c.curtailed_mwh * c.block_subsidy_btc * m.gain AS gains
    FROM minerecon.historical_bitcoin_calculations AS c
    LEFT JOIN models AS m USING (miner_model)
    LEFT JOIN subsidies AS s USING (settlement_period)
    LEFT JOIN minerecon.bitcoin_difficulty AS d ON d.settlement_date = :day
    WHERE c.settlement_date = :day
), compared AS MATERIALIZED (
    SELECT miner_model, settlement_period, bmu_id, e.curtailed_mwh AS record_mwh, a.curtailed_mwh AS calculation_mwh,
           a.difficulty, a.day_difficulty, a.block_subsidy_btc, a.era_subsidy_btc, a.mined_btc, a.formula_version,
           e.bmu_id IS NOT NULL AS is_expected, a.bmu_id IS NOT NULL AS is_there,
           coalesce(e.curtailed_mwh = a.curtailed_mwh, false) AS energy_holds,
           coalesce(a.formula_version = :formula_version, false) AS version_holds,
           coalesce(a.difficulty = a.day_difficulty
                    AND abs(a.costs - a.gains) <= a.gains * CAST(:tolerance AS numeric), false) AS btc_holds,
           coalesce(a.block_subsidy_btc = a.era_subsidy_btc, false) AS subsidy_holds
    FROM expected AS e
    FULL OUTER JOIN actual AS a USING (miner_model, settlement_period, bmu_id)
)
SELECT miner_model, count(*) AS compared, count(*) FILTER (WHERE is_expected) AS expected,
       count(*) FILTER (WHERE is_there) AS calculated,
       count(*) FILTER (WHERE is_expected AND energy_holds AND version_holds AND btc_holds AND subsidy_holds) AS matched,
       coalesce(jsonb_agg(jsonb_build_object(
           'miner_model', miner_model, 'settlement_period', settlement_period, 'bmu_id', bmu_id,
           'record_mwh', CAST(record_mwh AS text), 'calculation_mwh', CAST(calculation_mwh AS text)
       )) FILTER (WHERE NOT energy_holds), '[]') AS calculations_match_records,
       coalesce(jsonb_agg(jsonb_build_object(
           'miner_model', miner_model, 'settlement_period', settlement_period, 'bmu_id', bmu_id,
           'formula_version', formula_version
       )) FILTER (WHERE is_there AND NOT version_holds), '[]') AS one_formula_version,
       coalesce(jsonb_agg(jsonb_build_object(
           'miner_model', miner_model, 'settlement_period', settlement_period, 'bmu_id', bmu_id,
           'mwh', CAST(calculation_mwh AS text), 'difficulty', CAST(difficulty AS text),
           'difficulty_of_the_day', CAST(day_difficulty AS text), 'subsidy_btc', CAST(block_subsidy_btc AS text),
           'mined_btc', CAST(mined_btc AS text)
       )) FILTER (WHERE is_there AND NOT btc_holds), '[]') AS btc_recomputed,
       coalesce(jsonb_agg(jsonb_build_object(
           'miner_model', miner_model, 'settlement_period', settlement_period, 'bmu_id', bmu_id,
           'subsidy_btc', CAST(block_subsidy_btc AS text), 'subsidy_of_the_era_btc', CAST(era_subsidy_btc AS text)
       )) FILTER (WHERE is_there AND NOT subsidy_holds), '[]') AS subsidy_by_height
FROM compared
GROUP BY miner_model
ORDER BY miner_model;
