-- The day's sums per unit and per period, from its records and nothing else. Headline figures are of SO-flagged bids.
INSERT INTO minerecon.unit_daily_summaries (
    settlement_date, bmu_id, lead_party_name, curtailed_mwh, paid_gbp, refunded_gbp, unpriced_mwh, all_bids_mwh,
    all_bids_paid_gbp, all_bids_refunded_gbp, all_bids_unpriced_mwh, record_count, so_record_count, period_count,
    so_period_count
)
SELECT settlement_date, bmu_id, min(lead_party_name),
       coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag), 0),
       coalesce(sum(payment_gbp) FILTER (WHERE so_flag AND payment_gbp > 0), 0),
       coalesce(-sum(payment_gbp) FILTER (WHERE so_flag AND payment_gbp < 0), 0),
       coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag AND payment_gbp IS NULL), 0),
       sum(curtailed_mwh),
       coalesce(sum(payment_gbp) FILTER (WHERE payment_gbp > 0), 0),
       coalesce(-sum(payment_gbp) FILTER (WHERE payment_gbp < 0), 0),
       coalesce(sum(curtailed_mwh) FILTER (WHERE payment_gbp IS NULL), 0),
       count(*),
       count(*) FILTER (WHERE so_flag),
       count(DISTINCT settlement_period),
       count(DISTINCT settlement_period) FILTER (WHERE so_flag)
FROM minerecon.curtailment_records
WHERE settlement_date = :day
GROUP BY settlement_date, bmu_id;
INSERT INTO minerecon.period_summaries (
    settlement_date, settlement_period, curtailed_mwh, paid_gbp, refunded_gbp, unpriced_mwh, all_bids_mwh,
    all_bids_paid_gbp, all_bids_refunded_gbp, all_bids_unpriced_mwh, record_count, so_record_count, bmu_count,
    so_bmu_count
)
SELECT settlement_date, settlement_period,
       coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag), 0),
       coalesce(sum(payment_gbp) FILTER (WHERE so_flag AND payment_gbp > 0), 0),
       coalesce(-sum(payment_gbp) FILTER (WHERE so_flag AND payment_gbp < 0), 0),
       coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag AND payment_gbp IS NULL), 0),
       sum(curtailed_mwh),
       coalesce(sum(payment_gbp) FILTER (WHERE payment_gbp > 0), 0),
       coalesce(-sum(payment_gbp) FILTER (WHERE payment_gbp < 0), 0),
       coalesce(sum(curtailed_mwh) FILTER (WHERE payment_gbp IS NULL), 0),
       count(*),
       count(*) FILTER (WHERE so_flag),
       count(DISTINCT bmu_id),
       count(DISTINCT bmu_id) FILTER (WHERE so_flag)
FROM minerecon.curtailment_records
WHERE settlement_date = :day
GROUP BY settlement_date, settlement_period;
