-- The archive object that the stored rows of a :dataset of a :day were made from; no row where none are stored.
SELECT archive_uri FROM minerecon.later_answers
WHERE dataset = :dataset AND settlement_date = :day AND is_there AND archive_uri IS NOT NULL
ORDER BY last_asked_at DESC
LIMIT 1;
