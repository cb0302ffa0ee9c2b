-- Each figure of the day's summaries beside the sum of what it sums; those that differ.
WITH parts AS (
    SELECT bmu_id, settlement_period, min(lead_party_name) AS lead_party_name,
           $part_recomputed,
           count(DISTINCT settlement_period) AS period_count,
           count(DISTINCT settlement_period) FILTER (WHERE so_flag) AS so_period_count,
           count(DISTINCT bmu_id) AS bmu_count, count(DISTINCT bmu_id) FILTER (WHERE so_flag) AS so_bmu_count
    FROM (
        SELECT *, volume_mwh * original_price_gbp_per_mwh AS gbp
        FROM minerecon.curtailment_records WHERE settlement_date = :day
    ) AS priced
    GROUP BY GROUPING SETS ((bmu_id), (settlement_period))
), r AS (
    SELECT $day_of_parts_named, count(*) AS bmu_count, coalesce(sum(paid_gbp - refunded_gbp), 0) AS payment_gbp
    FROM parts WHERE settlement_period IS NULL
), w AS (
    SELECT CASE WHEN count(total_wind_mwh) = (
               SELECT periods_expected FROM minerecon.daily_summaries WHERE summary_date = :day
           ) THEN sum(total_wind_mwh) END AS wind_generation_mwh
    FROM minerecon.wind_generation_data WHERE settlement_date = :day
), figures (figure, expected, actual) AS (
    SELECT f.figure, f.expected, f.actual
    FROM r CROSS JOIN w LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = :day
    CROSS JOIN LATERAL (VALUES
       $day_values,
        ('bmu_count', r.bmu_count::numeric, s.bmu_count::numeric),
        ('payment_gbp', r.payment_gbp, s.payment_gbp),
        ('wind_generation_mwh', w.wind_generation_mwh, s.wind_generation_mwh)
    ) AS f (figure, expected, actual)
    UNION ALL
    SELECT 'mined_btc ' || m.miner_model, coalesce(c.mined_btc, 0), b.mined_btc
    FROM minerecon.miner_models AS m
    LEFT JOIN (
        SELECT miner_model, sum(mined_btc) AS mined_btc FROM minerecon.historical_bitcoin_calculations
        WHERE settlement_date = :day GROUP BY miner_model
    ) AS c USING (miner_model)
    LEFT JOIN minerecon.bitcoin_daily_summaries AS b ON b.miner_model = m.miner_model AND b.summary_date = :day
    WHERE m.miner_model = ANY(:models)
    UNION ALL
    SELECT 'units with the sums of their records', count(*), count(*) FILTER (WHERE (
               u.lead_party_name, u.period_count, u.so_period_count,
               $u_part_columns
           ) IS NOT DISTINCT FROM (
               e.lead_party_name, e.period_count, e.so_period_count,
               $e_part_columns
           ))
    FROM (SELECT * FROM parts WHERE settlement_period IS NULL) AS e
    FULL JOIN (SELECT * FROM minerecon.unit_daily_summaries WHERE settlement_date = :day) AS u USING (bmu_id)
    UNION ALL
    SELECT 'periods with the sums of their records', count(*), count(*) FILTER (WHERE (
               p.bmu_count, p.so_bmu_count,
               $p_part_columns
           ) IS NOT DISTINCT FROM (
               e.bmu_count, e.so_bmu_count,
               $e_part_columns
           ))
    FROM (SELECT * FROM parts WHERE bmu_id IS NULL) AS e
    FULL JOIN (SELECT * FROM minerecon.period_summaries WHERE settlement_date = :day) AS p USING (settlement_period)
)
SELECT figure, expected, actual, expected IS NOT DISTINCT FROM actual AS matches FROM figures ORDER BY figure;
