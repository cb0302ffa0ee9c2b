-- When all days were last looked at; where they never were, since when there is anything to look at: the first day that was
-- built. NULL where nothing is stored.
SELECT coalesce(
    (SELECT evaluated_at FROM minerecon.reconciliation_latest
     WHERE scope = 'all' AND check_family = :family ORDER BY result_id DESC LIMIT 1),
    (SELECT min(built_at) FROM minerecon.daily_summaries)
);
