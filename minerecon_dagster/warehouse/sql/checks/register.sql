-- The units of a day's records against the wind farms of the register in force on the day; a row per property.
WITH units AS (
    SELECT bmu_id, lead_party_name, zone
    FROM unnest(CAST(:units AS text[]), CAST(:lead_parties AS text[]), CAST(:zones AS text[]))
        AS u (bmu_id, lead_party_name, zone)
), records AS (
    SELECT r.bmu_id, r.lead_party_name, u.lead_party_name AS party_in_force, u.zone,
           u.bmu_id IS NOT NULL AS is_in_force,
           count(*) AS record_count, sum(r.curtailed_mwh) AS curtailed_mwh
    FROM minerecon.curtailment_records AS r
    LEFT JOIN units AS u USING (bmu_id)
    WHERE r.settlement_date = :day
    GROUP BY r.bmu_id, r.lead_party_name, u.lead_party_name, u.zone, u.bmu_id
), compared AS (
    SELECT count(*) AS unit_count, count(*) FILTER (WHERE is_in_force) AS in_force_count,
           -- Of a day without bids, that it has none is what was looked at.
           (SELECT count(*) FROM minerecon.daily_summaries WHERE summary_date = :day AND record_count = 0) AS empty_day,
           coalesce(jsonb_agg(jsonb_build_object(
               'bmu_id', bmu_id, 'records', record_count, 'curtailed_mwh', CAST(curtailed_mwh AS text)
           )) FILTER (WHERE NOT is_in_force), '[]') AS units_in_force,
           coalesce(jsonb_agg(jsonb_build_object(
               'bmu_id', bmu_id, 'records', record_count, 'lead_party', lead_party_name, 'in_force', party_in_force
           ))
               FILTER (WHERE is_in_force AND lead_party_name IS DISTINCT FROM party_in_force), '[]')
               AS lead_parties_in_force,
           coalesce(jsonb_agg(jsonb_build_object(
               'bmu_id', bmu_id, 'records', record_count, 'curtailed_mwh', CAST(curtailed_mwh AS text)
           )) FILTER (WHERE is_in_force AND zone IS NULL), '[]') AS units_located
    FROM records
)
SELECT p.check_name, CASE WHEN c.unit_count > 0 THEN p.looked_at ELSE c.empty_day END AS looked_at, p.violations,
       NULL AS note
FROM compared AS c
CROSS JOIN LATERAL (VALUES
    ('units_in_force', c.unit_count, c.units_in_force),
    ('lead_parties_in_force', c.in_force_count, c.lead_parties_in_force),
    ('units_located', c.in_force_count, c.units_located)
) AS p (check_name, looked_at, violations);
