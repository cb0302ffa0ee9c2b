-- What is stored of a day against what its wind farms can do; a row per property. Capacities are of the register in
-- force on the day; a unit without one is not judged, and named.
WITH units AS (
    SELECT bmu_id, capacity_mw
    FROM unnest(CAST(:units AS text[]), CAST(:capacities_mw AS numeric[])) AS u (bmu_id, capacity_mw)
    WHERE capacity_mw > 0
), energy AS (
    SELECT r.settlement_period, bmu_id, u.capacity_mw, sum(r.curtailed_mwh) AS curtailed_mwh
    FROM minerecon.curtailment_records AS r
    LEFT JOIN units AS u USING (bmu_id)
    WHERE r.settlement_date = :day
    GROUP BY r.settlement_period, bmu_id, u.capacity_mw
), of_units AS (
    SELECT count(*) AS compared, count(capacity_mw) AS judged,
           string_agg(DISTINCT bmu_id, ', ') FILTER (WHERE capacity_mw IS NULL) AS not_judged,
           coalesce(jsonb_agg(jsonb_build_object(
               'settlement_period', settlement_period, 'bmu_id', bmu_id, 'curtailed_mwh', CAST(curtailed_mwh AS text),
               'capacity_mw', CAST(capacity_mw AS text)
           ))
               FILTER (WHERE curtailed_mwh > capacity_mw * 0.5 * CAST(:stale AS numeric)), '[]') AS wrong
    FROM energy
), installed AS (
    SELECT count(*) AS unit_count, coalesce(sum(capacity_mw), 0) AS capacity_mw FROM units
), output AS (
    SELECT settlement_period, coalesce(wind_onshore_mw, 0) + coalesce(wind_offshore_mw, 0) AS wind_mw,
           total_wind_mw, total_wind_mwh
    FROM minerecon.wind_generation_data
    WHERE settlement_date = :day AND (wind_onshore_mw IS NOT NULL OR wind_offshore_mw IS NOT NULL)
), of_output AS (
    SELECT count(*) AS known, max(o.wind_mw) AS most_mw,
           coalesce(jsonb_agg(jsonb_build_object(
               'settlement_period', o.settlement_period, 'wind_mw', CAST(o.wind_mw AS text),
               'wind_mwh', CAST(o.total_wind_mwh AS text), 'installed_mw', CAST(i.capacity_mw AS text)
           ))
               FILTER (WHERE o.wind_mw > i.capacity_mw * CAST(:unmapped AS numeric)
                             OR o.total_wind_mwh IS DISTINCT FROM o.total_wind_mw * 0.5), '[]') AS wrong
    FROM output AS o CROSS JOIN installed AS i
), of_day AS (
    SELECT s.wind_generation_mwh AS wind_mwh, s.record_count = 0 AS is_empty,
           CASE WHEN s.wind_generation_mwh > i.capacity_mw * 0.5 * CAST(:period_count AS int) * CAST(:unmapped AS numeric)
                THEN jsonb_build_array(jsonb_build_object(
                    'wind_generation_mwh', CAST(s.wind_generation_mwh AS text),
                    'installed_mw', CAST(i.capacity_mw AS text)))
                ELSE '[]' END AS wrong
    FROM minerecon.daily_summaries AS s CROSS JOIN installed AS i
    WHERE s.summary_date = :day
)
SELECT 'unit_energy_within_capacity' AS check_name,
       -- Of a day without bids, that it has none is what was looked at.
       CASE WHEN compared > 0 THEN judged ELSE (SELECT count(*) FROM of_day WHERE is_empty) END AS looked_at,
       wrong AS violations,
       judged || ' of ' || compared || ' judged'
           || coalesce('; without a capacity in the register: ' || not_judged, '') AS note
FROM of_units
UNION ALL
SELECT 'wind_output_within_capacity', i.unit_count + o.known,
       CASE WHEN i.capacity_mw > 0 THEN '[]'
            ELSE jsonb_build_array(jsonb_build_object('error', 'no wind farm in force has a capacity')) END
           || o.wrong || coalesce((SELECT wrong FROM of_day), '[]'),
       'at most ' || coalesce(CAST(round(o.most_mw) AS text), 'none known') || ' MW of '
           || CAST(round(i.capacity_mw) AS text) || ' MW installed, ' || o.known || ' periods known'
FROM installed AS i CROSS JOIN of_output AS o;
