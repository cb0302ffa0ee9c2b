-- The months (or years) :keys, made anew from the daily tables; one without any stored day has no row.
DELETE FROM $bitcoin WHERE $key = ANY(CAST(:keys AS $key_type[]));
DELETE FROM $sums WHERE $key = ANY(CAST(:keys AS $key_type[]));
-- No sum is dated before a day in it, whatever clock that had.
INSERT INTO $sums (
    $key, $sum_columns,
    days_expected, days_present, days_final, potential_days, is_synthetic, built_at, summed_days
)
SELECT $key, $sums_of_days,
       next_day - first_day, count(*), count(*) FILTER (WHERE is_final),
       count(*) FILTER (WHERE EXISTS (
           SELECT FROM minerecon.period_potential AS q WHERE q.settlement_date = summary_date
       )),
       bool_or(is_synthetic), greatest(CAST(:now AS timestamptz), max(built_at)),
       md5(string_agg(to_char(summary_date, 'YYYYMMDD') || ' ' || extract(epoch FROM built_at), ','
                      ORDER BY summary_date))
FROM (
    SELECT $key, $first_day_of_key AS first_day, $next_day_of_key AS next_day
    FROM unnest(CAST(:keys AS $key_type[])) AS asked ($key)
) AS p
JOIN minerecon.daily_summaries ON summary_date >= first_day AND summary_date < next_day
GROUP BY $key, first_day, next_day;
INSERT INTO $bitcoin ($key, miner_model, mined_btc, days_expected, days_present, days_final, built_at)
SELECT $key, b.miner_model, sum(b.mined_btc), s.days_expected, count(*),
       count(*) FILTER (WHERE d.is_final), s.built_at
FROM $sums AS s
JOIN minerecon.daily_summaries AS d ON d.summary_date >= $first_day_of_key AND d.summary_date < $next_day_of_key
JOIN minerecon.bitcoin_daily_summaries AS b USING (summary_date)
WHERE $key = ANY(CAST(:keys AS $key_type[]))
GROUP BY $key, b.miner_model, s.days_expected, s.built_at;
-- What was summed, beside the figures: whatever is typed into them later is another, and is told from sums that lag.
UPDATE $sums AS s
SET summed = to_jsonb(s) - CAST(ARRAY[
       $not_sealed
    ] AS text[]) || jsonb_build_object('bitcoin', (
        SELECT jsonb_object_agg(b.miner_model, jsonb_build_array(b.mined_btc, b.days_present, b.days_final))
        FROM $bitcoin AS b WHERE b.$key = s.$key
    ))
WHERE $key = ANY(CAST(:keys AS $key_type[]));
