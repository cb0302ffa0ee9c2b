-- Each figure of the day's summaries beside the sum of what it sums; those that differ.
WITH r AS (
    SELECT count(*) AS record_count, count(DISTINCT bmu_id) AS bmu_count, count(*) FILTER (WHERE so_flag) AS so_record_count,
           coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag), 0) AS curtailed_mwh,
           coalesce(sum(curtailed_mwh), 0) AS all_bids_mwh,
           coalesce(sum(volume_mwh * original_price_gbp_per_mwh) FILTER (WHERE so_flag), 0) AS payment_gbp,
           coalesce(sum(volume_mwh * original_price_gbp_per_mwh), 0) AS all_bids_payment_gbp,
           coalesce(sum(greatest(volume_mwh * original_price_gbp_per_mwh, 0)) FILTER (WHERE so_flag), 0) AS paid_gbp,
           coalesce(sum(greatest(-volume_mwh * original_price_gbp_per_mwh, 0)) FILTER (WHERE so_flag), 0) AS refunded_gbp,
           coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag AND original_price_gbp_per_mwh IS NULL), 0) AS unpriced_mwh
    FROM minerecon.curtailment_records WHERE settlement_date = :day
), w AS (
    SELECT CASE WHEN count(total_wind_mwh) = (
               SELECT periods_expected FROM minerecon.daily_summaries WHERE summary_date = :day
           ) THEN sum(total_wind_mwh) END AS wind_generation_mwh
    FROM minerecon.wind_generation_data WHERE settlement_date = :day
), figures (figure, expected, actual) AS (
    SELECT f.figure, f.expected, f.actual
    FROM r CROSS JOIN w LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = :day
    CROSS JOIN LATERAL (VALUES
        ('record_count', r.record_count::numeric, s.record_count::numeric),
        ('bmu_count', r.bmu_count::numeric, s.bmu_count::numeric),
        ('so_record_count', r.so_record_count::numeric, s.so_record_count::numeric),
        ('curtailed_mwh', r.curtailed_mwh, s.curtailed_mwh),
        ('all_bids_mwh', r.all_bids_mwh, s.all_bids_mwh),
        ('payment_gbp', r.payment_gbp, s.payment_gbp),
        ('all_bids_payment_gbp', r.all_bids_payment_gbp, s.all_bids_payment_gbp),
        ('paid_gbp', r.paid_gbp, s.paid_gbp),
        ('refunded_gbp', r.refunded_gbp, s.refunded_gbp),
        ('unpriced_mwh', r.unpriced_mwh, s.unpriced_mwh),
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
)
SELECT figure, expected, actual, expected IS NOT DISTINCT FROM actual AS matches FROM figures ORDER BY figure;
