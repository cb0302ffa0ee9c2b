-- What the tables say of the metered output of :day, just written: a row per property. Of several runs of a unit's day the
-- highest that has every period counts.
WITH counted AS (
    SELECT DISTINCT ON (m.settlement_date, m.bmu_id) m.settlement_date, m.bmu_id, m.metered_mwh
    FROM minerecon.unit_daily_metered AS m
    WHERE m.settlement_date >= CAST(date_trunc('month', CAST(:day AS timestamp)) AS date)
      AND m.settlement_date < CAST(date_trunc('month', CAST(:day AS timestamp)) + interval '1 month' AS date)
      AND m.metered_mwh IS NOT NULL
    ORDER BY m.settlement_date, m.bmu_id, m.run_rank DESC, m.run_type
), of_day AS (
    SELECT sum(c.metered_mwh) AS metered_mwh, count(*) AS unit_count FROM counted AS c WHERE c.settlement_date = :day
), farms AS (
    SELECT coalesce(f.farm_name, minerecon.wind_farm_stem(c.bmu_id, NULL)) AS farm_name,
           sum(c.metered_mwh) AS metered_mwh, sum(p.instructed_mwh) AS instructed_mwh, count(*) AS unit_days
    FROM counted AS c
    JOIN minerecon.unit_daily_potential AS p USING (settlement_date, bmu_id)
    -- Of a day that is not whole the bids that are missing would be in what was instructed.
    JOIN minerecon.daily_summaries AS d ON d.summary_date = c.settlement_date AND d.state <> 'incomplete'
    LEFT JOIN analytics.wind_farms AS f USING (bmu_id)
    WHERE p.instructed_mwh IS NOT NULL
    GROUP BY 1
    -- Of a farm that was told to give nothing there is no share.
    HAVING sum(p.instructed_mwh) > 0
)
SELECT 'metered_within_output' AS check_name, m.unit_count AS looked_at,
       'at most ' || round(s.wind_generation_mwh) || ' MWh (AGWS)' AS expected,
       round(m.metered_mwh) || ' MWh of ' || m.unit_count || ' units' AS note,
       CASE WHEN m.metered_mwh > s.wind_generation_mwh
            THEN jsonb_build_array(jsonb_build_object('metered_mwh', CAST(m.metered_mwh AS text),
                                                      'wind_generation_mwh', CAST(s.wind_generation_mwh AS text)))
            ELSE '[]' END AS violations
FROM of_day AS m
JOIN minerecon.daily_summaries AS s ON s.summary_date = :day AND s.wind_generation_mwh IS NOT NULL
UNION ALL
SELECT 'delivered_as_instructed', count(*), count(*) || ' farms metered within ' || round(100 * :most_undelivered) || ' % of what they were instructed to give',
       count(*) FILTER (WHERE NOT w.is_wrong) || ' of them',
       coalesce(jsonb_agg(jsonb_build_object(
           'farm_name', farm_name, 'metered_mwh', CAST(metered_mwh AS text), 'instructed_mwh', CAST(instructed_mwh AS text),
           'unit_days', unit_days
       ) ORDER BY farm_name) FILTER (WHERE w.is_wrong), '[]')
FROM farms
CROSS JOIN LATERAL (
    SELECT abs(metered_mwh - instructed_mwh) > CAST(:most_undelivered AS numeric) * instructed_mwh AS is_wrong
) AS w;
