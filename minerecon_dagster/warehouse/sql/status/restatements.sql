-- The changes seen at the source of days from :first_day to :last_day, newest first, and how many there are.
SELECT settlement_date, detected_at, old_state, old_curtailed_mwh, new_curtailed_mwh, old_payment_gbp, new_payment_gbp,
       count(*) OVER () AS all_count
FROM minerecon.restatements
WHERE settlement_date BETWEEN :first_day AND :last_day
ORDER BY detected_at DESC, restatement_id DESC
LIMIT :sample_size;
