-- Whether there are versions, and none of them has a zone: they were stored before zones were kept.
SELECT EXISTS (SELECT FROM minerecon.bm_units)
       AND NOT EXISTS (SELECT FROM minerecon.bm_units WHERE zone_basis IS NOT NULL) AS lacks_zones;
