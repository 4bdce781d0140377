-- What watches the machines of a few factories. For ysqlsh or psql; `-v devices=N` says how many there are (200), each
-- with 50 readings and, some, with alerts and visits. The same N makes the same rows.
\set ON_ERROR_STOP on
\if :{?devices}
\else
  \set devices 200
\endif

CREATE TABLE devices (
  device_id uuid PRIMARY KEY,
  name text NOT NULL,
  kind text NOT NULL,
  site text,
  capabilities text[] NOT NULL,
  settings jsonb,
  installed_on date NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE TABLE sensor_readings (
  reading_id bigint PRIMARY KEY,
  device_id uuid NOT NULL REFERENCES devices,
  read_at timestamptz NOT NULL,
  temperature numeric(6,3),
  pressure double precision,
  vibration real[],
  updated_at timestamptz NOT NULL
);
CREATE TABLE alerts (
  alert_id bigint PRIMARY KEY,
  device_id uuid NOT NULL REFERENCES devices,
  reading_id bigint,
  severity smallint NOT NULL,
  message text NOT NULL,
  acknowledged boolean NOT NULL DEFAULT false,
  updated_at timestamptz NOT NULL
);
CREATE TABLE maintenance_log (
  maintenance_id uuid PRIMARY KEY,
  device_id uuid NOT NULL REFERENCES devices,
  technician text NOT NULL,
  took interval,
  cost numeric(12,2),
  report bytea,
  updated_at timestamptz NOT NULL
);
-- Of a range: without ASC YugabyteDB would hash it, and nothing that is new could be found by it.
CREATE INDEX ON devices (updated_at ASC);
CREATE INDEX ON sensor_readings (updated_at ASC);
CREATE INDEX ON alerts (updated_at ASC);
CREATE INDEX ON maintenance_log (updated_at ASC);

INSERT INTO devices
SELECT md5('device ' || i)::uuid, 'Pump ' || i, (ARRAY['pump', 'fan', 'press'])[1 + i % 3],
       CASE WHEN i % 10 > 0 THEN 'Hall ' || i % 4 END, CASE WHEN i % 5 = 0 THEN '{}' ELSE ARRAY['temperature', 'it''s ' || i % 3] END,
       CASE WHEN i % 7 > 0 THEN jsonb_build_object('limit', round(i / 8.0, 3), 'tags', jsonb_build_array(i, null, 'a "b"')) END,
       DATE '2020-02-29' + i, TIMESTAMPTZ '2026-01-01 00:00:00+00' + i * INTERVAL '1 second'
FROM generate_series(1, :devices) i;

INSERT INTO sensor_readings
SELECT i, md5('device ' || 1 + i % :devices)::uuid, TIMESTAMPTZ '2026-01-02 00:00:00.000001+00' + i * INTERVAL '7 seconds',
       CASE WHEN i % 11 > 0 THEN (i % 900) / 7.0 END, i / 3.0, ARRAY[i % 5, NULL, 0.5],
       TIMESTAMPTZ '2026-01-02 00:00:00.000001+00' + i * INTERVAL '7 seconds'
FROM generate_series(1, 50 * :devices) i;

INSERT INTO alerts
SELECT i, md5('device ' || 1 + (i * 13) % :devices)::uuid, CASE WHEN i % 3 > 0 THEN i * 13 END, 1 + i % 5,
       'temperature above ' || i % 40 || ' °C', i % 4 = 0, TIMESTAMPTZ '2026-01-03 00:00:00+00' + i * INTERVAL '1 minute'
FROM generate_series(1, 2 * :devices) i;

INSERT INTO maintenance_log
SELECT md5('visit ' || i)::uuid, md5('device ' || i)::uuid, (ARRAY['Ada', 'Edsger', 'Grace'])[1 + i % 3], i * INTERVAL '90 seconds',
       CASE WHEN i % 6 > 0 THEN i * 17.25 END, decode(md5(i::text), 'hex'), TIMESTAMPTZ '2026-01-04 00:00:00+00' + i * INTERVAL '1 hour'
FROM generate_series(1, :devices) i WHERE i % 2 = 0;
