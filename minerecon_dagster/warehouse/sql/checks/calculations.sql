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
), records AS MATERIALIZED (
    SELECT settlement_period, bmu_id, sum(curtailed_mwh) AS curtailed_mwh
    FROM minerecon.curtailment_records
    WHERE settlement_date = :day AND so_flag
    GROUP BY settlement_period, bmu_id
), actual AS (
    SELECT c.miner_model, c.settlement_period, c.bmu_id, r.curtailed_mwh AS record_mwh,
           c.curtailed_mwh AS calculation_mwh, c.difficulty, d.difficulty AS day_difficulty, c.block_subsidy_btc,
           s.block_subsidy_btc AS era_subsidy_btc, c.mined_btc, c.formula_version, r.bmu_id IS NOT NULL AS is_expected,
           coalesce(r.curtailed_mwh = c.curtailed_mwh, false) AS energy_holds,
           coalesce(c.formula_version = :formula_version, false) AS version_holds,
           coalesce(c.difficulty = d.difficulty AND abs(x.costs - x.gains) <= x.gains * CAST(:tolerance AS numeric),
                    false) AS btc_holds,
           coalesce(c.block_subsidy_btc = s.block_subsidy_btc, false) AS subsidy_holds
    FROM minerecon.historical_bitcoin_calculations AS c
    LEFT JOIN models AS m USING (miner_model)
    -- Of a model that the list does not have, nothing is expected.
    LEFT JOIN records AS r
        ON r.settlement_period = c.settlement_period AND r.bmu_id = c.bmu_id AND m.miner_model IS NOT NULL
    LEFT JOIN subsidies AS s ON s.settlement_period = c.settlement_period
    LEFT JOIN minerecon.bitcoin_difficulty AS d ON d.settlement_date = :day
    CROSS JOIN LATERAL (
        SELECT c.mined_btc * c.difficulty * m.cost AS costs, c.curtailed_mwh * c.block_subsidy_btc * m.gain AS gains
        OFFSET 0  -- each is computed once
    ) AS x
    WHERE c.settlement_date = :day
    OFFSET 0  -- and so is what holds
), found AS (
    SELECT miner_model, count(*) AS calculated, count(*) FILTER (WHERE is_expected) AS expected,
           count(*) FILTER (WHERE is_expected AND energy_holds AND version_holds AND btc_holds AND subsidy_holds)
               AS matched,
           coalesce(jsonb_agg(jsonb_build_object(
               'miner_model', miner_model, 'settlement_period', settlement_period, 'bmu_id', bmu_id,
               'record_mwh', CAST(record_mwh AS text), 'calculation_mwh', CAST(calculation_mwh AS text)
           )) FILTER (WHERE NOT energy_holds), '[]') AS calculations_match_records,
           coalesce(jsonb_agg(jsonb_build_object(
               'miner_model', miner_model, 'settlement_period', settlement_period, 'bmu_id', bmu_id,
               'formula_version', formula_version
           )) FILTER (WHERE NOT version_holds), '[]') AS one_formula_version,
           coalesce(jsonb_agg(jsonb_build_object(
               'miner_model', miner_model, 'settlement_period', settlement_period, 'bmu_id', bmu_id,
               'mwh', CAST(calculation_mwh AS text), 'difficulty', CAST(difficulty AS text),
               'difficulty_of_the_day', CAST(day_difficulty AS text), 'subsidy_btc', CAST(block_subsidy_btc AS text),
               'mined_btc', CAST(mined_btc AS text)
           )) FILTER (WHERE NOT btc_holds), '[]') AS btc_recomputed,
           coalesce(jsonb_agg(jsonb_build_object(
               'miner_model', miner_model, 'settlement_period', settlement_period, 'bmu_id', bmu_id,
               'subsidy_btc', CAST(block_subsidy_btc AS text), 'subsidy_of_the_era_btc', CAST(era_subsidy_btc AS text)
           )) FILTER (WHERE NOT subsidy_holds), '[]') AS subsidy_by_height
    FROM actual
    GROUP BY miner_model
), missing AS (
    -- A calculation is of one record at most: they are looked for where fewer have one than there are records.
    SELECT m.miner_model, count(*) AS missing, jsonb_agg(jsonb_build_object(
               'miner_model', m.miner_model, 'settlement_period', r.settlement_period, 'bmu_id', r.bmu_id,
               'record_mwh', CAST(r.curtailed_mwh AS text), 'calculation_mwh', NULL
           )) AS calculations_match_records
    FROM models AS m
    LEFT JOIN found AS f USING (miner_model)
    CROSS JOIN records AS r
    WHERE coalesce(f.expected, 0) < (SELECT count(*) FROM records) AND NOT EXISTS (
        SELECT FROM minerecon.historical_bitcoin_calculations AS c
        WHERE c.settlement_date = :day AND c.settlement_period = r.settlement_period AND c.bmu_id = r.bmu_id
          AND c.miner_model = m.miner_model
    )
    GROUP BY m.miner_model
)
SELECT miner_model, coalesce(f.calculated, 0) + coalesce(x.missing, 0) AS compared,
       coalesce(f.expected, 0) + coalesce(x.missing, 0) AS expected, coalesce(f.calculated, 0) AS calculated,
       coalesce(f.matched, 0) AS matched,
       coalesce(f.calculations_match_records, '[]') || coalesce(x.calculations_match_records, '[]')
           AS calculations_match_records,
       coalesce(f.one_formula_version, '[]') AS one_formula_version,
       coalesce(f.btc_recomputed, '[]') AS btc_recomputed,
       coalesce(f.subsidy_by_height, '[]') AS subsidy_by_height
FROM found AS f
FULL JOIN missing AS x USING (miner_model)
ORDER BY miner_model;
