-- How many other final days have lost more than the rest of the share `kept`, as nobody has decided.
SELECT count(DISTINCT settlement_date)
FROM minerecon.restatements
WHERE detected_at > :since AND settlement_date <> :day AND old_state = 'final' AND accepted_by IS NULL
  AND (new_all_bids_mwh < :kept * old_all_bids_mwh OR new_curtailed_mwh < :kept * old_curtailed_mwh
       OR (old_payment_gbp > 0 AND new_payment_gbp < :kept * old_payment_gbp));
