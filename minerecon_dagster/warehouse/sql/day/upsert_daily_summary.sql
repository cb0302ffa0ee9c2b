-- A day's sums, from its records and nothing else. Headline figures are of SO-flagged bids.
INSERT INTO minerecon.daily_summaries (
    summary_date, curtailed_mwh, paid_gbp, refunded_gbp, unpriced_mwh, all_bids_mwh, all_bids_payment_gbp,
    record_count, bmu_count, so_record_count, periods_expected, periods_due, periods_present, state,
    wind_onshore_mwh, wind_offshore_mwh, wind_generation_mwh, archive_uri, is_synthetic, built_from, built_at
)
SELECT :day,
       coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag), 0),
       coalesce(sum(payment_gbp) FILTER (WHERE so_flag AND payment_gbp > 0), 0),
       coalesce(-sum(payment_gbp) FILTER (WHERE so_flag AND payment_gbp < 0), 0),
       coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag AND payment_gbp IS NULL), 0),
       coalesce(sum(curtailed_mwh), 0),
       coalesce(sum(payment_gbp), 0),
       count(r.bmu_id),
       count(DISTINCT bmu_id),
       count(*) FILTER (WHERE so_flag),
       :periods_expected, :periods_due, :periods_present, :state,
       wind.onshore_mwh, wind.offshore_mwh, wind.onshore_mwh + wind.offshore_mwh,
       :archive_uri, :is_synthetic, :built_from, :built_at
FROM (
    -- Of the whole day or not at all: a part of it beside a whole day's curtailment would mislead.
    SELECT CASE WHEN count(wind_onshore_mw) = :periods_expected THEN sum(wind_onshore_mw) * 0.5 END AS onshore_mwh,
           CASE WHEN count(wind_offshore_mw) = :periods_expected THEN sum(wind_offshore_mw) * 0.5 END AS offshore_mwh
    FROM minerecon.wind_generation_data WHERE settlement_date = :day
) AS wind
LEFT JOIN minerecon.curtailment_records AS r ON r.settlement_date = :day
GROUP BY wind.onshore_mwh, wind.offshore_mwh
ON CONFLICT (summary_date) DO UPDATE SET
    curtailed_mwh = excluded.curtailed_mwh, paid_gbp = excluded.paid_gbp, refunded_gbp = excluded.refunded_gbp,
    unpriced_mwh = excluded.unpriced_mwh, all_bids_mwh = excluded.all_bids_mwh,
    all_bids_payment_gbp = excluded.all_bids_payment_gbp, record_count = excluded.record_count,
    bmu_count = excluded.bmu_count, so_record_count = excluded.so_record_count,
    periods_expected = excluded.periods_expected, periods_due = excluded.periods_due,
    periods_present = excluded.periods_present, state = excluded.state, archive_uri = excluded.archive_uri,
    wind_onshore_mwh = excluded.wind_onshore_mwh, wind_offshore_mwh = excluded.wind_offshore_mwh,
    wind_generation_mwh = excluded.wind_generation_mwh, is_synthetic = excluded.is_synthetic,
    built_from = excluded.built_from, built_at = excluded.built_at;
