-- SO-flagged energy of each hour of a stored day by the clock in London: 24, 23 or 25; an hour that is not there is NULL.
SELECT to_char(min(p.london_time), 'HH24:00') AS hour,
       CASE WHEN CAST(%(lead_party)s AS text) IS NOT NULL
            THEN CASE WHEN count(p.curtailed_mwh) = count(*) THEN coalesce(sum(u.curtailed_mwh), 0) END
            WHEN count(p.curtailed_mwh) = count(*) THEN sum(p.curtailed_mwh) END AS "curtailedEnergy"
FROM analytics.curtailment_by_period AS p
LEFT JOIN (
    SELECT r.settlement_period, sum(r.curtailed_mwh) AS curtailed_mwh
    FROM minerecon.curtailment_records AS r
    JOIN minerecon.unit_daily_summaries AS d ON d.settlement_date = r.settlement_date AND d.bmu_id = r.bmu_id
    WHERE r.settlement_date = %(first)s AND r.so_flag AND d.lead_party_name = %(lead_party)s
    GROUP BY r.settlement_period
) AS u ON u.settlement_period = p.settlement_period
WHERE p.settlement_date = %(first)s
GROUP BY (p.settlement_period - 1) / 2
HAVING count(p.curtailed_mwh) > 0 OR EXISTS (
    SELECT FROM minerecon.daily_summaries AS s WHERE s.summary_date = %(first)s
)
ORDER BY (p.settlement_period - 1) / 2;
