-- The units that are not counted on stored days from :first_day to :last_day, and at which nobody has looked: not among
-- the :reviewed, and of days whose warning no waiver accepts on :today. Newest facts, sums over those days.
SELECT u.bmu_id,
       (array_agg(u.reason ORDER BY u.settlement_date DESC))[1] AS reason,
       (array_agg(u.likely_bmu_id ORDER BY u.settlement_date DESC))[1] AS likely_bmu_id,
       (array_agg(u.name ORDER BY u.settlement_date DESC))[1] AS name,
       bool_or(u.is_wind_like) AS is_wind_like, min(u.settlement_date) AS first_day, max(u.settlement_date) AS last_day,
       count(*) AS day_count, sum(u.curtailed_mwh) AS curtailed_mwh, sum(u.payment_gbp) AS payment_gbp,
       sum(u.all_bids_mwh) AS all_bids_mwh, sum(u.all_bids_payment_gbp) AS all_bids_payment_gbp
FROM minerecon.uncounted_units AS u
JOIN minerecon.reconciliation_latest AS l
    ON l.scope = 'day' AND l.settlement_date = u.settlement_date
    AND l.check_family = 'register' AND l.check_name = 'wind_like_units_mapped'
WHERE u.settlement_date BETWEEN :first_day AND :last_day AND u.bmu_id <> ALL(CAST(:reviewed AS text[]))
  AND NOT l.passed AND (l.waived_until IS NULL OR l.waived_until < :today)
GROUP BY u.bmu_id
ORDER BY sum(u.all_bids_mwh) DESC, u.bmu_id;
