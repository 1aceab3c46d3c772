-- What is asked for by state and severity is looked for by them, and the gravest found first.
ALTER TABLE feed_current ADD COLUMN state text, ADD COLUMN severity smallint;
UPDATE feed_current c SET state = a.state, severity = a.severity
    FROM alert a WHERE a.run = c.run AND a.id = c.id;
ALTER TABLE feed_current ALTER COLUMN state SET NOT NULL, ALTER COLUMN severity SET NOT NULL;

DROP INDEX feed_current_all, feed_current_open;
CREATE INDEX feed_current_urgency
    ON feed_current (run, party, ended, severity DESC, raised_at_ns DESC, id DESC);
