-- Every day of a range, stored or not, with its status, its figures and the price of Bitcoin.
SELECT d.day::date AS settlement_date,
       coalesce(r.status, 'missing') AS status,
       coalesce(r.not_passed, '{}') AS not_passed,
       s.state, s.curtailed_mwh, s.paid_gbp, s.refunded_gbp, s.payment_gbp, s.all_bids_mwh, s.all_bids_payment_gbp,
       s.wind_generation_mwh, s.unpriced_mwh, s.built_at, coalesce(s.is_synthetic, false) AS is_synthetic,
       p.price_gbp,
       (SELECT jsonb_object_agg(b.miner_model, CAST(b.mined_btc AS text))
        FROM minerecon.bitcoin_daily_summaries AS b WHERE b.summary_date = d.day::date) AS mined_btc,
       EXISTS (SELECT FROM minerecon.restatements AS x WHERE x.settlement_date = d.day::date) AS is_restated,
       u.reason || ' (accepted by ' || u.accepted_by || ')' AS closed
FROM generate_series(CAST(:first AS date), CAST(:last AS date), interval '1 day') AS d (day)
LEFT JOIN analytics.reconciliation_status AS r ON r.settlement_date = d.day::date
LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = d.day::date
LEFT JOIN minerecon.unavailable_days AS u ON u.settlement_date = d.day::date
LEFT JOIN minerecon.bitcoin_price_gbp AS p ON p.price_date = d.day::date
ORDER BY 1;
