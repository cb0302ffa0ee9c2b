-- Turns of requests to a source, over all hosts: the generic cell rate algorithm of http/rate_limit.py (Pace.reserve), by
-- this server's clock, which is read once the row is had. What is answered is a duration.
CREATE OR REPLACE FUNCTION minerecon.take_turn(source text, n integer, interval_us bigint, ahead_us bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    turns minerecon.request_turns;
    now_at timestamptz;
    ahead CONSTANT interval := take_turn.ahead_us * interval '1 microsecond';
    starts_at timestamptz;
BEGIN
    SELECT r.* INTO turns FROM minerecon.request_turns AS r WHERE r.source = take_turn.source FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO minerecon.request_turns (source, due_at, held_until_at, taken_at)
        VALUES (take_turn.source, '-infinity', '-infinity', 'infinity') ON CONFLICT DO NOTHING;
        SELECT r.* INTO turns FROM minerecon.request_turns AS r WHERE r.source = take_turn.source FOR UPDATE;
    END IF;
    now_at := clock_timestamp();
    IF turns.taken_at > now_at THEN
        -- A crash or a failover has emptied the table, or the clock was set back: nothing is known of the last minute.
        -- Nobody starts until turns given before are over, and then nobody in a burst.
        turns.held_until_at := now_at + interval '2 seconds';
        turns.due_at := turns.held_until_at + ahead;
    END IF;
    starts_at := greatest(now_at, turns.due_at - ahead);
    UPDATE minerecon.request_turns AS r
    SET due_at = greatest(turns.due_at, starts_at) + take_turn.n * take_turn.interval_us * interval '1 microsecond',
        held_until_at = turns.held_until_at, taken_at = now_at
    WHERE r.source = take_turn.source;
    RETURN CAST(extract(epoch FROM starts_at - now_at) * 1000000 AS bigint);
END $$;

COMMENT ON FUNCTION minerecon.take_turn(text, integer, bigint, bigint) IS
'Takes n turns, interval_us apart, for requests to a source; how long to wait for the first, in microseconds. A request may start ahead_us before it would be due if all came evenly.';

CREATE OR REPLACE FUNCTION minerecon.hold_turns(source text, hold_us bigint, ahead_us bigint)
RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO minerecon.request_turns AS r (source, due_at, held_until_at, taken_at)
    SELECT hold_turns.source, until_at + hold_turns.ahead_us * interval '1 microsecond', until_at, clock_timestamp()
    FROM (SELECT clock_timestamp() + hold_turns.hold_us * interval '1 microsecond' AS until_at) AS held
    ON CONFLICT (source) DO UPDATE
    SET due_at = greatest(r.due_at, excluded.due_at), held_until_at = greatest(r.held_until_at, excluded.held_until_at)
    RETURNING hold_turns.hold_us;
$$;

COMMENT ON FUNCTION minerecon.hold_turns(text, bigint, bigint) IS
'Lets nobody start a request to a source for hold_us from now, and nobody in a burst after that.';

CREATE OR REPLACE FUNCTION minerecon.turns_held(source text) RETURNS bigint LANGUAGE sql AS $$
    SELECT greatest(0, CAST(extract(epoch FROM max(r.held_until_at) - clock_timestamp()) * 1000000 AS bigint))
    FROM minerecon.request_turns AS r WHERE r.source = turns_held.source;
$$;

COMMENT ON FUNCTION minerecon.turns_held(text) IS
'How long nobody may start a request to a source from now on, in microseconds; 0 where nobody asked for patience.';
