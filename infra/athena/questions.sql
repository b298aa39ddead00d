-- Ten questions that an auditor asks, over the views of state.sql. Put your own customer, employee and dates where the examples are.

-- 1. Did she get her text? Everything about one employee.
SELECT created_at, kind, channel, sent_to, state, reason, accepted_at, delivered_at, sid, notification_id
FROM ledger_notifications
WHERE tenant = 'st-lukes' AND employee_id = '0000042'
ORDER BY created_at;

-- 2. What became of everything in March, by customer, kind and state?
SELECT tenant, kind, state, count(*) AS notifications
FROM ledger_notifications
WHERE created_at >= '2026-03-01' AND created_at < '2026-04-01'
GROUP BY tenant, kind, state
ORDER BY tenant, kind, notifications DESC;

-- 3. What did not arrive, and why?
SELECT tenant, state, reason, count(*) AS notifications, min(created_at) AS first_at, max(created_at) AS last_at
FROM ledger_notifications
WHERE state <> 'delivered'
GROUP BY tenant, state, reason
ORDER BY notifications DESC;

-- 4. How long did it take from the event to the phone, in seconds? Half of them, nine of ten, all but one of a hundred.
SELECT
  tenant,
  kind,
  count(*) AS delivered,
  approx_percentile(seconds, 0.5) AS p50,
  approx_percentile(seconds, 0.9) AS p90,
  approx_percentile(seconds, 0.99) AS p99
FROM (
  SELECT
    tenant,
    kind,
    -- An event that lies ahead, such as a deadline, counts from when we knew of it.
    date_diff('millisecond', from_iso8601_timestamp(least(occurred_at, created_at)), from_iso8601_timestamp(delivered_at)) / 1000.0
      AS seconds
  FROM ledger_notifications
  WHERE state = 'delivered' AND occurred_at IS NOT NULL
)
GROUP BY tenant, kind
ORDER BY tenant, kind;

-- 5. What arrived after its time?
SELECT tenant, notification_id, kind, employee_id, expires_at, delivered_at
FROM ledger_notifications
WHERE delivered_at > expires_at
ORDER BY delivered_at;

-- 6. Was anybody sent the same notification twice? More than one message or call under one attempt, or under a later attempt that
-- followed from no operator's wish. What Twilio took and did not send reached nobody.
WITH
sent AS (
  SELECT
    attempts.tenant,
    attempts.notification_id,
    attempts.attempt,
    count(DISTINCT words.sid) AS messages,
    min(words.learnt_at) AS first_at,
    lag(attempts.attempt) OVER (PARTITION BY attempts.tenant, attempts.notification_id ORDER BY attempts.attempt) AS earlier_attempt
  FROM ledger_attempts AS attempts
  JOIN ledger_words AS words
    ON words.tenant = attempts.tenant AND words.notification_id = attempts.notification_id AND words.attempt = attempts.attempt
  JOIN ledger_facts AS created
    ON created.tenant = attempts.tenant AND created.notification_id = attempts.notification_id AND created.fact = 'created'
  WHERE NOT attempts.not_sent
  GROUP BY attempts.tenant, attempts.notification_id, attempts.attempt
)
SELECT sent.tenant, sent.notification_id, sent.earlier_attempt, sent.attempt, sent.messages, sent.first_at
FROM sent
LEFT JOIN ledger_facts AS release
  ON release.tenant = sent.tenant AND release.notification_id = sent.notification_id
  AND release.fact = 'release' AND release.done_by IS NOT NULL
  AND release.attempt > sent.earlier_attempt AND release.attempt <= sent.attempt
GROUP BY sent.tenant, sent.notification_id, sent.earlier_attempt, sent.attempt, sent.messages, sent.first_at
HAVING sent.messages > 1 OR (sent.earlier_attempt IS NOT NULL AND count(release.attempt) = 0)
ORDER BY sent.tenant, sent.notification_id, sent.attempt;

