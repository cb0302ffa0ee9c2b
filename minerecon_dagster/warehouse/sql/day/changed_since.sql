-- Final days that later answers have changed since :since: what each was before the first of these changes, and what it is
-- after the last. A change that a person has taken is none of them, and what was before it is past.
SELECT r.settlement_date,
       (array_agg(r.old_archive_uri ORDER BY r.restatement_id))[1] AS old_archive_uri,
       (array_agg(r.old_all_bids_mwh ORDER BY r.restatement_id))[1] AS old_all_bids_mwh,
       (array_agg(r.old_curtailed_mwh ORDER BY r.restatement_id))[1] AS old_curtailed_mwh,
       (array_agg(r.old_payment_gbp ORDER BY r.restatement_id))[1] AS old_payment_gbp,
       (array_agg(r.new_all_bids_mwh ORDER BY r.restatement_id DESC))[1] AS new_all_bids_mwh,
       (array_agg(r.new_curtailed_mwh ORDER BY r.restatement_id DESC))[1] AS new_curtailed_mwh,
       (array_agg(r.new_payment_gbp ORDER BY r.restatement_id DESC))[1] AS new_payment_gbp
FROM minerecon.restatements AS r
WHERE r.detected_at > :since AND r.old_state = 'final'
  AND NOT EXISTS (
      SELECT FROM minerecon.restatements AS a
      WHERE a.settlement_date = r.settlement_date AND a.accepted_by IS NOT NULL AND a.restatement_id >= r.restatement_id)
GROUP BY r.settlement_date;
