-- A day's work: readings come and are corrected, alerts are acknowledged and cleared, a device goes with all it had.
\set ON_ERROR_STOP on
\if :{?devices}
\else
  \set devices 200
\endif

INSERT INTO sensor_readings
SELECT 50 * :devices + i, md5('device ' || 1 + i % 10)::uuid, TIMESTAMPTZ '2026-06-01 00:00:00+00' + i * INTERVAL '1 microsecond', 21.5, NULL,
       NULL, TIMESTAMPTZ '2026-06-01 00:00:00+00' + i * INTERVAL '1 microsecond'
FROM generate_series(1, 100) i;
UPDATE sensor_readings SET temperature = NULL, updated_at = '2026-06-01 01:00:00+00' WHERE reading_id % 1000 = 7;
UPDATE devices SET settings = settings || '{"limit": 99}', capabilities = capabilities || ARRAY['pressure'],
       updated_at = '2026-06-01 02:00:00+00' WHERE name IN ('Pump 3', 'Pump 4', 'Pump 5');
UPDATE alerts SET acknowledged = true, updated_at = '2026-06-01 03:00:00+00' WHERE severity = 5 AND NOT acknowledged;
DELETE FROM alerts WHERE severity = 1;
BEGIN;
DELETE FROM maintenance_log WHERE device_id = md5('device 2')::uuid;
DELETE FROM alerts WHERE device_id = md5('device 2')::uuid;
DELETE FROM sensor_readings WHERE device_id = md5('device 2')::uuid;
DELETE FROM devices WHERE device_id = md5('device 2')::uuid;
COMMIT;
