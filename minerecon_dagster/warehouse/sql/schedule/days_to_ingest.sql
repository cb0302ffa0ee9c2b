-- The days from :first_day until yesterday that are not final: stored and may still change, attempted and never
-- stored, or among the last :catch_up_days and never attempted, or final there but for their wind output or for
-- what a check (:unseen_as) could not look at, since it did not come; or final, and silent when last asked. A day that
-- nothing but Elexon's silence keeps from being final or known is left out until the next of 1, 2, 4, 8, 16, and then every
-- 30, days after it was asked for.
SELECT settlement_date
FROM (
    SELECT summary_date AS settlement_date FROM minerecon.daily_summaries
    UNION SELECT settlement_date FROM minerecon.ingestion_progress
    UNION SELECT settlement_date FROM minerecon.reconciliation_results
          -- Not the first day of a month or year whose sums were looked at, and no look at a day that is not stored.
          WHERE scope = 'day' AND check_family <> 'drift'
    UNION SELECT CAST(:today AS date) - n FROM generate_series(1, :catch_up_days) AS n
    EXCEPT SELECT summary_date FROM minerecon.daily_summaries
           WHERE is_final
             AND summary_date NOT IN (SELECT settlement_date FROM minerecon.unproven_periods())
             AND (
                 summary_date < CAST(:today AS date) - CAST(:catch_up_days AS int)
                 OR wind_generation_mwh IS NOT NULL AND NOT EXISTS (
                     SELECT FROM minerecon.reconciliation_latest AS l
                     JOIN minerecon.reconciliation_results AS r USING (result_id)
                     WHERE l.scope = 'day' AND l.settlement_date = summary_date
                       AND l.check_family || '.' || l.check_name = ANY(:unseen_as) AND r.looked_at = 0
                 )
             )
    UNION SELECT settlement_date FROM minerecon.unanswered_days
) AS not_final
WHERE settlement_date >= :first_day AND settlement_date < :today
  AND NOT EXISTS (
      SELECT FROM minerecon.unanswered_days AS u
      WHERE u.settlement_date = not_final.settlement_date
        AND CAST(u.last_asked_at AT TIME ZONE 'Europe/London' AS date)
            + coalesce((ARRAY[1, 2, 4, 8, 16])[u.asked_count], 30) > CAST(:today AS date)
  )
ORDER BY settlement_date;
