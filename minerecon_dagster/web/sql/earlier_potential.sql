-- The Bitcoin of SO-flagged energy over a range of stored days: of all of it, of a lead party, or of a BM unit; of all of
-- these days or not at all, where the model was not calculated for one of them yet.
WITH stored AS (
    SELECT s.summary_date, s.is_final FROM minerecon.daily_summaries AS s
    WHERE s.summary_date BETWEEN %(first)s AND %(last)s
), mined AS (
    SELECT CASE WHEN EXISTS (
               SELECT FROM stored AS s WHERE NOT EXISTS (
                   SELECT FROM minerecon.bitcoin_daily_summaries AS b
                   WHERE b.summary_date = s.summary_date AND b.miner_model = %(model)s
               )
           ) THEN NULL
           WHEN CAST(%(lead_party)s AS text) IS NULL AND CAST(%(unit)s AS text) IS NULL THEN (
               SELECT sum(b.mined_btc) FROM minerecon.bitcoin_daily_summaries AS b
               WHERE b.miner_model = %(model)s AND b.summary_date BETWEEN %(first)s AND %(last)s
           ) ELSE (
               SELECT coalesce(sum(c.mined_btc), 0)
               FROM minerecon.unit_daily_summaries AS u
               JOIN minerecon.historical_bitcoin_calculations AS c
                   ON c.settlement_date = u.settlement_date AND c.bmu_id = u.bmu_id AND c.miner_model = %(model)s
               WHERE u.settlement_date BETWEEN %(first)s AND %(last)s
                 AND c.settlement_date BETWEEN %(first)s AND %(last)s
                 AND (CAST(%(lead_party)s AS text) IS NULL OR u.lead_party_name = %(lead_party)s)
                 AND (CAST(%(unit)s AS text) IS NULL OR u.bmu_id = %(unit)s)
           ) END AS btc
), price AS (
    SELECT p.price_gbp FROM minerecon.bitcoin_price_gbp AS p ORDER BY p.price_date DESC LIMIT 1
)
SELECT round(m.btc, 8) AS "bitcoinMined",
       round(m.btc * (SELECT price_gbp FROM price), 2) AS "valueAtCurrentPrice",
       (SELECT d.difficulty FROM minerecon.bitcoin_difficulty AS d
        WHERE d.settlement_date BETWEEN %(first)s AND %(last)s ORDER BY d.settlement_date DESC LIMIT 1) AS difficulty,
       (SELECT price_gbp FROM price) AS "currentPrice"
FROM mined AS m WHERE EXISTS (SELECT FROM stored);
