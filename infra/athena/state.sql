-- What every notification's facts add up to, as views. The same fold as shared/src/notification/state.rs, which is the one that
-- decides; a test holds the two together, notification by notification. Times are text, RFC 3339 in UTC and always of one length:
-- they sort and compare as they are.

-- States are as of this instant: for a report as of the export, put its exportTime here (manifest-summary.json), as text.
CREATE OR REPLACE VIEW ledger_as_of AS
SELECT to_iso8601(at_timezone(current_timestamp, 'UTC')) AS instant;

-- Every item as it was last written. What an incremental export says came after what the full one says.
CREATE OR REPLACE VIEW ledger_items AS
SELECT pk, sk, item
FROM (
  SELECT
    coalesce(json_extract_scalar(line, '$.Keys.pk.S'), json_extract_scalar(line, '$.Item.pk.S')) AS pk,
    coalesce(json_extract_scalar(line, '$.Keys.sk.S'), json_extract_scalar(line, '$.Item.sk.S')) AS sk,
    json_format(coalesce(json_extract(line, '$.NewImage'), json_extract(line, '$.Item'))) AS item,
    row_number() OVER (
      PARTITION BY
        coalesce(json_extract_scalar(line, '$.Keys.pk.S'), json_extract_scalar(line, '$.Item.pk.S')),
        coalesce(json_extract_scalar(line, '$.Keys.sk.S'), json_extract_scalar(line, '$.Item.sk.S'))
      ORDER BY CAST(
        coalesce(
          json_extract_scalar(line, '$.Metadata.WriteTimestampMicros.N'),
          json_extract_scalar(line, '$.Metadata.WriteTimestampMicros'),
          '0'
        ) AS bigint
      ) DESC
    ) AS version
  FROM ledger_lines
)
WHERE version = 1 AND item IS NOT NULL;

-- Facts of notifications, an attribute each. Numbers are masked, as everywhere. What retention may have removed by now counts as
-- gone: DynamoDB takes days to remove it, in no order.
CREATE OR REPLACE VIEW ledger_facts AS
SELECT
  split_part(pk, '#', 1) AS tenant,
  split_part(pk, '#', 2) || '-' || split_part(sk, '#', 1) AS notification_id,
  substr(sk, strpos(sk, '#') + 1) AS fact_key,
  json_extract_scalar(item, '$.fact.S') AS fact,
  json_extract_scalar(item, '$.at.S') AS learnt_at,
  CAST(json_extract_scalar(item, '$.start_attempt.N') AS integer) AS start_attempt,
  CAST(json_extract_scalar(item, '$.attempt.N') AS integer) AS attempt,
  json_extract_scalar(item, '$.deadline.S') AS deadline,
  json_extract_scalar(item, '$.request_id.S') AS request_id,
  json_extract_scalar(item, '$.outcome.S') AS outcome,
  json_extract_scalar(item, '$.evidence.S') AS evidence,
  json_extract_scalar(item, '$.sid.S') AS sid,
  json_extract_scalar(item, '$.status.S') AS status,
  coalesce(json_extract_scalar(item, '$.code.S'), json_extract_scalar(item, '$.code.N')) AS code,
  CAST(json_extract_scalar(item, '$.error_code.N') AS integer) AS error_code,
  json_extract_scalar(item, '$.why.S') AS why,
  json_extract_scalar(item, '$.by.S') AS done_by,
  json_extract_scalar(item, '$.expires_at.S') AS expires_at,
  json_extract_scalar(item, '$.closed.S') AS closed,
  coalesce(json_extract_scalar(item, '$.again.BOOL') = 'true', false) AS again,
  json_extract_scalar(item, '$.employee_id.S') AS employee_id,
  json_extract_scalar(item, '$.source.S') AS source,
  json_extract_scalar(item, '$.kind.S') AS kind,
  json_extract_scalar(item, '$.channel.S') AS channel,
  json_extract_scalar(item, '$.occurred_at.S') AS occurred_at,
  json_extract_scalar(item, '$.not_before.S') AS not_before,
  json_extract_scalar(item, '$.suppressed.S') AS suppressed,
  coalesce(json_extract_scalar(item, '$.held.BOOL') = 'true', false) AS held,
  '+'
    || rpad('', CAST(length(json_extract_scalar(item, '$.to.S')) - 3 AS integer), '*')
    || substr(json_extract_scalar(item, '$.to.S'), -2) AS sent_to,
  CAST(json_extract_scalar(item, '$.retain_until.N') AS bigint) - floor(to_unixtime(from_iso8601_timestamp(as_of.instant)))
    AS seconds_left
