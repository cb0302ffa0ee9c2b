-- A function whose rows are those of a view goes before it.
DROP FUNCTION IF EXISTS analytics.curtailment_of_farm(text, date, date);
-- Views are made anew each time, and some stand on others: all of them go at once. A view of somebody else's that
-- stands on one of these is not dropped with them: the upgrade stops and names it.
DO $$
DECLARE
    views text;
    others text;
BEGIN
    SELECT string_agg(format('%I.%I', schemaname, viewname), ', ') INTO views
    FROM pg_views WHERE schemaname = 'analytics';
    IF views IS NOT NULL THEN
        EXECUTE 'DROP VIEW ' || views;
    END IF;
EXCEPTION WHEN dependent_objects_still_exist THEN
    GET STACKED DIAGNOSTICS others = PG_EXCEPTION_DETAIL;
    RAISE EXCEPTION USING ERRCODE = 'object_in_use',
        MESSAGE = 'the views of schema analytics are made anew, and ' || replace(others, E'\n', ', ')
                  || ' (drop it first, and make it again afterwards)';
END $$;
