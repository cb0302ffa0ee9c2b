-- Every month (or year) that has a stored day or a sum, and what is wrong with its sums, if anything is; all of one
-- snapshot. Sums are compared with what was summed, first of all: what somebody typed in is no sum of any day, whatever
-- its days have become since. If its days are no longer those that were summed, as their times of building say, it lags,
-- since the first of them was built or closed, or else the newest day was. A day that was not stored when it was closed is
-- none that a sum lacks. If its days are those, every figure must be the sum of them: whole
-- rows are compared, so that no column is forgotten. Sums of before that was kept have none of it, and are compared with
-- their days alone.
WITH of_days AS (
    SELECT $key, $sums_of_days,
           $next_day_of_key - $first_day_of_key AS days_expected, count(*) AS days_present,
           count(*) FILTER (WHERE is_final) AS days_final,
           count(*) FILTER (WHERE EXISTS (
               SELECT FROM minerecon.period_potential AS q WHERE q.settlement_date = d.summary_date
           )) AS potential_days,
           bool_or(is_synthetic) AS is_synthetic
    FROM (SELECT $key_of_summary_date AS $key, * FROM minerecon.daily_summaries) AS d GROUP BY $key
), days AS (
    SELECT $key_of_summary_date AS $key,
           max(built_at) AS newest_day_built_at, min(built_at) AS oldest_day_built_at,
           md5(string_agg(to_char(summary_date, 'YYYYMMDD') || ' ' || extract(epoch FROM built_at), ','
                          ORDER BY summary_date)) AS stored_days
    FROM minerecon.daily_summaries GROUP BY 1
), parts AS (
    SELECT $key, jsonb_object_agg(miner_model, jsonb_build_array(mined_btc, days_present, days_final)) AS bitcoin
    FROM (
        SELECT $key_of_summary_date AS $key, miner_model,
               sum(mined_btc) AS mined_btc, count(*) AS days_present,
               count(*) FILTER (WHERE is_final) AS days_final
        FROM minerecon.bitcoin_daily_summaries JOIN minerecon.daily_summaries USING (summary_date)
        GROUP BY 1, miner_model
    ) AS of_model GROUP BY $key
), sums AS (
    SELECT $key, jsonb_object_agg(miner_model, jsonb_build_array(mined_btc, days_present, days_final)) AS bitcoin
    FROM $bitcoin GROUP BY $key
), failing AS (
    SELECT $key_of_settlement_date AS $key,
           array_agg(settlement_date ORDER BY settlement_date) AS waits_for
    FROM analytics.reconciliation_status WHERE status = 'failing' GROUP BY 1
)
SELECT $key AS key,
       CASE WHEN s.built_at IS NULL THEN days.oldest_day_built_at
            ELSE coalesce(least((
                SELECT min(d.built_at) FROM minerecon.daily_summaries AS d
                WHERE d.summary_date >= $first_day_of_key AND d.summary_date < $next_day_of_key
                  AND d.built_at > s.built_at
            ), closed.first_since), (
                SELECT min(a.built_at) FROM minerecon.later_answers AS a
                WHERE a.settlement_date >= $first_day_of_key AND a.settlement_date < $next_day_of_key
                  AND a.built_at > s.built_at
            ), greatest(days.newest_day_built_at, closed.newest)) END AS lagging_since,
       coalesce(failing.waits_for, '{}') AS waits_for,
       CASE WHEN days.stored_days IS NULL AND closed.newest IS NULL THEN 'its days are gone'
            WHEN s.built_at IS NULL AND sums.bitcoin IS NULL THEN 'missing'
            WHEN s.built_at IS NULL
              OR s.summed IS NOT NULL AND (NOT to_jsonb(s) @> (s.summed - 'bitcoin')
                                           OR coalesce(sums.bitcoin, 'null') <> s.summed -> 'bitcoin')
                THEN 'not the sum of its days: changed after it was summed'
            WHEN s.built_at < days.newest_day_built_at THEN 'older than a day in it'
            WHEN days.stored_days IS NULL OR s.summed_days <> days.stored_days THEN 'of other days than are stored'
            -- What comes later of a day comes to the sums with the next roll-up.
            WHEN s.potential_days <> of_days.potential_days THEN 'of other days than are stored'
            WHEN to_jsonb(s) - CAST(ARRAY[
       $not_sealed
                 ] AS text[]) IS DISTINCT FROM to_jsonb(of_days)
              OR sums.bitcoin IS DISTINCT FROM parts.bitcoin THEN 'not the sum of its days' END AS problem
FROM days
JOIN of_days USING ($key)
FULL OUTER JOIN $sums AS s USING ($key)
FULL OUTER JOIN sums USING ($key)
LEFT JOIN parts USING ($key)
LEFT JOIN failing USING ($key)
LEFT JOIN LATERAL (
    SELECT min(u.closed_at) FILTER (WHERE u.closed_at > s.built_at) AS first_since, max(u.closed_at) AS newest
    FROM minerecon.unavailable_days AS u
    WHERE u.settlement_date >= $first_day_of_key AND u.settlement_date < $next_day_of_key AND u.archive_uri IS NOT NULL
) AS closed ON true
ORDER BY $key;
