-- A day's sums, from its records and nothing else. Headline figures are of SO-flagged bids.
INSERT INTO minerecon.daily_summaries (
    summary_date, curtailed_mwh, paid_gbp, refunded_gbp, unpriced_mwh, all_bids_mwh, all_bids_payment_gbp,
    record_count, bmu_count, so_record_count, periods_expected, periods_due, periods_present, state, archive_uri,
    is_synthetic, built_at
)
SELECT :day,
       coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag), 0),
       coalesce(sum(payment_gbp) FILTER (WHERE so_flag AND payment_gbp > 0), 0),
       coalesce(-sum(payment_gbp) FILTER (WHERE so_flag AND payment_gbp < 0), 0),
       coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag AND payment_gbp IS NULL), 0),
       coalesce(sum(curtailed_mwh), 0),
       coalesce(sum(payment_gbp), 0),
       count(*),
       count(DISTINCT bmu_id),
       count(*) FILTER (WHERE so_flag),
       :periods_expected, :periods_due, :periods_present, :state, :archive_uri, :is_synthetic, :built_at
FROM minerecon.curtailment_records
WHERE settlement_date = :day
ON CONFLICT (summary_date) DO UPDATE SET
    curtailed_mwh = excluded.curtailed_mwh, paid_gbp = excluded.paid_gbp, refunded_gbp = excluded.refunded_gbp,
    unpriced_mwh = excluded.unpriced_mwh, all_bids_mwh = excluded.all_bids_mwh,
    all_bids_payment_gbp = excluded.all_bids_payment_gbp, record_count = excluded.record_count,
    bmu_count = excluded.bmu_count, so_record_count = excluded.so_record_count,
    periods_expected = excluded.periods_expected, periods_due = excluded.periods_due,
    periods_present = excluded.periods_present, state = excluded.state, archive_uri = excluded.archive_uri,
    is_synthetic = excluded.is_synthetic, built_at = excluded.built_at;
