-- The stored days from :first_day to :last_day to compare with Elexon whole: all from :month on, and the earlier ones
-- since :earliest that nobody has looked at since their flags were settled, :settled_after days after the day: neither by
-- a comparison of every period, nor by fetching all of the day.
SELECT d.summary_date
FROM minerecon.daily_summaries AS d
CROSS JOIN LATERAL (
    SELECT (CAST(d.summary_date + CAST(:settled_after AS int) AS timestamp) AT TIME ZONE 'Europe/London') AS at
) AS settled
WHERE d.summary_date BETWEEN :first_day AND :last_day
  AND (
      d.summary_date >= :month
      OR d.summary_date >= :earliest
         AND NOT EXISTS (
             SELECT FROM minerecon.verifications AS v
             WHERE v.settlement_date = d.summary_date AND v.detection_share = 1 AND v.outcome <> 'failed'
               AND v.started_at >= settled.at
         )
         AND NOT EXISTS (
             SELECT FROM minerecon.ingestion_progress AS p WHERE p.settlement_date = d.summary_date
             HAVING min(p.fetched_at) >= settled.at
         )
  )
ORDER BY d.summary_date;
