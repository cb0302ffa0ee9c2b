-- How often a day was repaired in vain since it was last right.
SELECT count(*)
FROM minerecon.verifications AS v
WHERE settlement_date = :day
  AND action IN ('fix', 'refetch') AND outcome IN ('not repaired', 'failed')
  AND verification_id > coalesce((
      SELECT max(verification_id) FROM minerecon.verifications
      WHERE settlement_date = :day AND outcome IN ('right', 'right in part', 'repaired')
  ), 0);
