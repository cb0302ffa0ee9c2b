-- Changes at the source, of the days of a range.
SELECT settlement_date, detected_at, old_state, old_curtailed_mwh, new_curtailed_mwh, old_payment_gbp, new_payment_gbp
FROM minerecon.restatements
WHERE settlement_date BETWEEN :first AND :last
ORDER BY settlement_date, restatement_id;
