-- Everything the service keeps. `run` is "live" or a replay's name: runs never mix.
-- Times stand twice where they matter: timestamptz for people, indexes and partitions, and the
-- exact nanoseconds since the epoch. Records are `json`, not `jsonb`: they come back byte for byte,
-- and a "\u0000" that a sensor put into a text is no error.

CREATE TABLE feed_epoch (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    epoch text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL
);
INSERT INTO feed_epoch (epoch, reason) VALUES (replace(gen_random_uuid()::text, '-', ''), 'migrated');

-- Time-partitioned tables: one row each; what `straja_due` and the runner of migrations go by.
CREATE TABLE time_table (
    name text PRIMARY KEY,
    time_column text NOT NULL,
    step interval NOT NULL,
    keep interval NOT NULL,
    hypertable boolean NOT NULL
);
CREATE TABLE time_partition (
    name text PRIMARY KEY,
    parent text NOT NULL REFERENCES time_table (name),
    lower_bound timestamptz NOT NULL,
    upper_bound timestamptz NOT NULL
);

CREATE FUNCTION straja_make_time_table(
    table_name text, time_column text, columns text, key text, step interval, keep interval
) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $body$
DECLARE
    timescale boolean := EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');
BEGIN
    EXECUTE format(
        'CREATE TABLE %I (%s, PRIMARY KEY (%s))', table_name, columns, key
    ) || CASE WHEN timescale THEN '' ELSE format(' PARTITION BY RANGE (%I)', time_column) END;
    INSERT INTO time_table VALUES (table_name, time_column, step, keep, timescale);
    IF timescale THEN
        EXECUTE format(
            'SELECT create_hypertable(%L, %L, chunk_time_interval => %L::interval, '
            'create_default_indexes => false)', table_name, time_column, step
        );
    ELSE
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', table_name || '_default', table_name);
    END IF;
END
$body$;

-- Makes the partition that holds `at`, taking what the default partition caught of its time.
-- Runs with the owner's rights: the service may not make tables of its own.
CREATE FUNCTION straja_make_partition(table_name text, at timestamptz)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
DECLARE
    known time_table;
    first timestamptz;
    past timestamptz;
    part text;
BEGIN
    SELECT * INTO STRICT known FROM time_table t WHERE t.name = table_name;
    IF known.hypertable THEN
        RETURN NULL;
    END IF;
    first := date_bin(known.step, at, timestamptz '2000-01-03 00:00:00+00');
    past := first + known.step;
    part := table_name || '_' || to_char(first AT TIME ZONE 'UTC', 'YYYYMMDD');
    PERFORM pg_advisory_xact_lock(hashtext('straja partitions'));
    IF EXISTS (SELECT FROM time_partition p WHERE p.name = part) THEN
        RETURN NULL;
    END IF;
    SET LOCAL lock_timeout = '300ms';
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, table_name);
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', table_name || '_default');
    EXECUTE format(
        'WITH moved AS (DELETE FROM %1$I WHERE %2$I >= %3$L AND %2$I < %4$L RETURNING *) '
        'INSERT INTO %5$I SELECT * FROM moved',
        table_name || '_default', known.time_column, first, past, part
    );
    EXECUTE format(
        'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        table_name, part, first, past
    );
    INSERT INTO time_partition VALUES (part, table_name, first, past);
    -- Reached through its parent alone, whatever rights new tables are given by default.
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'straja_service' AND rolname <> current_user) THEN
        EXECUTE format('REVOKE ALL ON %I FROM straja_service', part);
    END IF;
    RETURN part;
END
$body$;

-- Drops a partition that is wholly older than its table's keeping time; a replay's rows stay.
CREATE FUNCTION straja_drop_partition(part text, at timestamptz)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
DECLARE
    parent_name text;
    replayed boolean;
BEGIN
    SELECT p.parent INTO parent_name FROM time_partition p JOIN time_table t ON t.name = p.parent
     WHERE p.name = part AND p.upper_bound < at - t.keep;
    IF parent_name IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('straja partitions'));
    SET LOCAL lock_timeout = '300ms';
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE run <> ''live'')', part) INTO replayed;
    IF replayed THEN
        EXECUTE format('DELETE FROM %I WHERE run = ''live''', part);
        RETURN NULL;
    END IF;
    EXECUTE format('DROP TABLE %I', part);
    DELETE FROM time_partition p WHERE p.name = part;
    RETURN part;
END
$body$;

-- What is to be done now: partitions to make (three steps ahead, and for what the default
-- partitions caught) and partitions to drop. Each is done in a transaction of its own.
CREATE FUNCTION straja_due(at timestamptz)
RETURNS TABLE (action text, table_name text, moment timestamptz)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $body$
DECLARE
    known time_table;
