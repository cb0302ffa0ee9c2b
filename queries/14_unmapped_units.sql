-- Question: which units look like wind farms, or once were, and do not count since the register has them otherwise?
-- A hint for a person, by name and id: it decides nothing. A unit that is one has its curtailment in no figure here until
-- Elexon's register gives it the fuel type WIND.
-- Change: at_date. Without a change: today's register.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.at_date', true), '') AS date),
                    CAST(now() AT TIME ZONE 'Europe/London' AS date)) AS at_date
), in_force AS (
    SELECT DISTINCT ON (b.bmu_id) b.*
    FROM params AS p
    JOIN minerecon.bm_units AS b ON b.valid_to IS NULL OR b.valid_to > p.at_date
    ORDER BY b.bmu_id, b.valid_from <= p.at_date DESC,
             CASE WHEN b.valid_from <= p.at_date THEN b.valid_from END DESC, b.valid_from
), once_wind AS (
    SELECT bmu_id, max(valid_to) AS wind_until FROM minerecon.bm_units WHERE fuel_type = 'WIND' GROUP BY bmu_id
)
SELECT f.bmu_id, f.name AS unit_name, f.lead_party_name, f.national_grid_bmu_id, f.fuel_type, f.generation_capacity_mw,
       CASE WHEN w.bmu_id IS NOT NULL THEN 'was wind until ' || coalesce(CAST(w.wind_until AS text), 'now')
            ELSE 'name or id looks like wind' END AS why,
       f.is_synthetic
FROM in_force AS f
LEFT JOIN once_wind AS w USING (bmu_id)
WHERE f.fuel_type IS DISTINCT FROM 'WIND' AND (f.looks_like_wind OR w.bmu_id IS NOT NULL)
ORDER BY f.generation_capacity_mw DESC NULLS LAST, f.bmu_id;
