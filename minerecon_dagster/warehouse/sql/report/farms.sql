-- The wind farms that were curtailed most, SO-flagged, and their share of all.
SELECT coalesce(f.farm_name, u.bmu_id) AS farm_name, sum(u.curtailed_mwh) AS curtailed_mwh,
       sum(u.payment_gbp) AS payment_gbp,
       sum(u.curtailed_mwh) / NULLIF(sum(sum(u.curtailed_mwh)) OVER (), 0) AS share
FROM minerecon.unit_daily_summaries AS u
LEFT JOIN analytics.wind_farms AS f USING (bmu_id)
WHERE u.settlement_date BETWEEN :first AND :last
GROUP BY 1
HAVING sum(u.curtailed_mwh) > 0
ORDER BY 2 DESC, 1
LIMIT :most;
