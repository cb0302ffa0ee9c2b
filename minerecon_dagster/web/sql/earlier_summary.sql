-- SO-flagged energy, and the net payment for it, over a range of stored days: of all farms, or of a lead party.
SELECT CASE WHEN CAST(%(lead_party)s AS text) IS NULL THEN sum(s.curtailed_mwh)
            ELSE coalesce(sum(u.curtailed_mwh), 0) END AS "totalCurtailedEnergy",
       CASE WHEN CAST(%(lead_party)s AS text) IS NULL THEN sum(s.payment_gbp)
            ELSE coalesce(sum(u.payment_gbp), 0) END AS "totalPayment"
FROM minerecon.daily_summaries AS s
LEFT JOIN (
    SELECT p.settlement_date, sum(p.curtailed_mwh) AS curtailed_mwh, sum(p.payment_gbp) AS payment_gbp
    FROM minerecon.unit_daily_summaries AS p
    WHERE p.lead_party_name = %(lead_party)s AND p.settlement_date BETWEEN %(first)s AND %(last)s
    GROUP BY p.settlement_date
) AS u ON u.settlement_date = s.summary_date
WHERE s.summary_date BETWEEN %(first)s AND %(last)s
HAVING count(*) > 0;
