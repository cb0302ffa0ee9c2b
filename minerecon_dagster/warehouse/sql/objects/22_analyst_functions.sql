-- The settlement calendar, in SQL; core/calendar.py is its tested definition.
CREATE OR REPLACE FUNCTION minerecon.settlement_period_start(settlement_date date, settlement_period integer)
RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
-- Counted in UTC without a time zone: with one the sum is not immutable, and the function would be called row by row.
RETURN (CAST(settlement_date AS timestamp) AT TIME ZONE 'Europe/London' AT TIME ZONE 'UTC'
        + (settlement_period - 1) * interval '30 minutes') AT TIME ZONE 'UTC';

COMMENT ON FUNCTION minerecon.settlement_period_start(date, integer) IS
'UTC start of a settlement period (counted from 1) of a Europe/London day.';

CREATE OR REPLACE FUNCTION minerecon.settlement_period_count(settlement_date date) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CAST(extract(epoch FROM CAST(settlement_date + 1 AS timestamp) AT TIME ZONE 'Europe/London'
                             - CAST(settlement_date AS timestamp) AT TIME ZONE 'Europe/London') / 1800 AS integer);

COMMENT ON FUNCTION minerecon.settlement_period_count(date) IS
'Settlement periods of a Europe/London day: 46, 48 or 50.';

-- The name of a wind farm from the register's name of one of its units. What tells the units of a farm apart goes from
-- the end (BMU 2, Unit 1, WF-1, OSP East 1, Z02, Wind Farm Two), then what every farm is called (Offshore Wind Farm,
-- Ltd). A phase or an extension that the register names (Crystal Rig II, Whitelee Extension) is a farm of its own. A
-- name that is only an id, or none, gives the id without its prefix and number.
CREATE OR REPLACE FUNCTION minerecon.wind_farm_stem(bmu_id text, name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN plain = '' THEN regexp_replace(bmu_id, '^[A-Z]_([A-Z0-9]+)-\d+$', '\1')
        WHEN plain ~ '^[A-Z0-9]__' THEN plain
        WHEN plain ~ '^([A-Z][_-])?[A-Z0-9]{4,6}(-\d+)?$'
            THEN regexp_replace(plain, '^(?:[A-Z][_-])?([A-Z0-9]+?)(?:-\d+)?$', '\1')
        WHEN stem = '' THEN plain
        WHEN replace(stem, ' Extension', '') = upper(replace(stem, ' Extension', '')) THEN initcap(stem)
        ELSE stem
    END
    FROM btrim(coalesce(name, '')) AS plain,
    LATERAL regexp_replace(translate(plain, '_', ' '), '\s+', ' ', 'g') AS spaced,
    LATERAL regexp_replace(
        spaced, '\m(wind ?farm|wf|unit|bmu) (one|two|three|four|five|six|seven|eight|nine|ten)$', '\1', 'i'
    ) AS unworded,
    LATERAL regexp_replace(
        unworded, '([ -]+(bmu|unit|module|osp ?(e|w|east|west|north|south)?|z))?[ -]*\d+$', '', 'i'
    ) AS unnumbered,
    LATERAL regexp_replace(
        unnumbered,
        '([ -]+(offshore|onshore|wind ?farms?|wind|o?wf|generator|generation|energy|limited|ltd|export|bmu|unit))+$', '', 'i'
    ) AS bare,
    LATERAL btrim(regexp_replace(
        regexp_replace(bare, '([ -]+(wind ?farm|wf))? (extension|ext)$', ' Extension', 'i'),
        '^(offshore|onshore|wind ?farms?|wind|o?wf|bmu|unit)$', '', 'i'
    ), ' -') AS stem
$$;

COMMENT ON FUNCTION minerecon.wind_farm_stem(text, text) IS
'Name of a wind farm from the register''s name of one of its units, without what tells its units apart; exceptions stand in wind_farm_exceptions.';
