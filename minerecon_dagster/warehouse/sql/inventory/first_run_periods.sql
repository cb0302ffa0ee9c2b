-- The settlement periods of the days :days whose newest record was made sooner than :rerun_not_before after their start,
-- without the days whose own check has looked at all their rows since and found them right, or is waived.
SELECT settlement_date, array_agg(DISTINCT settlement_period ORDER BY settlement_period) AS periods
FROM (
    SELECT settlement_date, settlement_period, stack_side
    FROM minerecon.curtailment_records
    WHERE settlement_date = ANY(CAST(:days AS date[]))
    GROUP BY settlement_date, settlement_period, stack_side
    HAVING max(elexon_created_at - start_time) < CAST(:rerun_not_before AS interval)
) AS early
WHERE NOT EXISTS (
    SELECT FROM minerecon.reconciliation_latest AS l
    WHERE l.scope = 'day' AND l.settlement_date = early.settlement_date
      AND l.check_family = 'completeness' AND l.check_name = 'rows_of_the_rerun'
      AND (l.passed OR l.waived_until >= (now() AT TIME ZONE 'Europe/London')::date)
)
GROUP BY settlement_date
ORDER BY settlement_date;
