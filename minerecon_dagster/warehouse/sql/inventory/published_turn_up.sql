-- The published turn-up estimates of which all days are stored here with one, none of them made up: each beside ours.
SELECT f.figure_id, f.period_label, f.source, f.value AS published, o.turn_up_estimate_gbp AS ours
FROM minerecon.published_figures AS f
CROSS JOIN LATERAL (
    SELECT count(turn_up_estimate_gbp) AS day_count, sum(turn_up_estimate_gbp) AS turn_up_estimate_gbp,
           bool_or(is_synthetic) AS is_synthetic
    FROM minerecon.daily_summaries WHERE summary_date BETWEEN f.first_day AND f.last_day
) AS o
WHERE f.figure = 'turn_up_estimate_gbp' AND NOT f.is_known_wrong
  AND o.day_count = f.last_day - f.first_day + 1 AND NOT o.is_synthetic
ORDER BY f.first_day, f.figure_id;
