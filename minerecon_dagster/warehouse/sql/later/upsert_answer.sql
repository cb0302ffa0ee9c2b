-- A run of a dataset that comes later was :asked for, and :answered; or built again from the archive, which holds an answer.
INSERT INTO minerecon.later_answers AS l
    (dataset, settlement_date, run, is_there, reason, first_asked_at, last_asked_at, asked_count, archive_uri,
     built_at)
VALUES (:dataset, :day, :run, :is_there, :reason, :at, :at, CAST(CAST(:answered AS boolean) OR NOT CAST(:asked AS boolean) AS int), :archive_uri,
        CASE WHEN :is_there THEN CAST(:at AS timestamptz) END)
ON CONFLICT (dataset, settlement_date, run) DO UPDATE SET
    -- What was there stays there: an answer that did not come takes nothing away.
    is_there = l.is_there OR excluded.is_there,
    reason = CASE WHEN l.is_there THEN NULL ELSE excluded.reason END,
    -- What is stored was not made from an answer that was refused.
    archive_uri = CASE WHEN l.is_there AND NOT excluded.is_there THEN l.archive_uri
                       ELSE coalesce(excluded.archive_uri, l.archive_uri) END,
    built_at = coalesce(excluded.built_at, l.built_at),
    last_asked_at = CASE WHEN :asked THEN greatest(l.last_asked_at, excluded.last_asked_at) ELSE l.last_asked_at END,
    asked_count = l.asked_count + CAST(
        CAST(:answered AS boolean) AND (
            l.asked_count = 0
            OR CAST(excluded.last_asked_at AT TIME ZONE 'Europe/London' AS date)
               > CAST(l.last_asked_at AT TIME ZONE 'Europe/London' AS date)
        ) AS int
    );
