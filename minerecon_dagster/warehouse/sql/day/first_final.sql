-- A day as it was when it was first final, or when a person last took a change of it: what the first restatement since
-- then has replaced. No row where nothing has replaced it.
SELECT old_archive_uri, old_all_bids_mwh, old_curtailed_mwh
FROM minerecon.restatements AS r
WHERE settlement_date = :day AND old_state = 'final' AND accepted_by IS NULL
  AND NOT EXISTS (
      SELECT FROM minerecon.restatements AS taken
      WHERE taken.settlement_date = r.settlement_date AND taken.accepted_by IS NOT NULL
        AND taken.restatement_id > r.restatement_id
  )
ORDER BY restatement_id
LIMIT 1;