BEGIN
    FOR known IN SELECT * FROM time_table t WHERE NOT t.hypertable ORDER BY t.name LOOP
        RETURN QUERY SELECT 'make', known.name, at + known.step * ahead
          FROM generate_series(0, 3) AS ahead
         WHERE NOT EXISTS (
             SELECT FROM time_partition p WHERE p.parent = known.name
                AND p.lower_bound <= at + known.step * ahead
                AND at + known.step * ahead < p.upper_bound
         );
        RETURN QUERY EXECUTE format(
            'SELECT DISTINCT ''make'', %L, date_bin(%L::interval, %I, '
            'timestamptz ''2000-01-03 00:00:00+00'') FROM %I LIMIT 64',
            known.name, known.step, known.time_column, known.name || '_default'
        );
        RETURN QUERY SELECT 'drop', p.name, at FROM time_partition p
          WHERE p.parent = known.name AND p.upper_bound < at - known.keep
          ORDER BY p.lower_bound;
    END LOOP;
END
$body$;

-- kind: 0 an MQTT message as received (topic and payload), 1 a record of ours (payload is JSON).
-- `topic` is bytea: what a broker lets through need not be text that PostgreSQL takes.
SELECT straja_make_time_table('journal', 'received_at', $columns$
    run text NOT NULL,
    position bigint NOT NULL CHECK (position > 0),
    received_at timestamptz NOT NULL,
    received_at_ns bigint NOT NULL,
    kind smallint NOT NULL CHECK (kind IN (0, 1)),
    retained boolean NOT NULL,
    topic bytea NOT NULL,
    payload bytea NOT NULL
$columns$, 'run, position, received_at', interval '1 day', interval '30 days');

CREATE TABLE applied (
    run text PRIMARY KEY,
    position bigint NOT NULL
);

SELECT straja_make_time_table('detection', 'at', $columns$
    run text NOT NULL,
    id text NOT NULL,
    at timestamptz NOT NULL,
    at_ns bigint NOT NULL,
    feed_group text NOT NULL,
    sensor text NOT NULL,
    sensor_kind text NOT NULL,
    mark text NOT NULL,
    east_m double precision NOT NULL,
    north_m double precision NOT NULL,
    object_class text NOT NULL,
    confidence real NOT NULL,
    record json NOT NULL
$columns$, 'run, id, at', interval '1 day', interval '90 days');
CREATE INDEX detection_sensor ON detection (run, sensor, at);

SELECT straja_make_time_table('track_position', 'at', $columns$
    run text NOT NULL,
    id text NOT NULL,
    revision bigint NOT NULL,
    at timestamptz NOT NULL,
    at_ns bigint NOT NULL,
    state text NOT NULL,
    mark text NOT NULL,
    east_m double precision NOT NULL,
    north_m double precision NOT NULL,
    covariance_ee_m2 double precision NOT NULL,
    covariance_en_m2 double precision NOT NULL,
    covariance_nn_m2 double precision NOT NULL,
    velocity_east_mps real NOT NULL,
    velocity_north_mps real NOT NULL,
    object_class text NOT NULL,
    confidence real NOT NULL,
    sensors text[] NOT NULL,
    own_force text
$columns$, 'run, id, revision, at', interval '1 day', interval '90 days');

SELECT straja_make_time_table('sensor_health', 'at', $columns$
    run text NOT NULL,
    feed_group text NOT NULL,
    sensor text NOT NULL,
    at timestamptz NOT NULL,
    at_ns bigint NOT NULL,
    state text NOT NULL,
    record json NOT NULL
$columns$, 'run, feed_group, sensor, at', interval '7 days', interval '90 days');

SELECT straja_make_time_table('gateway_health', 'at', $columns$
    run text NOT NULL,
    feed_group text NOT NULL,
    at timestamptz NOT NULL,
    at_ns bigint NOT NULL,
    state text NOT NULL,
    sent bigint,
    received bigint NOT NULL,
    journalled bigint NOT NULL,
    rejected bigint NOT NULL
$columns$, 'run, feed_group, at', interval '7 days', interval '90 days');

SELECT straja_make_time_table('proof', 'at', $columns$
    run text NOT NULL,
    sensor text NOT NULL,
    at timestamptz NOT NULL,
    at_ns bigint NOT NULL,
    measured_at_ns bigint NOT NULL
$columns$, 'run, sensor, at', interval '7 days', interval '30 days');

CREATE TABLE incident (
    run text NOT NULL,
    id text NOT NULL,
    revision bigint NOT NULL,
    at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    mark text NOT NULL,
    severity smallint NOT NULL,
    ended boolean NOT NULL,
    record json NOT NULL,
    PRIMARY KEY (run, id)
);
CREATE INDEX incident_started ON incident (run, started_at);

-- The state of each alert: its last revision.
CREATE TABLE alert (
    run text NOT NULL,
    id text NOT NULL,
    revision bigint NOT NULL,
    at timestamptz NOT NULL,
    raised_at timestamptz NOT NULL,
    state text NOT NULL,
    mark text NOT NULL,
    severity smallint NOT NULL,
    sector text,
    PRIMARY KEY (run, id)
);
CREATE INDEX alert_raised ON alert (run, raised_at);

