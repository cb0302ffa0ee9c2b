-- The stored sums of the months (or years) :keys, with the Bitcoin of each model.
SELECT s.$key AS key, s.curtailed_mwh, s.payment_gbp, s.days_present, s.days_expected, s.days_final, s.is_complete,
       s.is_synthetic, b.mined_btc,
       (SELECT count(*) FROM minerecon.unavailable_days
        WHERE $key_of_settlement_date = s.$key) AS days_unavailable
FROM $sums AS s
LEFT JOIN (
    SELECT $key, jsonb_object_agg(miner_model, CAST(mined_btc AS text)) AS mined_btc FROM $bitcoin GROUP BY $key
) AS b USING ($key)
WHERE s.$key = ANY(CAST(:keys AS $key_type[]))
ORDER BY s.$key;
