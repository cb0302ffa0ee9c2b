-- The set of (period, unit) and the energy, compared between the SO-flagged records and each model's calculations:
-- how many were compared, how many differ, and a sample of those.
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
SELECT count(*) AS compared,
       count(*) FILTER (WHERE e.curtailed_mwh IS DISTINCT FROM a.curtailed_mwh) AS violation_count,
       coalesce((array_agg(jsonb_build_object(
           'miner_model', miner_model, 'settlement_period', settlement_period, 'bmu_id', bmu_id,
           'record_mwh', CAST(e.curtailed_mwh AS text), 'calculation_mwh', CAST(a.curtailed_mwh AS text)
       ) ORDER BY miner_model, settlement_period, bmu_id)
           FILTER (WHERE e.curtailed_mwh IS DISTINCT FROM a.curtailed_mwh))[1:CAST(:sample_size AS int)], '{}') AS violations
FROM expected AS e
FULL OUTER JOIN actual AS a USING (miner_model, settlement_period, bmu_id);
