-- The set of (period, unit) and the energy, equal between the SO-flagged records and each model's calculations.
WITH records AS (
    SELECT settlement_period, bmu_id, sum(curtailed_mwh) AS curtailed_mwh
    FROM minerecon.curtailment_records
    WHERE settlement_date = :day AND so_flag
    GROUP BY settlement_period, bmu_id
), expected AS (
    SELECT r.*, m.miner_model FROM records AS r CROSS JOIN unnest(CAST(:models AS text[])) AS m (miner_model)
), actual AS (
    SELECT settlement_period, bmu_id, curtailed_mwh, miner_model
    FROM minerecon.historical_bitcoin_calculations
    WHERE settlement_date = :day AND miner_model = ANY(:models)
)
SELECT miner_model, settlement_period, bmu_id, e.curtailed_mwh AS record_mwh, a.curtailed_mwh AS calculation_mwh
FROM expected AS e
FULL OUTER JOIN actual AS a USING (miner_model, settlement_period, bmu_id)
WHERE e.curtailed_mwh IS DISTINCT FROM a.curtailed_mwh
ORDER BY miner_model, settlement_period, bmu_id;
