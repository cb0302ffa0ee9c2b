-- What the tables say of the notified potential of :day, just written: a row per property. Zones are of the :units asked for.
WITH units AS (
    SELECT u.*, z.zone, coalesce(f.farm_name, minerecon.wind_farm_stem(u.bmu_id, NULL)) AS farm_name
    FROM minerecon.unit_daily_potential AS u
    JOIN unnest(CAST(:units AS text[]), CAST(:zones AS text[])) AS z (bmu_id, zone) USING (bmu_id)
    LEFT JOIN analytics.wind_farms AS f USING (bmu_id)
    WHERE u.settlement_date = :day
), zones AS (
    SELECT sum(potential_mwh) AS potential_mwh, sum(units_present) AS present, count(*) AS row_count
    FROM minerecon.period_potential WHERE settlement_date = :day
), of_units AS (
    SELECT sum(known_mwh) AS known_mwh, sum(periods_with_pn) AS present, count(*) AS unit_count,
           sum(known_mwh + bids_mwh + taken_back_mwh) AS instructed_mwh
    FROM units
), shares AS (
    SELECT grain, name, net_mwh, potential_mwh FROM (
        SELECT 'unit' AS grain, bmu_id AS name, bids_mwh, taken_back_mwh, potential_mwh FROM units
        UNION ALL
        SELECT 'farm', farm_name, sum(bids_mwh), sum(taken_back_mwh),
               CASE WHEN bool_and(potential_mwh IS NOT NULL) THEN sum(potential_mwh) END
        FROM units GROUP BY farm_name
        UNION ALL
        SELECT 'zone', zone, sum(bids_mwh), sum(taken_back_mwh),
               CASE WHEN bool_and(potential_mwh IS NOT NULL) THEN sum(potential_mwh) END
        FROM units GROUP BY zone
    ) AS of_grain
    CROSS JOIN LATERAL (SELECT -(bids_mwh + taken_back_mwh) AS net_mwh) AS n
    WHERE potential_mwh IS NOT NULL AND net_mwh IS NOT NULL
), month_shares AS (
    SELECT coalesce(f.farm_name, minerecon.wind_farm_stem(u.bmu_id, NULL)) AS name,
           -sum(u.bids_mwh + u.taken_back_mwh) AS net_mwh, sum(u.potential_mwh) AS potential_mwh
    FROM minerecon.unit_daily_potential AS u
    LEFT JOIN analytics.wind_farms AS f USING (bmu_id)
    WHERE u.settlement_date >= CAST(date_trunc('month', CAST(:day AS timestamp)) AS date)
      AND u.settlement_date < CAST(date_trunc('month', CAST(:day AS timestamp)) + interval '1 month' AS date)
      AND u.potential_mwh IS NOT NULL AND u.taken_back_mwh IS NOT NULL
    GROUP BY 1
), output AS (
    SELECT wind_generation_mwh AS agws_mwh FROM minerecon.daily_summaries
    WHERE summary_date = :day AND wind_generation_mwh > 0 AND periods_present = periods_expected
)
SELECT 'sums_agree' AS check_name, z.row_count + u.unit_count AS looked_at,
       'the same MWh and unit-periods over zones as over units' AS expected,
       z.potential_mwh || ' MWh of ' || z.present || ' over zones, ' || u.known_mwh || ' of ' || u.present || ' over units' AS note,
       CASE WHEN (z.potential_mwh, z.present) IS DISTINCT FROM (u.known_mwh, u.present)
            THEN jsonb_build_array(jsonb_build_object('zones_mwh', CAST(z.potential_mwh AS text),
                                                      'units_mwh', CAST(u.known_mwh AS text)))
            ELSE '[]' END AS violations
FROM zones AS z CROSS JOIN of_units AS u
UNION ALL
SELECT 'bids_agree', count(*), count(*) || ' units with the bids of the day''s records',
       count(*) FILTER (WHERE NOT w.is_wrong) || ' of them',
       coalesce(jsonb_agg(jsonb_build_object('bmu_id', u.bmu_id, 'bids_mwh', CAST(u.bids_mwh AS text), 'of_records_mwh', CAST(r.bids_mwh AS text),
                                             'so_bids_mwh', CAST(u.so_bids_mwh AS text), 'so_of_records_mwh', CAST(r.so_bids_mwh AS text)))
                    FILTER (WHERE w.is_wrong), '[]')
FROM units AS u
LEFT JOIN minerecon.unit_daily_summaries AS s ON s.settlement_date = :day AND s.bmu_id = u.bmu_id
CROSS JOIN LATERAL (
    SELECT -coalesce(s.all_bids_mwh, 0) AS bids_mwh, -coalesce(s.curtailed_mwh, 0) AS so_bids_mwh
) AS r
CROSS JOIN LATERAL (SELECT u.bids_mwh <> r.bids_mwh OR u.so_bids_mwh <> r.so_bids_mwh AS is_wrong) AS w
UNION ALL
SELECT 'net_share_within_bounds', count(*), count(*) || ' shares of units, farms and zones from 0 to 1',
       count(*) FILTER (WHERE NOT w.is_wrong) || ' of them',
       coalesce(jsonb_agg(jsonb_build_object('of', grain, 'name', name, 'net_mwh', CAST(net_mwh AS text),
                                             'potential_mwh', CAST(potential_mwh AS text))) FILTER (WHERE w.is_wrong), '[]')
FROM shares
CROSS JOIN LATERAL (
    SELECT net_mwh < -CAST(:tolerance AS numeric) * abs(potential_mwh)
        OR net_mwh > (1 + CAST(:tolerance AS numeric)) * greatest(potential_mwh, 0) AS is_wrong
) AS w
UNION ALL
SELECT 'net_share_of_month_within_bounds', count(*), count(*) || ' shares of farms in the month from 0 to 1',
       count(*) FILTER (WHERE NOT w.is_wrong) || ' of them',
       coalesce(jsonb_agg(jsonb_build_object('farm_name', name, 'net_mwh', CAST(net_mwh AS text),
                                             'potential_mwh', CAST(potential_mwh AS text))) FILTER (WHERE w.is_wrong), '[]')
FROM month_shares
CROSS JOIN LATERAL (
    SELECT net_mwh < -CAST(:tolerance AS numeric) * abs(potential_mwh)
        OR net_mwh > (1 + CAST(:tolerance AS numeric)) * greatest(potential_mwh, 0) AS is_wrong
) AS w
UNION ALL
SELECT 'instructed_beside_output', 1, :least_of_output || ' to ' || :most_of_output || ' of ' || round(o.agws_mwh) || ' MWh (AGWS)',
       round(u.instructed_mwh) || ' MWh instructed, ' || round(u.instructed_mwh / o.agws_mwh, 3) || ' of it',
       CASE WHEN u.instructed_mwh / o.agws_mwh NOT BETWEEN CAST(:least_of_output AS numeric) AND CAST(:most_of_output AS numeric)
            THEN jsonb_build_array(jsonb_build_object('instructed_mwh', CAST(u.instructed_mwh AS text),
                                                      'wind_generation_mwh', CAST(o.agws_mwh AS text)))
            ELSE '[]' END
FROM of_units AS u JOIN output AS o ON u.instructed_mwh IS NOT NULL;
