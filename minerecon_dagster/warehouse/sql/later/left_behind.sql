-- The days from :first_day to :last_day that were built again since the rows of :dataset that follow them were written, oldest
-- first.
SELECT d.summary_date
FROM minerecon.daily_summaries AS d
WHERE d.summary_date BETWEEN :first_day AND :last_day
  AND d.built_at > (
      SELECT max(a.built_at) FROM minerecon.later_answers AS a
      WHERE a.dataset = CAST(:dataset AS text) AND a.settlement_date = d.summary_date AND a.is_there
  )
ORDER BY d.summary_date;
