-- How many units are or were wind, and those of them that a version which began since :since has on the other side of the
-- border between Scotland and England than the version with a zone before it.
WITH versions AS (
    SELECT bmu_id, valid_from, gsp_group_id, above_b6,
           lag(gsp_group_id) OVER u AS gsp_group_before, lag(above_b6) OVER u AS above_b6_before
    FROM minerecon.bm_units
    WHERE gsp_group_id IS NOT NULL
      AND bmu_id IN (SELECT bmu_id FROM minerecon.bm_units WHERE fuel_type = 'WIND')
    WINDOW u AS (PARTITION BY bmu_id ORDER BY valid_from)
)
SELECT (SELECT count(DISTINCT bmu_id) FROM minerecon.bm_units WHERE fuel_type = 'WIND') AS unit_count,
       coalesce(jsonb_agg(jsonb_build_object(
           'bmu_id', bmu_id, 'since', valid_from, 'zone_before', gsp_group_before, 'zone', gsp_group_id
       ) ORDER BY valid_from DESC, bmu_id) FILTER (WHERE above_b6 <> above_b6_before AND valid_from >= :since), '[]')
           AS moved
FROM versions;
