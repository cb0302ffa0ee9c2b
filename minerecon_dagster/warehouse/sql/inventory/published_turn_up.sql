-- The published turn-up estimates, each beside ours: the sum over its days, whether all of them are stored and none of
-- them is made up, the days without one, and those of them whose offers were never fetched.
SELECT f.figure_id, f.period_label, f.first_day, f.last_day, f.source, f.value AS published,
       o.turn_up_estimate_gbp AS ours, o.lacking, o.without_offers,
       o.day_count = f.last_day - f.first_day + 1 AND NOT o.is_synthetic AS is_comparable
FROM minerecon.published_figures AS f
CROSS JOIN LATERAL (
    SELECT count(*) AS day_count, sum(turn_up_estimate_gbp) AS turn_up_estimate_gbp, bool_or(is_synthetic) AS is_synthetic,
           coalesce(array_agg(summary_date ORDER BY summary_date) FILTER (WHERE turn_up_estimate_gbp IS NULL), '{}')
               AS lacking,
           coalesce(array_agg(summary_date ORDER BY summary_date) FILTER (
               WHERE turn_up_estimate_gbp IS NULL AND NOT EXISTS (
                   SELECT FROM minerecon.ingestion_progress AS i
                   WHERE i.settlement_date = s.summary_date AND i.stack_side = 'offer' AND i.status IN ('rows', 'empty')
               )
           ), '{}') AS without_offers
    FROM minerecon.daily_summaries AS s WHERE summary_date BETWEEN f.first_day AND f.last_day
) AS o
WHERE f.figure = 'turn_up_estimate_gbp' AND NOT f.is_known_wrong
ORDER BY f.first_day, f.last_day, f.figure_id;