-- All revisions, whole; rows are never changed.
CREATE TABLE alert_event (
    run text NOT NULL,
    id text NOT NULL,
    revision bigint NOT NULL,
    at timestamptz NOT NULL,
    position bigint NOT NULL,
    record json NOT NULL,
    PRIMARY KEY (run, id, revision)
);

-- What each party was shown, in a sequence of its own without holes.
CREATE TABLE feed_head (
    run text NOT NULL,
    party text NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (run, party)
);
-- `record` stands only where the party was shown something else than the event itself.
CREATE TABLE feed (
    run text NOT NULL,
    party text NOT NULL,
    sequence bigint NOT NULL,
    id text NOT NULL,
    revision bigint NOT NULL,
    shown_id text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    record json,
    PRIMARY KEY (run, party, sequence),
    UNIQUE (run, party, id, revision)
);
CREATE INDEX feed_shown ON feed (run, party, shown_id, sequence);
-- The last line of each alert in each party's feed.
CREATE TABLE feed_current (
    run text NOT NULL,
    party text NOT NULL,
    id text NOT NULL,
    sequence bigint NOT NULL,
    revision bigint NOT NULL,
    raised_at_ns bigint NOT NULL,
    ended boolean NOT NULL,
    PRIMARY KEY (run, party, id)
);
CREATE INDEX feed_current_all ON feed_current (run, party, raised_at_ns DESC, id DESC);
CREATE INDEX feed_current_open ON feed_current (run, party, raised_at_ns DESC, id DESC)
    WHERE NOT ended;

CREATE TABLE refused (
    run text NOT NULL,
    command text NOT NULL,
    at timestamptz NOT NULL,
    record json NOT NULL,
    PRIMARY KEY (run, command)
);

CREATE TABLE snapshot (
    run text NOT NULL,
    position bigint NOT NULL,
    stage text NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now(),
    state bytea NOT NULL,
    PRIMARY KEY (run, position, stage)
);

CREATE TABLE site (
    hash text PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    text text NOT NULL
);
CREATE TABLE site_row (
    kind text NOT NULL,
    id text NOT NULL,
    valid_from_ns bigint NOT NULL,
    valid_to_ns bigint,
    content json NOT NULL,
    site_hash text NOT NULL REFERENCES site (hash),
    PRIMARY KEY (site_hash, kind, id, valid_from_ns)
);
CREATE INDEX site_row_valid ON site_row (kind, id, valid_from_ns);

CREATE TABLE account (
    name text PRIMARY KEY CHECK (name ~ '^[a-z0-9._-]{2,32}$'),
    party text NOT NULL,
    role text NOT NULL CHECK (role IN ('operator', 'administrator')),
    password_hash text,
    disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE session (
    secret_sha256 bytea PRIMARY KEY,
    account text NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    csrf_token text NOT NULL,
    expires_at_ns bigint NOT NULL
);
CREATE INDEX session_account ON session (account);
CREATE TABLE one_time_token (
    token_sha256 bytea PRIMARY KEY,
    account text NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    expires_at_ns bigint NOT NULL
);
-- Kept by the name that was tried, whether there is such an account or not.
CREATE TABLE sign_in_failure (
    name text PRIMARY KEY,
    failures integer NOT NULL,
    last_at_ns bigint NOT NULL
);

-- Who did what. Each row's hash covers the row before it, so that a change shows.
CREATE TABLE audit (
    sequence bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    at_ns bigint NOT NULL,
    run text NOT NULL,
    actor text NOT NULL,
    what text NOT NULL,
    object text NOT NULL,
    detail text NOT NULL,
    once text UNIQUE,
    hash bytea NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_object ON audit (object);
CREATE TABLE audit_head (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    sequence bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO audit_head (sequence, hash) VALUES (0, ''::bytea);

CREATE FUNCTION straja_audit_hash(
    previous bytea, sequence bigint, at_ns bigint, run text, actor text, what text, object text,
    detail text
) RETURNS bytea LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $body$
    SELECT sha256(previous || convert_to(
        json_build_array(sequence, at_ns, run, actor, what, object, detail)::text, 'UTF8'))
$body$;

-- The only way to add a row: the service itself may neither insert, change nor delete any.
-- A row with a `once` that is already there is not written again.
CREATE FUNCTION straja_audit(
    at_ns bigint, run text, actor text, what text, object text, detail text, once text
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
DECLARE
    head audit_head;
    next_hash bytea;
BEGIN
    SELECT * INTO STRICT head FROM audit_head FOR UPDATE;
    IF once IS NOT NULL AND EXISTS (SELECT FROM audit a WHERE a.once = straja_audit.once) THEN
        RETURN NULL;
    END IF;
    next_hash := straja_audit_hash(
        head.hash, head.sequence + 1, at_ns, run, actor, what, object, detail);
    INSERT INTO audit VALUES (
        head.sequence + 1, to_timestamp(at_ns / 1000000000.0), at_ns, run, actor, what, object,
        detail, once, next_hash);
    UPDATE audit_head SET sequence = head.sequence + 1, hash = next_hash;
    RETURN head.sequence + 1;
END
$body$;
