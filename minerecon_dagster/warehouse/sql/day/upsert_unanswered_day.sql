-- A day that is over was asked for, and Elexon is silent: on how many days of London that was so.
INSERT INTO minerecon.unanswered_days AS u (settlement_date, reason, first_asked_at, last_asked_at, asked_count)
VALUES (:day, :reason, :now, :now, 1)
ON CONFLICT (settlement_date) DO UPDATE SET
    reason = excluded.reason,
    last_asked_at = excluded.last_asked_at,
    asked_count = u.asked_count + CAST(
        CAST(excluded.last_asked_at AT TIME ZONE 'Europe/London' AS date)
        > CAST(u.last_asked_at AT TIME ZONE 'Europe/London' AS date) AS int
    );
