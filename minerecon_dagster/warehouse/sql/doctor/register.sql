-- The wind units in force on a day: how many, and their MW.
SELECT count(*) AS unit_count, coalesce(sum(generation_capacity_mw), 0) AS capacity_mw,
       (SELECT count(*) FROM minerecon.bm_units) AS version_count
FROM minerecon.bm_units
WHERE fuel_type = 'WIND' AND valid_from <= :day AND (valid_to IS NULL OR valid_to > :day);
