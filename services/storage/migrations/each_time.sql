-- Run after every migration: what the service's own role may do, where there is such a role.
-- The owner makes tables; the service reads and writes rows, and rewrites no history.
REVOKE ALL ON FUNCTION straja_make_time_table(text, text, text, text, interval, interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION straja_make_partition(text, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION straja_drop_partition(text, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION straja_audit(bigint, text, text, text, text, text, text) FROM PUBLIC;

DO $body$
DECLARE
    kept text[] := ARRAY['schema_version', 'feed_epoch', 'time_table', 'time_partition', 'audit',
        'audit_head'];
    added text[] := ARRAY['journal', 'detection', 'track_position', 'sensor_health',
        'gateway_health', 'proof', 'alert_event', 'feed', 'refused', 'site', 'site_row'];
    changed text[] := ARRAY['applied', 'incident', 'alert', 'feed_head', 'feed_current',
        'lease'];
    removed text[] := ARRAY['snapshot', 'account', 'session', 'one_time_token', 'sign_in_failure'];
    name text;
    part text;
BEGIN
    IF current_user = 'straja_service'
       OR NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'straja_service') THEN
        RETURN;
    END IF;
    -- A restore stops at the backup's own schema first, which may be from before leases.
    IF to_regclass('lease') IS NULL THEN
        changed := array_remove(changed, 'lease');
    END IF;
    FOREACH name IN ARRAY kept || added || changed || removed LOOP
        EXECUTE format('REVOKE ALL ON %I FROM straja_service', name);
        EXECUTE format('GRANT SELECT ON %I TO straja_service', name);
    END LOOP;
    FOREACH name IN ARRAY added || changed || removed LOOP
        EXECUTE format('GRANT INSERT ON %I TO straja_service', name);
    END LOOP;
    FOREACH name IN ARRAY changed || removed LOOP
        EXECUTE format('GRANT UPDATE ON %I TO straja_service', name);
    END LOOP;
    FOREACH name IN ARRAY removed LOOP
        EXECUTE format('GRANT DELETE ON %I TO straja_service', name);
    END LOOP;
    -- Partitions are reached through their parents alone; `straja_due` looks into default ones.
    FOR part IN SELECT p.name FROM time_partition p
        UNION ALL SELECT t.name || '_default' FROM time_table t WHERE NOT t.hypertable LOOP
        EXECUTE format('REVOKE ALL ON %I FROM straja_service', part);
    END LOOP;
    FOR part IN SELECT t.name || '_default' FROM time_table t WHERE NOT t.hypertable LOOP
        EXECUTE format('GRANT SELECT ON %I TO straja_service', part);
    END LOOP;
    GRANT EXECUTE ON FUNCTION straja_make_partition(text, timestamptz) TO straja_service;
    GRANT EXECUTE ON FUNCTION straja_drop_partition(text, timestamptz) TO straja_service;
    GRANT EXECUTE ON FUNCTION straja_audit(bigint, text, text, text, text, text, text)
        TO straja_service;
END
$body$;
