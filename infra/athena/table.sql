-- The exports of the ledger's table, one line of text each. Athena, engine version 3; run once, with your bucket in LOCATION.
--
-- A line is JSON as DynamoDB exports it, of a full export ({"Item": …}) or of an incremental one ({"Metadata": …, "Keys": …,
-- "NewImage": …}). It is taken as text and taken apart in state.sql, so that a new attribute of a fact needs no new table, and full
-- and incremental exports may lie side by side. \001 can't occur in JSON: a line is one column.
--
-- LOCATION is read with everything below it: put there the data folder of one full export, and those of incremental exports that
-- follow it, and nothing else.
CREATE EXTERNAL TABLE ledger_lines (
  line string
)
ROW FORMAT DELIMITED
  FIELDS TERMINATED BY '\001'
  LINES TERMINATED BY '\n'
STORED AS TEXTFILE
LOCATION 's3://audit-exports/AWSDynamoDB/01693685827463-2d8752fd/data/';
