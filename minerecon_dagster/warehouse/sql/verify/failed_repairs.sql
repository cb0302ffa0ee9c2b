-- How often a day was repaired in vain since it was last right. A look that was not possible, and after which nothing was
-- done (problems_left), is no repair: while Elexon is out of reach nobody has tried anything.
SELECT count(*)
FROM minerecon.verifications AS v
WHERE settlement_date = :day
  AND action IN ('fix', 'refetch')
  AND (outcome = 'not repaired' OR (outcome = 'failed' AND problems_left IS NOT NULL))
  AND verification_id > coalesce((
      SELECT max(verification_id) FROM minerecon.verifications
      WHERE settlement_date = :day AND outcome IN ('right', 'right in part', 'repaired')
  ), 0);
