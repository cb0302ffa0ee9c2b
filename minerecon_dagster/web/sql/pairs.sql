-- Each day of a range beside its counterpart: the same day a year before, or the nth day from %(with)s on.
SELECT d.settlement_date,
       CASE WHEN CAST(%(with)s AS date) IS NOT NULL
            THEN CAST(%(with)s AS date) + (d.settlement_date - CAST(%(first)s AS date))
            WHEN to_char(CAST(d.settlement_date AS timestamp), 'MM-DD') <> '02-29'
            THEN CAST(d.settlement_date - interval '1 year' AS date) END AS other_settlement_date
FROM (
    SELECT CAST(%(first)s AS date) + n AS settlement_date
    FROM generate_series(0, least(CAST(%(last)s AS date), CAST(%(today)s AS date)) - CAST(%(first)s AS date)) AS n
) AS d
