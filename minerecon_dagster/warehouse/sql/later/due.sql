-- The runs (:runs, with :ranks and :after_days beside them) of a :dataset that are due of the stored days from :first_day to
-- :last_day, oldest day first: neither there nor below one that is, and not asked for :most_attempts times. One that was
-- asked for in vain is due again after 1, 2, 4, 8, 16, and then every 30, days, as a silent day is (days_to_ingest). One of
-- :with_scan is due on the next :scan_day of a month, when the monthly scan is.
SELECT d.summary_date AS settlement_date, r.run
FROM minerecon.daily_summaries AS d
CROSS JOIN unnest(
    CAST(:runs AS text[]), CAST(:ranks AS int[]), CAST(:after_days AS int[]), CAST(:with_scan AS boolean[])
) AS r (run, rank, after_days, with_scan)
LEFT JOIN minerecon.later_answers AS a
       ON (a.dataset, a.settlement_date, a.run) = (CAST(:dataset AS text), d.summary_date, r.run)
WHERE d.summary_date BETWEEN :first_day AND :last_day
  AND CASE WHEN r.with_scan
           THEN CAST(date_trunc('month', CAST(d.summary_date + r.after_days - CAST(:scan_day AS int) AS timestamp))
                     + interval '1 month' AS date) + CAST(:scan_day AS int) - 1
           ELSE d.summary_date + r.after_days END <= CAST(:today AS date)
  AND (
      a.run IS NULL
      OR NOT a.is_there AND a.asked_count < :most_attempts
         AND CAST(a.last_asked_at AT TIME ZONE 'Europe/London' AS date)
             + coalesce((ARRAY[1, 2, 4, 8, 16])[a.asked_count], 30) <= CAST(:today AS date)
  )
  AND NOT EXISTS (
      SELECT FROM minerecon.later_answers AS there
      JOIN unnest(CAST(:runs AS text[]), CAST(:ranks AS int[])) AS h (run, rank) USING (run)
      WHERE there.dataset = :dataset AND there.settlement_date = d.summary_date AND there.is_there AND h.rank > r.rank
  )
ORDER BY d.summary_date, r.rank DESC;
