-- Kept for the one rule that slows guessing down: by the name that was tried, whether there is such
-- an account or not, and by the address that tried it.
DELETE FROM sign_in_failure;
ALTER TABLE sign_in_failure RENAME COLUMN name TO key;
