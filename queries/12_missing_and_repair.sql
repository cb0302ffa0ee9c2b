-- Question: what is missing, failing, incomplete, provisional or warned about, and which command mends it?
-- what: day, those that are not complete; figure, what stored days lack beside their curtailment; remark and check, what
-- did not pass and makes no day wrong (remarks on what others notified or metered, checks of months, years or all); unit,
-- what was turned down, is not wind by the register, and is in no figure, though it may be a wind farm (is_wind_like in
-- minerecon.uncounted_units is the likely ones).
-- Days of one kind that follow each other are one row; a day with a failed check has a row of its own, and its commands. Of
-- all else first_day and last_day are the outermost of day_count days. name: the checks (docs/operate/checks.md says what must
-- hold), columns or unit; meaning: what follows. Without a repair there is none to type.
-- What is expected comes from the calendar: every day from the first stored one to yesterday, and today once it is stored.
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
    WHERE l.scope = 'day' AND NOT l.passed AND NOT (l.is_beside AND l.severity = 'WARN')
    GROUP BY l.settlement_date
), lacking AS (
    SELECT f.place, f.name, f.meaning, f.command, f.options, min(d.summary_date) AS first_day, max(d.summary_date) AS last_day,
           count(*) AS day_count
    FROM params AS p
    JOIN minerecon.daily_summaries AS d ON d.summary_date BETWEEN p.from_date AND p.to_date
    CROSS JOIN LATERAL (VALUES
        (1, 'price_gbp', 'no price of Bitcoin is known, and value_gbp is NULL', 'minerecon prices ', '',
         NOT EXISTS (SELECT FROM minerecon.bitcoin_price_gbp AS b WHERE b.price_date = d.summary_date)),
        (2, 'wind_generation_mwh', 'no wind output is known, and the shares of it are NULL', 'minerecon reingest ', '',
         d.wind_generation_mwh IS NULL),
        (3, 'turn_up_mwh', 'there is no turn-up estimate', 'minerecon reingest ', ' --from-archive', d.turn_up_mwh IS NULL),
        (4, 'potential_mwh', 'no notified potential is known, and the shares of it are NULL (it is asked for by itself)',
         CAST(NULL AS text), '',
         NOT EXISTS (SELECT FROM minerecon.unit_daily_potential AS u
                     WHERE u.settlement_date = d.summary_date AND u.potential_mwh IS NOT NULL)),
        (5, 'metered_mwh', 'no metered output is known, and the shares of it are NULL (it is asked for by itself, from 8 days after the day on)',
         NULL, '',
         d.summary_date NOT IN (SELECT u.settlement_date FROM minerecon.unit_daily_metered AS u WHERE u.metered_mwh IS NOT NULL))
    ) AS f (place, name, meaning, command, options, is_lacking)
    WHERE f.is_lacking
    GROUP BY f.place, f.name, f.meaning, f.command, f.options
), checks AS (
    SELECT CASE c.scope WHEN 'day' THEN 'remark' ELSE 'check' END AS what, c.severity,
           c.check_family || '.' || c.check_name AS name,
           min(c.settlement_date) AS first_day, max(c.settlement_date) AS last_day, count(*) AS day_count,
           CASE WHEN c.scope <> 'day' THEN max(c.repair) END AS repair
    FROM params AS p
    JOIN analytics.checks_now AS c ON NOT c.passed AND NOT c.is_waived AND CASE c.scope
        WHEN 'day' THEN c.settlement_date BETWEEN p.from_date AND p.to_date
        -- What is looked at of all days together stands on the day of each look: the newest counts.
        WHEN 'all' THEN c.settlement_date = (
            SELECT l.settlement_date FROM minerecon.reconciliation_latest AS l
            WHERE l.scope = 'all' AND l.check_family = c.check_family AND l.check_name = c.check_name
            ORDER BY l.result_id DESC LIMIT 1)
        -- Of a month or a year a part is enough.
        ELSE c.settlement_date <= p.to_date AND c.settlement_date + CAST('1 ' || c.scope AS interval) > p.from_date END
    -- What else did not pass of a day is in the day's row.
    WHERE c.scope <> 'day' OR c.severity = 'WARN' AND EXISTS (
        SELECT FROM minerecon.reconciliation_latest AS l
        WHERE l.settlement_date = c.settlement_date AND l.scope = 'day' AND l.check_family = c.check_family
              AND l.check_name = c.check_name AND l.is_beside)
    GROUP BY c.scope, c.severity, c.check_family, c.check_name
), units AS (
    SELECT u.bmu_id, coalesce(max(u.name), 'without a name') AS unit_name,
           min(u.settlement_date) AS first_day, max(u.settlement_date) AS last_day, count(*) AS day_count,
           sum(u.all_bids_mwh) AS all_bids_mwh, sum(u.curtailed_mwh) AS curtailed_mwh
    FROM params AS p
    JOIN minerecon.uncounted_units AS u ON u.settlement_date BETWEEN p.from_date AND p.to_date
    GROUP BY u.bmu_id
), found AS (
    SELECT 1 AS kind, 'day' AS what, i.status, min(i.settlement_date) AS first_day, max(i.settlement_date) AS last_day,
           count(*) AS day_count, nullif(array_to_string(i.not_passed, ', '), '') AS name, CAST(NULL AS text) AS meaning,
           coalesce(CASE WHEN i.alone IS NOT NULL THEN max(r.repair) END,
                    'minerecon reingest ' || min(i.settlement_date)
                    || CASE WHEN count(*) > 1 THEN ' ' || max(i.settlement_date) ELSE '' END) AS repair
    FROM islands AS i
    LEFT JOIN repairs AS r ON r.settlement_date = i.settlement_date
    GROUP BY i.status, i.alone, i.island, i.not_passed
    UNION ALL
    SELECT 1 + l.place, 'figure', 'not known', l.first_day, l.last_day, l.day_count, l.name, l.meaning,
           l.command || l.first_day || ' ' || l.last_day || l.options
    FROM lacking AS l
    UNION ALL
    SELECT 7, c.what, c.severity, c.first_day, c.last_day, c.day_count, c.name, NULL, c.repair
    FROM checks AS c
    UNION ALL
    SELECT 8, 'unit', 'not counted', u.first_day, u.last_day, u.day_count, u.bmu_id || ' (' || u.unit_name || ')',
           round(u.all_bids_mwh, 2) || ' MWh of all bids, ' || round(u.curtailed_mwh, 2) || ' MWh of them SO-flagged, are in no figure',
           NULL
    FROM units AS u
)
SELECT f.what, f.status, f.first_day, f.last_day, f.day_count, f.name, f.meaning, f.repair
FROM found AS f
ORDER BY f.kind, f.what, f.first_day, f.last_day, f.name;
