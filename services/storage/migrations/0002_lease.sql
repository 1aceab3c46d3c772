-- One service a run. Whoever opens a run counts its epoch up; what a former holder still has on the
-- way is refused in the very transaction that would have written it.
CREATE TABLE lease (
    run text PRIMARY KEY,
    holder text NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    since timestamptz NOT NULL DEFAULT now()
);

-- A service names its run and epoch once a connection (`straja.run`, `straja.epoch`); who names
-- none, such as a restore, is not asked. The shared lock lasts until the transaction's end, and who
-- takes the run over takes it exclusively: no write that was let through here can commit later than
-- that. It is taken in memory, where a lock on the row would be written to disk with each append.
CREATE FUNCTION straja_held() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $body$
DECLARE
    our_run text := current_setting('straja.run', true);
    ours text := current_setting('straja.epoch', true);
    theirs bigint;
BEGIN
    IF coalesce(ours, '') = '' THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(7310556, hashtext(our_run));
    SELECT l.epoch INTO theirs FROM lease l WHERE l.run = our_run;
    IF theirs IS DISTINCT FROM ours::bigint THEN
        RAISE EXCEPTION 'another service took run ''%'' over (epoch %, ours %): end one of them',
            our_run, coalesce(theirs::text, 'none'), ours USING ERRCODE = 'ST001';
    END IF;
    RETURN NULL;
END
$body$;

-- Every transaction of a service writes one of these.
CREATE TRIGGER held BEFORE INSERT ON journal FOR EACH STATEMENT EXECUTE FUNCTION straja_held();
CREATE TRIGGER held BEFORE INSERT OR UPDATE ON applied
    FOR EACH STATEMENT EXECUTE FUNCTION straja_held();
CREATE TRIGGER held BEFORE INSERT OR DELETE ON snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION straja_held();