-- 7. Was anybody contacted after saying STOP? The last word of their number before the attempt was STOP, or Twilio's block.
WITH
said AS (
  SELECT tenant, number, said_at, said
  FROM (
    SELECT
      split_part(pk, '#', 1) AS tenant,
      split_part(pk, '#', 3) AS number,
      json_extract_scalar(item, '$.at.S') AS said_at,
      json_extract_scalar(item, '$.said.S') AS said,
      -- A message that Twilio reports again counts once.
      row_number() OVER (PARTITION BY pk, split_part(sk, '#', 3) ORDER BY sk) AS report
    FROM ledger_items
    WHERE regexp_like(pk, '^[^#]+#phone#') AND sk LIKE 'consent#%'
  )
  WHERE report = 1 AND said IN ('stop', 'start', '21610')
),
taken AS (
  SELECT
    facts.tenant,
    facts.notification_id,
    facts.attempt,
    facts.learnt_at,
    json_extract_scalar(items.item, '$.to.S') AS number
  FROM ledger_facts AS facts
  JOIN ledger_attempts AS attempts
    ON attempts.tenant = facts.tenant AND attempts.notification_id = facts.notification_id
    AND attempts.attempt = facts.attempt AND attempts.sid IS NOT NULL
  JOIN ledger_items AS items
    ON items.pk = facts.tenant || '#' || split_part(facts.notification_id, '-', 1)
    AND items.sk = split_part(facts.notification_id, '-', 2) || '#created'
  WHERE facts.fact = 'attempt'
)
SELECT taken.tenant, taken.notification_id, taken.attempt, taken.learnt_at AS contacted_at, max(said.said_at) AS last_word_at
FROM taken
JOIN said ON said.tenant = taken.tenant AND said.number = taken.number AND said.said_at < taken.learnt_at
GROUP BY taken.tenant, taken.notification_id, taken.attempt, taken.learnt_at
HAVING max_by(said.said, said.said_at) <> 'start'
ORDER BY contacted_at;

-- 8. What did people do by hand, who and why? Replays, releases and cancellations.
SELECT learnt_at, tenant, done_by, CASE fact WHEN 'release' THEN 'let go' ELSE closed END AS what, attempt, why, notification_id
FROM ledger_facts
WHERE done_by IS NOT NULL AND fact IN ('release', 'closed')
ORDER BY learnt_at;

-- 9. Who saw whole phone numbers, and whose?
SELECT facts.learnt_at, facts.tenant, facts.done_by AS seen_by, created.employee_id, facts.notification_id
FROM ledger_facts AS facts
LEFT JOIN ledger_facts AS created
  ON created.tenant = facts.tenant AND created.notification_id = facts.notification_id AND created.fact = 'created'
WHERE facts.fact = 'revealed'
ORDER BY facts.learnt_at;

-- 10. Are the records sound? Nothing that Twilio accepted without our having asked for it, and nothing about notifications that
-- were never created. Retention removes the beginning first and the rest within days; who saw a number may be kept for longer.
SELECT 'accepted without attempt' AS finding, attempts.tenant, attempts.notification_id, attempts.attempt
FROM ledger_attempts AS attempts
JOIN ledger_facts AS created
  ON created.tenant = attempts.tenant AND created.notification_id = attempts.notification_id AND created.fact = 'created'
WHERE attempts.sid IS NOT NULL AND attempts.request_id IS NULL
UNION ALL
SELECT 'never created', facts.tenant, facts.notification_id, NULL
FROM ledger_facts AS facts
GROUP BY facts.tenant, facts.notification_id
HAVING max(CASE WHEN facts.fact = 'created' THEN 1 ELSE 0 END) = 0
  AND max(CASE WHEN facts.fact <> 'revealed' THEN 1 ELSE 0 END) = 1
  AND coalesce(min(CASE WHEN facts.fact <> 'revealed' THEN facts.seconds_left END) > 7 * 24 * 60 * 60, true)
ORDER BY finding, tenant, notification_id;
