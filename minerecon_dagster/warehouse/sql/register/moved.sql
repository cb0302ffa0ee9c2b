-- How many units are or were wind, and those of them that a version which began since :since has on the other side of the
-- border between Scotland and England than the version with a zone before it, or that have lost their zone by it.
WITH wind AS (
    SELECT * FROM minerecon.bm_units
    WHERE bmu_id IN (SELECT bmu_id FROM minerecon.bm_units WHERE fuel_type = 'WIND')
), moved AS (
    SELECT v.bmu_id, v.valid_from, v.gsp_group_id, before.gsp_group_id AS gsp_group_before
    FROM wind AS v
    CROSS JOIN LATERAL (
        SELECT b.gsp_group_id, b.above_b6 FROM wind AS b
        WHERE b.bmu_id = v.bmu_id AND b.valid_from < v.valid_from AND b.gsp_group_id IS NOT NULL
        ORDER BY b.valid_from DESC LIMIT 1
    ) AS before
    WHERE v.valid_from >= :since
      AND (v.above_b6 <> before.above_b6
           OR v.gsp_group_id IS NULL AND v.valid_from = (SELECT max(w.valid_from) FROM wind AS w WHERE w.bmu_id = v.bmu_id))
)
SELECT (SELECT count(DISTINCT bmu_id) FROM wind) AS unit_count,
       coalesce(jsonb_agg(jsonb_build_object(
           'bmu_id', bmu_id, 'since', valid_from, 'zone_before', gsp_group_before, 'zone', gsp_group_id
       ) ORDER BY valid_from DESC, bmu_id), '[]') AS moved
FROM moved;
