-- The stored figures of some days, and how many properties of each were looked at.
SELECT r.settlement_date, r.check_count,
       s.record_count, s.so_record_count, s.curtailed_mwh, s.payment_gbp, s.all_bids_mwh, s.all_bids_payment_gbp,
       s.periods_expected, s.periods_due, s.periods_present, r.is_synthetic
FROM analytics.reconciliation_status AS r
LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = r.settlement_date
WHERE r.settlement_date = ANY(:days);
