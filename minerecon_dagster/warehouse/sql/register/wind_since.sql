-- The units that were wind at some time since :since, each as it was last while it was wind, with the capacity (the
-- largest) and the lead party that were known. Every wind unit in force is among them.
SELECT DISTINCT ON (bmu_id)
       bmu_id, national_grid_bmu_id, name, fuel_type, bmu_type,
       coalesce(nullif(trim(lead_party_name), ''), max(lead_party_name) FILTER (WHERE trim(lead_party_name) <> '') OVER u)
           AS lead_party_name,
       coalesce(generation_capacity_mw, max(generation_capacity_mw) OVER u) AS generation_capacity_mw
FROM minerecon.bm_units
WHERE fuel_type = 'WIND' AND (valid_to IS NULL OR valid_to > :since)
WINDOW u AS (PARTITION BY bmu_id)
ORDER BY bmu_id, valid_from DESC;
