-- The stored sums of the years :years, with the Bitcoin of each model.
SELECT s.year, s.curtailed_mwh, s.payment_gbp, s.days_present, s.days_expected, s.days_final, s.is_complete,
       s.is_synthetic, b.mined_btc,
       (SELECT count(*) FROM minerecon.unavailable_days AS u
        WHERE extract(year FROM u.settlement_date) = s.year) AS days_unavailable
FROM minerecon.yearly_summaries AS s
LEFT JOIN (
    SELECT year, jsonb_object_agg(miner_model, CAST(mined_btc AS text)) AS mined_btc
    FROM minerecon.bitcoin_yearly_summaries GROUP BY year
) AS b USING (year)
WHERE s.year = ANY(CAST(:years AS smallint[]))
ORDER BY s.year;
