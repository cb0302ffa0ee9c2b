-- Every day of a range, stored or not, with its status and the price of Bitcoin.
SELECT d.day::date AS settlement_date,
       coalesce(r.status, 'missing') AS status,
       p.price_gbp,
       EXISTS (SELECT FROM minerecon.restatements AS x WHERE x.settlement_date = d.day::date) AS is_restated,
       u.reason || ' (accepted by ' || u.accepted_by || ')' AS closed
FROM generate_series(CAST(:first AS date), CAST(:last AS date), interval '1 day') AS d (day)
LEFT JOIN analytics.reconciliation_status AS r ON r.settlement_date = d.day::date
LEFT JOIN minerecon.unavailable_days AS u ON u.settlement_date = d.day::date
LEFT JOIN minerecon.bitcoin_price_gbp AS p ON p.price_date = d.day::date
ORDER BY 1;
