-- The days from :first_day until before :today that are wrong in something which a repair may mend (:mendable), or of
-- which the latest attempt to fetch failed; first those that nothing was tried of, then those that wait the longest, the
-- newest first, so that days which cannot be looked at keep no other from being tried; and how often that was tried in vain since they were right, as
-- verify/failed_repairs counts it. What waits for Elexon alone (unanswered_days) is asked for by the ingestion, with growing
-- distance.
SELECT settlement_date, (
    SELECT count(*)
    FROM minerecon.verifications AS v
    WHERE v.settlement_date = f.settlement_date
      AND v.action IN ('fix', 'refetch')
      AND (v.outcome = 'not repaired' OR (v.outcome = 'failed' AND v.problems_left IS NOT NULL))
      AND v.verification_id > coalesce((
          SELECT max(r.verification_id) FROM minerecon.verifications AS r
          WHERE r.settlement_date = f.settlement_date AND r.outcome IN ('right', 'right in part', 'repaired')
      ), 0)
) AS attempts
FROM (
    SELECT settlement_date
    FROM minerecon.reconciliation_latest
    WHERE scope = 'day' AND NOT passed AND check_family || '.' || check_name = ANY(:mendable)
      -- What stands beside the day is asked for again by itself (later_answers).
      AND NOT is_beside
      AND (waived_until IS NULL OR waived_until < :today)
      AND (check_family <> 'completeness' OR settlement_date NOT IN (
          SELECT settlement_date FROM minerecon.unanswered_days
      ))
      AND (check_family <> 'drift' OR settlement_date IN (SELECT summary_date FROM minerecon.daily_summaries))
    UNION
    SELECT settlement_date
    FROM minerecon.ingestion_progress
    WHERE (status = 'failed' OR (status <> 'unpublished' AND error IS NOT NULL))
      AND settlement_date NOT IN (SELECT settlement_date FROM minerecon.unanswered_days)
) AS f
WHERE settlement_date >= :first_day AND settlement_date < :today
ORDER BY (
    SELECT max((v.started_at AT TIME ZONE 'Europe/London')::date) FROM minerecon.verifications AS v
    WHERE v.settlement_date = f.settlement_date AND v.action IN ('fix', 'refetch')
) NULLS FIRST, settlement_date DESC;
