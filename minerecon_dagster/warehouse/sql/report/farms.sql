-- The wind farms that were curtailed most, SO-flagged, and their share of all; and what share of what they notified that was.
WITH most AS (
    SELECT coalesce(f.farm_name, u.bmu_id) AS farm_name, sum(u.curtailed_mwh) AS curtailed_mwh,
           sum(u.payment_gbp) AS payment_gbp,
           sum(u.curtailed_mwh) / NULLIF(sum(sum(u.curtailed_mwh)) OVER (), 0) AS share
    FROM minerecon.unit_daily_summaries AS u
    LEFT JOIN analytics.wind_farms AS f USING (bmu_id)
    WHERE u.settlement_date BETWEEN :first AND :last
    GROUP BY 1
    HAVING sum(u.curtailed_mwh) > 0
    ORDER BY 2 DESC, 1
    LIMIT :most
), notified AS (
    -- Of the unit-days whose potential is known, on both sides of the share; of all units, with a bid or without.
    SELECT n.farm_name, sum(n.potential_mwh) AS potential_mwh,
           sum(n.curtailed_mwh) FILTER (WHERE n.potential_mwh IS NOT NULL) AS curtailed_mwh,
           sum(n.periods_with_pn) / NULLIF(CAST(sum(n.periods_expected) FILTER (WHERE n.has_potential) AS numeric), 0)
               AS coverage,
           count(DISTINCT n.settlement_date) FILTER (WHERE n.periods_with_pn > 0) AS potential_days
    FROM analytics.notified_potential_by_unit_day AS n
    WHERE n.settlement_date BETWEEN :first AND :last
    GROUP BY 1
)
SELECT m.farm_name, m.curtailed_mwh, m.payment_gbp, m.share, n.potential_mwh,
       CASE WHEN minerecon.potential_is_covered(n.coverage) THEN n.curtailed_mwh / NULLIF(n.potential_mwh, 0) END
           AS lost_share,
       coalesce(n.potential_days, 0) AS potential_days
FROM most AS m
LEFT JOIN notified AS n USING (farm_name)
ORDER BY m.curtailed_mwh DESC, m.farm_name;
