-- Question: what is missing, failing, incomplete, provisional or warned about, and which command mends it?
-- Days of one kind that follow each other are one row; a day with a failed check has a row of its own, and its commands.
-- What is expected comes from the calendar: every day from the first stored one to yesterday.
-- Change: from_date, to_date. Without a change: all of them.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.from_date', true), '') AS date),
                    (SELECT min(settlement_date) FROM analytics.settlement_days LIMIT 1)) AS from_date,
           coalesce(CAST(nullif(current_setting('minerecon.to_date', true), '') AS date),
                    (SELECT max(settlement_date) FROM analytics.settlement_days LIMIT 1)) AS to_date
), days AS (
    SELECT d.settlement_date, d.status, d.is_stored, coalesce(r.not_passed, '{}') AS not_passed,
           -- A failed fetch and a failed check stand alone: each has its own command.
           CASE WHEN d.status IN ('failing', 'warned') THEN d.settlement_date END AS alone
    FROM params AS p
    JOIN analytics.settlement_days AS d ON d.settlement_date BETWEEN p.from_date AND p.to_date
    LEFT JOIN analytics.reconciliation_status AS r ON r.settlement_date = d.settlement_date
    WHERE d.status NOT IN ('complete', 'waived', 'unavailable')
), islands AS (
    SELECT *, settlement_date - CAST(row_number() OVER (PARTITION BY status, alone ORDER BY settlement_date) AS integer) AS island
    FROM days
), repairs AS (
    SELECT l.settlement_date, string_agg(DISTINCT e.repair, '; ' ORDER BY e.repair) AS repair
    FROM minerecon.reconciliation_latest AS l
    JOIN minerecon.reconciliation_results AS e ON e.result_id = l.result_id
    WHERE l.scope = 'day' AND NOT l.passed
    GROUP BY l.settlement_date
)
SELECT i.status, min(i.settlement_date) AS first_day, max(i.settlement_date) AS last_day, count(*) AS day_count,
       array_to_string(i.not_passed, ', ') AS not_passed,
       coalesce(CASE WHEN i.alone IS NOT NULL THEN max(r.repair) END,
                'minerecon reingest ' || min(i.settlement_date)
                || CASE WHEN count(*) > 1 THEN ' ' || max(i.settlement_date) ELSE '' END) AS repair
FROM islands AS i
LEFT JOIN repairs AS r ON r.settlement_date = i.settlement_date
GROUP BY i.status, i.alone, i.island, CASE WHEN i.alone IS NOT NULL THEN i.not_passed END, i.not_passed
ORDER BY first_day;
