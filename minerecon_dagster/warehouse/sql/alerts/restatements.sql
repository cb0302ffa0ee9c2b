-- Changes at the source beyond a number; of a day that was not final before they are no news.
SELECT restatement_id, settlement_date, detected_at, old_curtailed_mwh, new_curtailed_mwh, old_payment_gbp,
       new_payment_gbp, old_all_bids_mwh, new_all_bids_mwh, run_id
FROM minerecon.restatements
WHERE restatement_id > :after AND old_state = 'final'
ORDER BY restatement_id;
