-- Each figure of the day's summaries beside the sum of what it sums; those that differ.
WITH parts AS (
    SELECT bmu_id, settlement_period, min(lead_party_name) AS lead_party_name,
           coalesce(sum(-volume_mwh) FILTER (WHERE so_flag), 0) AS curtailed_mwh,
           coalesce(sum(greatest(gbp, 0)) FILTER (WHERE so_flag), 0) AS paid_gbp,
           coalesce(sum(greatest(-gbp, 0)) FILTER (WHERE so_flag), 0) AS refunded_gbp,
           coalesce(sum(-volume_mwh) FILTER (WHERE so_flag AND gbp IS NULL), 0) AS unpriced_mwh,
           sum(-volume_mwh) AS all_bids_mwh,
           coalesce(sum(greatest(gbp, 0)), 0) AS all_bids_paid_gbp,
           coalesce(sum(greatest(-gbp, 0)), 0) AS all_bids_refunded_gbp,
           coalesce(sum(-volume_mwh) FILTER (WHERE gbp IS NULL), 0) AS all_bids_unpriced_mwh,
           count(*) AS record_count, count(*) FILTER (WHERE so_flag) AS so_record_count,
           count(DISTINCT settlement_period) AS period_count,
           count(DISTINCT settlement_period) FILTER (WHERE so_flag) AS so_period_count,
           count(DISTINCT bmu_id) AS bmu_count, count(DISTINCT bmu_id) FILTER (WHERE so_flag) AS so_bmu_count
    FROM (
        SELECT *, volume_mwh * original_price_gbp_per_mwh AS gbp
        FROM minerecon.curtailment_records WHERE settlement_date = :day
    ) AS priced
    GROUP BY GROUPING SETS ((bmu_id), (settlement_period))
), r AS (
    SELECT coalesce(sum(record_count), 0) AS record_count, count(*) AS bmu_count,
           coalesce(sum(so_record_count), 0) AS so_record_count, coalesce(sum(curtailed_mwh), 0) AS curtailed_mwh,
           coalesce(sum(all_bids_mwh), 0) AS all_bids_mwh, coalesce(sum(paid_gbp - refunded_gbp), 0) AS payment_gbp,
           coalesce(sum(all_bids_paid_gbp - all_bids_refunded_gbp), 0) AS all_bids_payment_gbp,
           coalesce(sum(paid_gbp), 0) AS paid_gbp, coalesce(sum(refunded_gbp), 0) AS refunded_gbp,
           coalesce(sum(unpriced_mwh), 0) AS unpriced_mwh
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
    UNION ALL
    SELECT 'units with the sums of their records', count(*), count(*) FILTER (WHERE (
               u.lead_party_name, u.curtailed_mwh, u.paid_gbp, u.refunded_gbp, u.unpriced_mwh, u.all_bids_mwh,
               u.all_bids_paid_gbp, u.all_bids_refunded_gbp, u.all_bids_unpriced_mwh, u.record_count,
               u.so_record_count, u.period_count, u.so_period_count
           ) IS NOT DISTINCT FROM (
               e.lead_party_name, e.curtailed_mwh, e.paid_gbp, e.refunded_gbp, e.unpriced_mwh, e.all_bids_mwh,
               e.all_bids_paid_gbp, e.all_bids_refunded_gbp, e.all_bids_unpriced_mwh, e.record_count,
               e.so_record_count, e.period_count, e.so_period_count
           ))
    FROM (SELECT * FROM parts WHERE settlement_period IS NULL) AS e
    FULL JOIN (SELECT * FROM minerecon.unit_daily_summaries WHERE settlement_date = :day) AS u USING (bmu_id)
    UNION ALL
    SELECT 'periods with the sums of their records', count(*), count(*) FILTER (WHERE (
               p.curtailed_mwh, p.paid_gbp, p.refunded_gbp, p.unpriced_mwh, p.all_bids_mwh, p.all_bids_paid_gbp,
               p.all_bids_refunded_gbp, p.all_bids_unpriced_mwh, p.record_count, p.so_record_count, p.bmu_count,
               p.so_bmu_count
           ) IS NOT DISTINCT FROM (
               e.curtailed_mwh, e.paid_gbp, e.refunded_gbp, e.unpriced_mwh, e.all_bids_mwh, e.all_bids_paid_gbp,
               e.all_bids_refunded_gbp, e.all_bids_unpriced_mwh, e.record_count, e.so_record_count, e.bmu_count,
               e.so_bmu_count
           ))
    FROM (SELECT * FROM parts WHERE bmu_id IS NULL) AS e
    FULL JOIN (SELECT * FROM minerecon.period_summaries WHERE settlement_date = :day) AS p USING (settlement_period)
)
SELECT figure, expected, actual, expected IS NOT DISTINCT FROM actual AS matches FROM figures ORDER BY figure;
