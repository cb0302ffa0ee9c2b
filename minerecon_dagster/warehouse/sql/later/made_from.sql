-- The archive objects that the stored rows of a :dataset of a :day were made from, by run, the last asked for first; no row
-- where none are stored.
SELECT archive_uri, run FROM minerecon.later_answers
WHERE dataset = :dataset AND settlement_date = :day AND is_there AND archive_uri IS NOT NULL
ORDER BY last_asked_at DESC;
