-- The runs (:runs, with :ranks and :after_days beside them) of a :dataset that are due of the stored days from :first_day to
-- :last_day, oldest day first: neither there nor below one that is, and not answered :most_attempts times. One that was
-- answered in vain is due again after 1, 2, 4, 8, 16, and then every 30, days, as a silent day is (days_to_ingest); one
-- that was not answered (asked_count 0) after as long as it has been asked for, at least 1 day and at most 30. Of a dataset
-- whose runs are looks (:is_look) a day is not looked at twice meanwhile. One of :with_scan is due on the next :scan_day of
-- a month, when the monthly scan is. Whoever asks again in any case (:force) asks for all whose time has come.
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
      CAST(:force AS boolean)
      OR (a.run IS NULL OR NOT a.is_there AND a.asked_count < :most_attempts)
         AND NOT EXISTS (
             SELECT FROM minerecon.later_answers AS v
             CROSS JOIN LATERAL (
                 SELECT CAST(v.first_asked_at AT TIME ZONE 'Europe/London' AS date) AS first_day,
                        CAST(v.last_asked_at AT TIME ZONE 'Europe/London' AS date) AS last_day
             ) AS asked
             WHERE v.dataset = CAST(:dataset AS text) AND v.settlement_date = d.summary_date
               AND (v.run = r.run OR CAST(:is_look AS boolean)) AND NOT v.is_there
               AND asked.last_day + CASE v.asked_count
                       WHEN 0 THEN least(greatest(asked.last_day - asked.first_day, 1), 30)
                       ELSE coalesce((ARRAY[1, 2, 4, 8, 16])[v.asked_count], 30) END > CAST(:today AS date)
         )
         AND NOT EXISTS (
             SELECT FROM minerecon.later_answers AS there
             JOIN unnest(CAST(:runs AS text[]), CAST(:ranks AS int[])) AS h (run, rank) USING (run)
             WHERE there.dataset = :dataset AND there.settlement_date = d.summary_date AND there.is_there
               AND h.rank > r.rank
         )
  )
ORDER BY d.summary_date, r.rank DESC;
