-- A change of a day that was over before: what it was, and what it is now. The growth of a day in progress is none.
INSERT INTO minerecon.restatements (
    settlement_date, detected_at, old_state, old_curtailed_mwh, new_curtailed_mwh, old_payment_gbp, new_payment_gbp,
    old_all_bids_mwh, new_all_bids_mwh, old_archive_uri, new_archive_uri, run_id, accepted_by
)
SELECT s.summary_date, :now, :state, :curtailed_mwh, s.curtailed_mwh, :payment_gbp, s.payment_gbp,
       :all_bids_mwh, s.all_bids_mwh, :archive_uri, s.archive_uri, :run_id, :accepted_by
FROM minerecon.daily_summaries AS s
WHERE s.summary_date = :day
  AND (s.curtailed_mwh, s.payment_gbp, s.all_bids_mwh, s.all_bids_payment_gbp)
      IS DISTINCT FROM (:curtailed_mwh, :payment_gbp, :all_bids_mwh, :all_bids_payment_gbp);
