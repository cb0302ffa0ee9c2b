-- Days that have no price yet, and the latest ones, which the source may still correct.
SELECT d.day::date
FROM generate_series(CAST(:first_day AS timestamp), CAST(:last_day AS timestamp), INTERVAL '1 day') AS d (day)
LEFT JOIN minerecon.bitcoin_price_gbp AS p ON p.price_date = d.day::date
WHERE p.price_date IS NULL OR d.day > CAST(:last_day AS timestamp) - CAST(:recent_days AS integer) * INTERVAL '1 day'
ORDER BY 1
