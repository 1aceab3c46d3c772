-- Makes roles and database; harmless when run again. For psql: the passwords are its variables.
-- The owner makes and changes tables (migrations, partitions); the service reads and writes rows.
\set ON_ERROR_STOP on
-- A failing statement is logged with its text, and with the password in it, unless told not to.
SET log_min_error_statement = panic;
SET log_min_duration_statement = -1;

SELECT 'CREATE ROLE straja_owner LOGIN'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'straja_owner') \gexec
SELECT 'CREATE ROLE straja_service LOGIN'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'straja_service') \gexec
ALTER ROLE straja_owner PASSWORD :'owner_password';
ALTER ROLE straja_service PASSWORD :'service_password';

SELECT 'CREATE DATABASE straja OWNER straja_owner'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'straja') \gexec
REVOKE ALL ON DATABASE straja FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE straja TO straja_service;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;

\connect straja
ALTER SCHEMA public OWNER TO straja_owner;
GRANT USAGE ON SCHEMA public TO straja_service;
ALTER DEFAULT PRIVILEGES FOR ROLE straja_owner
  GRANT USAGE ON SCHEMAS TO straja_service;
ALTER DEFAULT PRIVILEGES FOR ROLE straja_owner
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO straja_service;
ALTER DEFAULT PRIVILEGES FOR ROLE straja_owner
  GRANT USAGE, SELECT ON SEQUENCES TO straja_service;
