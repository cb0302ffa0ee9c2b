-- The comparisons with Elexon of days from :first_day to :last_day: how many ended how, when the last one did, and the
-- newest of those that found or repaired something.
WITH chosen AS (
    SELECT * FROM minerecon.verifications WHERE settlement_date BETWEEN :first_day AND :last_day
), outcomes AS (
    SELECT outcome, count(*) AS n FROM chosen GROUP BY outcome
), newest AS (
    SELECT * FROM chosen WHERE outcome NOT IN ('right', 'right in part') ORDER BY finished_at DESC, verification_id DESC LIMIT :sample_size
)
SELECT (SELECT max(finished_at) FROM chosen) AS last_at,
       (SELECT coalesce(jsonb_object_agg(outcome, n), '{}') FROM outcomes) AS outcomes,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'verification_id', verification_id, 'settlement_date', settlement_date, 'requested_by', requested_by,
            'action', action, 'outcome', outcome, 'problems', jsonb_array_length(problems), 'repair', repair,
            'error', error, 'finished_at', finished_at
        ) ORDER BY finished_at DESC, verification_id DESC), '[]') FROM newest) AS newest;
