-- What each stored day from :first_day to :last_day was computed from, as far as it may not be believed: its difficulty,
-- whether a wind output of 0 beside wind bids is taken for known, and whether it has a price at Elexon's limit of which
-- no check has told (of days that were checked before there was such a check).
SELECT s.summary_date AS settlement_date, d.difficulty,
       EXISTS (
           SELECT FROM minerecon.wind_generation_data AS w
           JOIN minerecon.period_summaries AS p USING (settlement_date, settlement_period)
           WHERE w.settlement_date = s.summary_date AND (w.wind_onshore_mw = 0 OR w.wind_offshore_mw = 0)
       ) AS has_zero_wind,
       priced.settlement_date IS NOT NULL AS is_at_limit
FROM minerecon.daily_summaries AS s
LEFT JOIN minerecon.bitcoin_difficulty AS d ON d.settlement_date = s.summary_date
LEFT JOIN (
    SELECT DISTINCT settlement_date
    FROM minerecon.curtailment_records AS r
    WHERE settlement_date BETWEEN :first_day AND :last_day AND abs(original_price_gbp_per_mwh) >= :limit
      AND NOT EXISTS (
          SELECT FROM minerecon.reconciliation_latest AS l
          WHERE l.scope = 'day' AND l.settlement_date = r.settlement_date AND l.check_name = :judged_by
      )
) AS priced ON priced.settlement_date = s.summary_date
WHERE s.summary_date BETWEEN :first_day AND :last_day
ORDER BY s.summary_date;
