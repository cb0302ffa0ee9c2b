-- The stored days from :first_day to :last_day of which a dataset that comes later was asked for, and none of its runs is
-- there: how many of these have been answered as often as they are asked for (:most_attempts beside :datasets), and the
-- latest reason.
SELECT a.dataset, a.settlement_date,
       count(*) FILTER (WHERE a.asked_count >= m.most_attempts) AS given_up_count,
       (array_agg(a.reason ORDER BY a.last_asked_at DESC))[1] AS reason
FROM minerecon.later_answers AS a
JOIN unnest(CAST(:datasets AS text[]), CAST(:most_attempts AS int[])) AS m (dataset, most_attempts) USING (dataset)
JOIN minerecon.daily_summaries AS d ON d.summary_date = a.settlement_date
WHERE a.settlement_date BETWEEN :first_day AND :last_day
GROUP BY a.dataset, a.settlement_date
HAVING NOT bool_or(a.is_there)
ORDER BY a.dataset, a.settlement_date;