FROM ledger_items
CROSS JOIN ledger_as_of AS as_of
WHERE regexp_like(pk, '^[a-z0-9][a-z0-9-]{0,39}#[a-z2-7]{13}$') AND regexp_like(sk, '^[a-z2-7]{16}#')
  AND coalesce(CAST(json_extract_scalar(item, '$.retain_until.N') AS bigint) > to_unixtime(from_iso8601_timestamp(as_of.instant)), true);

-- What Twilio's words mean: how far along they are, and what they come to (0 on its way, 1 failed, 2 undelivered, 3 delivered). The
-- same table as shared/src/twilio/status.rs.
CREATE OR REPLACE VIEW twilio_statuses AS
SELECT channel, word, place, verdict
FROM (
  VALUES
    ('message', 'accepted', 0, 0),
    ('message', 'scheduled', 0, 0),
    ('message', 'queued', 1, 0),
    ('message', 'sending', 2, 0),
    ('message', 'sent', 3, 0),
    ('message', 'partially_delivered', 3, 0),
    ('message', 'delivered', 4, 3),
    ('message', 'undelivered', 4, 2),
    ('message', 'failed', 4, 1),
    ('message', 'canceled', 4, 1),
    ('message', 'read', 5, 3),
    ('call', 'queued', 0, 0),
    ('call', 'initiated', 0, 0),
    ('call', 'ringing', 1, 0),
    ('call', 'in-progress', 2, 0),
    ('call', 'completed', 3, 3),
    ('call', 'busy', 3, 2),
    ('call', 'no-answer', 3, 2),
    ('call', 'failed', 3, 2),
    ('call', 'canceled', 3, 2)
) AS statuses (channel, word, place, verdict);

-- The facts that an attempt stands on. What was found on Twilio's list and turned out to be another notification's is taken back: the
-- attempt then counts as presumed lost.
CREATE OR REPLACE VIEW ledger_evidence AS
SELECT
  facts.tenant,
  facts.notification_id,
  facts.fact,
  facts.learnt_at,
  facts.attempt,
  facts.deadline,
  facts.request_id,
  CASE WHEN disowned.sid IS NOT NULL THEN 'presumed_lost' ELSE facts.outcome END AS outcome,
  CASE WHEN disowned.sid IS NULL THEN facts.sid END AS sid,
  facts.status,
  facts.code,
  facts.error_code
FROM ledger_facts AS facts
LEFT JOIN ledger_facts AS disowned
  ON disowned.fact = 'disowned'
  AND disowned.tenant = facts.tenant AND disowned.notification_id = facts.notification_id
  AND disowned.attempt = facts.attempt AND disowned.sid = facts.sid
  AND (facts.fact = 'fetched' OR (facts.fact = 'outcome' AND facts.evidence IS NOT NULL))
WHERE facts.fact IN ('attempt', 'outcome', 'callback', 'fetched')
  AND NOT (facts.fact = 'fetched' AND disowned.sid IS NOT NULL);

-- Every word of Twilio's, from its first answer, from callbacks and from our own questions. A word that is not in the table above is
-- behind all that are.
CREATE OR REPLACE VIEW ledger_words AS
SELECT
  facts.tenant,
  facts.notification_id,
  facts.attempt,
  facts.sid,
  facts.status,
  facts.learnt_at,
  facts.error_code,
  coalesce(statuses.place, -1) AS place,
  coalesce(statuses.verdict, 0) AS verdict
