-- What tells one state of the warehouse from another: newest rows, which are at once there, and the counters of changes,
-- which follow within seconds and miss nothing.
SELECT concat_ws('/', r.version_num, v.made_from, (SELECT concat(count(*), ' ', max(c.oid)) FROM pg_class AS c
                                      WHERE c.relnamespace = CAST('analytics' AS regnamespace))) AS schema_news,
       concat_ws(
           '/',
           CAST(now() AT TIME ZONE 'Europe/London' AS date),
           CAST(now() AT TIME ZONE 'Europe/London' AS time) >= time '09:00',  -- web/feed.py: yesterday is a gap from then on
           (SELECT concat(count(*), ' ', max(built_at)) FROM minerecon.daily_summaries),
           (SELECT max(result_id) FROM minerecon.reconciliation_results),
           (SELECT concat(count(*), ' ', max(fetched_at)) FROM minerecon.bitcoin_price_gbp),
           (SELECT max(restatement_id) FROM minerecon.restatements),
           (SELECT max(verification_id) FROM minerecon.verifications),
           (SELECT concat(count(*), ' ', max(closed_at)) FROM minerecon.unavailable_days),
           (SELECT concat(count(*), ' ', max(valid_from), ' ', max(valid_to)) FROM minerecon.bm_units),
           (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = 'minerecon')
       ) AS data_news,
       r.version_num, v.made_from,
       (SELECT extract(epoch FROM max(built_at)) FROM minerecon.daily_summaries) AS built_at,
       (SELECT max(summary_date) FROM minerecon.daily_summaries WHERE is_final) AS newest_final_day
FROM minerecon.alembic_version AS r,
     (SELECT obj_description(to_regnamespace('analytics'), 'pg_namespace') AS made_from) AS v;