FROM ledger_evidence AS facts
LEFT JOIN twilio_statuses AS statuses
  ON statuses.word = facts.status
  AND statuses.channel = CASE WHEN regexp_like(facts.sid, '^CA[0-9A-Za-z]{32}$') THEN 'call' ELSE 'message' END
WHERE facts.fact IN ('callback', 'fetched') OR (facts.fact = 'outcome' AND facts.outcome = 'accepted');

-- One row for each attempt that anything is known of.
CREATE OR REPLACE VIEW ledger_attempts AS
WITH
furthest AS (
  -- Of each message or call the word that is furthest along; among those that are alike the greater verdict, then the alphabet.
  SELECT
    words.*,
    row_number() OVER (
      PARTITION BY tenant, notification_id, attempt, sid
      ORDER BY place DESC, verdict DESC, status DESC
    ) AS turn
  FROM ledger_words AS words
),
decided AS (
  -- Of several messages under one attempt the best one decides.
  SELECT tenant, notification_id, attempt, max(verdict) AS verdict
  FROM furthest
  WHERE turn = 1
  GROUP BY tenant, notification_id, attempt
),
deciding AS (
  SELECT furthest.tenant, furthest.notification_id, furthest.attempt, min(furthest.sid) AS sid
  FROM furthest
  JOIN decided
    ON decided.tenant = furthest.tenant AND decided.notification_id = furthest.notification_id
    AND decided.attempt = furthest.attempt AND decided.verdict = furthest.verdict
  WHERE furthest.turn = 1
  GROUP BY furthest.tenant, furthest.notification_id, furthest.attempt
),
codes AS (
  -- The error code that came with the furthest word.
  SELECT words.tenant, words.notification_id, words.attempt, max(words.error_code) AS error_code
  FROM ledger_words AS words
  JOIN furthest
    ON furthest.tenant = words.tenant AND furthest.notification_id = words.notification_id
    AND furthest.attempt = words.attempt AND furthest.sid = words.sid AND furthest.status = words.status
  WHERE furthest.turn = 1
  GROUP BY words.tenant, words.notification_id, words.attempt
),
tried AS (
  SELECT
    tenant,
    notification_id,
    attempt,
    max(CASE WHEN fact = 'attempt' THEN deadline END) AS deadline,
    max(CASE WHEN fact = 'attempt' THEN request_id END) AS request_id,
    max(CASE WHEN fact = 'outcome' THEN outcome END) AS outcome,
    max(CASE WHEN fact = 'outcome' THEN status END) AS status,
    max(CASE WHEN fact = 'outcome' THEN code END) AS code
  FROM ledger_evidence
  GROUP BY tenant, notification_id, attempt
)
SELECT
  tried.*,
  -- Some take an attempt only so that nobody else can start it, and ask Twilio for nothing.
  coalesce(NOT regexp_like(tried.request_id, '^(connector|sweep|closing) '), false) AS asked,
  decided.verdict,
  deciding.sid,
  furthest.status AS word,
  codes.error_code,
  -- Twilio took it, and nobody got it: a text that waited in a queue for longer than it may, or met a cap, before any carrier had
  -- it; a call that we took back out of the queue.
  decided.verdict IN (1, 2) AND (
    coalesce(tried.outcome = 'accepted' AND tried.status = 'canceled', false)
    OR coalesce(codes.error_code IN (30001, 30022, 30023, 30027, 30036, 30450, 63017, 63018), false)
  ) AS not_sent
FROM tried
LEFT JOIN decided
  ON decided.tenant = tried.tenant AND decided.notification_id = tried.notification_id AND decided.attempt = tried.attempt
LEFT JOIN deciding
  ON deciding.tenant = tried.tenant AND deciding.notification_id = tried.notification_id AND deciding.attempt = tried.attempt
LEFT JOIN furthest
  ON furthest.tenant = deciding.tenant AND furthest.notification_id = deciding.notification_id
  AND furthest.attempt = deciding.attempt AND furthest.sid = deciding.sid AND furthest.turn = 1
LEFT JOIN codes
  ON codes.tenant = tried.tenant AND codes.notification_id = tried.notification_id AND codes.attempt = tried.attempt;

-- One row for each notification: what it was, where it stands and why.
CREATE OR REPLACE VIEW ledger_notifications AS
WITH
created AS (
  SELECT * FROM ledger_facts WHERE fact = 'created'
),
times AS (
  SELECT tenant, notification_id, min(learnt_at) AS first_at, max(learnt_at) AS last_at
  FROM ledger_facts
  GROUP BY tenant, notification_id
),
released AS (
  SELECT
    tenant,
    notification_id,
    max(attempt) AS attempt,
    max(CASE WHEN done_by IS NOT NULL THEN attempt END) AS by_operator,
    -- A replay moves the end.
    max_by(expires_at, attempt) FILTER (WHERE expires_at IS NOT NULL) AS expires_at
  FROM ledger_facts
  WHERE fact = 'release'
  GROUP BY tenant, notification_id
),
closed AS (
  -- The last closing that no replay came after. What is cancelled stays so.
  SELECT tenant, notification_id, closed, why
  FROM (
    SELECT
      facts.*,
      row_number() OVER (
        PARTITION BY facts.tenant, facts.notification_id
        ORDER BY facts.learnt_at DESC, facts.fact_key DESC
      ) AS turn
    FROM ledger_facts AS facts
    LEFT JOIN released
      ON released.tenant = facts.tenant AND released.notification_id = facts.notification_id
    WHERE facts.fact = 'closed'
      AND (
        facts.closed = 'cancelled'
        OR released.by_operator IS NULL
        OR released.by_operator < facts.attempt
        OR (facts.again AND released.by_operator <= facts.attempt)
      )
  )
  WHERE turn = 1
),
attempts AS (
  SELECT
    tenant,
    notification_id,
    max(attempt) AS number,
    count(CASE WHEN asked THEN attempt END) AS asked,
    max(CASE WHEN verdict = 3 THEN attempt END) AS delivered,
    max(CASE WHEN verdict = 0 THEN attempt END) AS underway,
    max_by(sid, attempt) FILTER (WHERE verdict = 3) AS delivered_sid,
    max_by(sid, attempt) FILTER (WHERE verdict = 0) AS underway_sid
  FROM ledger_attempts
  GROUP BY tenant, notification_id
),
words AS (
  SELECT
    tenant,
    notification_id,
    min(learnt_at) AS accepted_at,
    min(CASE WHEN verdict = 3 THEN learnt_at END) AS delivered_at
  FROM ledger_words
  GROUP BY tenant, notification_id
),
told AS (
  SELECT
    times.tenant,
    times.notification_id,
    created.employee_id,
    created.source,
    created.kind,
    created.channel,
    created.sent_to,
    created.occurred_at,
    coalesce(created.learnt_at, times.first_at) AS created_at,
    coalesce(released.expires_at, created.expires_at) AS expires_at,
    words.accepted_at,
    words.delivered_at,
    times.last_at AS updated_at,
    coalesce(attempts.asked, 0) AS attempts,
    attempts.delivered_sid,
    attempts.underway_sid,
    last.sid AS last_sid,
    last.code,
    last.word,
    last.error_code,
    closed.why,
    closed.closed,
    created.suppressed,
    created.not_before,
    CASE
      WHEN created.suppressed IS NOT NULL THEN 'suppressed'
      WHEN attempts.delivered IS NOT NULL THEN 'delivered'
      WHEN attempts.underway IS NOT NULL THEN 'accepted'
      WHEN closed.closed IS NOT NULL
        AND last.verdict IS NULL
        AND coalesce(last.outcome, '') NOT IN ('refused', 'dry_run')
        THEN 'closed_' || closed.closed
      WHEN coalesce(released.attempt, 0) > coalesce(attempts.number, 0) THEN 'pending'
      -- What was not sent goes on until its own time is over.
      WHEN last.not_sent
        AND closed.closed IS NULL
        AND coalesce(released.expires_at, created.expires_at) > as_of.instant
        THEN 'not_sent'
      WHEN last.verdict = 1 THEN 'failed'
      WHEN last.verdict = 2 THEN 'undelivered'
      WHEN last.outcome = 'refused' THEN 'refused'
      WHEN last.outcome = 'deferred' THEN 'deferred'
      WHEN last.outcome = 'dry_run' THEN 'dry_run'
      WHEN last.outcome = 'presumed_lost' THEN 'presumed_lost'
      WHEN last.deadline >= as_of.instant THEN 'sending'
      WHEN last.attempt IS NOT NULL THEN 'no_answer'
      WHEN created.held THEN 'held'
      WHEN created.not_before IS NOT NULL AND created.start_attempt IS NULL THEN 'scheduled'
      ELSE 'pending'
    END AS stands
  FROM times
  CROSS JOIN ledger_as_of AS as_of
  LEFT JOIN created ON created.tenant = times.tenant AND created.notification_id = times.notification_id
  LEFT JOIN released ON released.tenant = times.tenant AND released.notification_id = times.notification_id
  LEFT JOIN closed ON closed.tenant = times.tenant AND closed.notification_id = times.notification_id
  LEFT JOIN attempts ON attempts.tenant = times.tenant AND attempts.notification_id = times.notification_id
  LEFT JOIN words ON words.tenant = times.tenant AND words.notification_id = times.notification_id
  LEFT JOIN ledger_attempts AS last
    ON last.tenant = times.tenant AND last.notification_id = times.notification_id AND last.attempt = attempts.number
)
SELECT
  tenant,
  notification_id,
  employee_id,
  source,
  kind,
  channel,
  sent_to,
  CASE stands
    WHEN 'closed_opted_out' THEN 'suppressed'
    WHEN 'closed_expired' THEN 'expired'
    WHEN 'closed_unconfirmed' THEN 'unconfirmed'
    WHEN 'closed_cancelled' THEN 'cancelled'
    WHEN 'refused' THEN 'failed'
    WHEN 'not_sent' THEN 'deferred'
    WHEN 'presumed_lost' THEN 'in_doubt'
    WHEN 'no_answer' THEN 'in_doubt'
    ELSE stands
  END AS state,
  -- Twilio's codes without their meaning, and times without words.
  CASE
    WHEN stands = 'suppressed' THEN suppressed
    WHEN stands LIKE 'closed_%' THEN coalesce(why, closed)
    WHEN error_code IS NOT NULL AND stands IN ('failed', 'undelivered', 'not_sent') THEN CAST(error_code AS varchar)
    WHEN stands IN ('failed', 'undelivered', 'not_sent') AND word NOT IN ('failed', 'undelivered') THEN word
    WHEN stands IN ('refused', 'deferred') THEN code
    WHEN stands = 'presumed_lost' THEN 'presumed lost'
    WHEN stands = 'no_answer' THEN 'no answer from Twilio'
    WHEN stands = 'held' THEN 'held'
    WHEN stands = 'scheduled' THEN 'not before ' || not_before
  END AS reason,
  attempts,
  CASE
    WHEN stands = 'delivered' THEN delivered_sid
    WHEN stands = 'accepted' THEN underway_sid
    WHEN stands IN ('failed', 'undelivered', 'not_sent') THEN last_sid
  END AS sid,
  occurred_at,
  created_at,
  expires_at,
  accepted_at,
  CASE WHEN stands = 'delivered' THEN delivered_at END AS delivered_at,
  updated_at
FROM told;
