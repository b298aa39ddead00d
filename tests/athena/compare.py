"""Runs infra/athena in DuckDB and compares it with what the report says. Usage: compare.py DIRECTORY made-up|demo. The directory
holds export/, rust.csv and rust.json; what is made up holds every state, and an answer to every question."""

import csv
import json
import pathlib
import re
import sys

import duckdb
import sqlglot

SQL = pathlib.Path(__file__).parents[2] / "infra" / "athena"

# All that DuckDB calls by another name than Athena, or does otherwise. The SQL itself runs as it is.
SHIMS = """
CREATE MACRO json_extract_scalar(document, path) AS json_extract_string(document, path);
CREATE MACRO json_format(document) AS CAST(document AS varchar);
CREATE MACRO regexp_like(text, pattern) AS regexp_matches(text, pattern);
CREATE MACRO to_unixtime(instant) AS epoch(instant);
CREATE MACRO from_iso8601_timestamp(text) AS CAST(text AS timestamptz);
CREATE MACRO approx_percentile(value, part) AS quantile_disc(value, part);
"""


def statements(name):
    text = "\n".join(line for line in (SQL / name).read_text().splitlines() if not line.lstrip().startswith("--"))
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def check_dialect():
    """Whether it is Athena's SQL at all, as far as a parser can tell."""
    for name in ("table.sql", "state.sql", "questions.sql"):
        for statement in statements(name):
            sqlglot.parse_one(statement, read="athena")
    (table,) = statements("table.sql")
    assert re.search(r"ledger_lines \(\s*line string\s*\)", table), "table.sql has other columns than the shim below"


def connect(work, as_of):
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.execute(SHIMS)
    # table.sql, in DuckDB's words: every line of every file is one column.
    files = [str(path) for path in (work / "export").rglob("*.json.gz")]
    db.execute(
        "CREATE TABLE ledger_lines AS SELECT line FROM read_csv($files, columns = {'line': 'varchar'}, header = false, "
        "delim = '\\x01', quote = '', escape = '', auto_detect = false, max_line_size = 10000000)",
        {"files": files},
    )
    for statement in statements("state.sql"):
        # Views over views parse every line again each time: kept, they are the same and faster.
        db.execute(re.sub(r"^CREATE OR REPLACE VIEW", "CREATE OR REPLACE TABLE", statement.replace(
            "SELECT to_iso8601(at_timezone(current_timestamp, 'UTC')) AS instant", f"SELECT '{as_of}' AS instant")))
    return db


def same_reason(ours, theirs):
    """Rust tells what a code means, and when it is tried again."""
    return (ours or "") == theirs or (ours and re.match(re.escape(ours) + "( |;)", theirs))


def compare_notifications(db, work):
    names = ["employee_id", "source", "kind", "channel", "state", "attempts", "sid", "occurred_at", "created_at", "expires_at",
             "accepted_at", "delivered_at", "updated_at"]
    columns = ", ".join(["tenant", "notification_id", "sent_to", "reason"] + names)
    ours = {row[:2]: row[2:] for row in db.execute(f"SELECT {columns} FROM ledger_notifications").fetchall()}
    theirs = {}
    with open(work / "rust.csv", newline="") as file:
        for row in csv.DictReader(file):
            theirs[row["tenant"], row["notification_id"]] = row
    assert ours.keys() == theirs.keys(), f"{len(ours)} notifications in SQL, {len(theirs)} in Rust"
    wrong = 0
    for key, (sent_to, reason, *values) in ours.items():
        row = theirs[key]
        different = [f"{name}: {value!r}, Rust says {row[name]!r}" for name, value in zip(names, values)
                     if ("" if value is None else str(value)) != row[name]]
        if (sent_to or "") != row["to"]:
            different.append(f"to: {sent_to!r}, Rust says {row['to']!r}")
        if not same_reason(reason, row["reason"]):
            different.append(f"reason: {reason!r}, Rust says {row['reason']!r}")
        if different:
            wrong += 1
            if wrong <= 10:
                print(*key, *different, sep="\n  ", file=sys.stderr)
    assert wrong == 0, f"{wrong} of {len(ours)} notifications differ"
    return len(ours), {row["state"] for row in theirs.values()}


def compare_answers(db, report):
    answers = [db.execute(question).fetchall() for question in statements("questions.sql")]
    assert len(answers) == 10, f"{len(answers)} questions"
    for number, answer in enumerate(answers, 1):
        # Only the seventh asks for what the made-up ledger doesn't hold: consent.
        assert answer or number == 7, f"question {number} finds nothing"
    by_state = {}
    for _, _, state, count in answers[1]:
        by_state[state] = by_state.get(state, 0) + count
    assert by_state == report["by_state"], f"question 2: {by_state}, Rust says {report['by_state']}"
    missed = report["notifications"] - report["by_state"]["delivered"]
    assert sum(row[3] for row in answers[2]) == missed, "question 3"
    assert len(answers[4]) == report["delivered_late"], "question 5"
    checks = report["checks"]
    doubled = {row[:2] for row in answers[5]}
    theirs = {(finding["tenant"], finding["subject"]) for finding in report["findings"] if finding["check"] == "accepted_twice"}
    assert len(theirs) < 1000, "the report tells a thousand findings word by word, and no more"
    assert doubled == theirs, f"question 6: {doubled - theirs} in SQL alone, {theirs - doubled} in Rust alone"
    found = [row[0] for row in answers[9]]
    assert found.count("accepted without attempt") == checks["accepted_without_attempt"], "question 10"
    assert found.count("never created") == checks["unknown"], "question 10"
    return answers


def compare_times(answers, report):
    rust = {(row["tenant"], row["kind"]): row["delivered"] for row in report["seconds_from_event"]}
    for tenant, kind, count, *percentiles in answers[3]:
        took = rust[tenant, kind]
        assert took["count"] == count, f"question 4: {tenant} {kind}"
        for name, ours in zip(("p50", "p90", "p99"), percentiles):
            # The report counts in classes that are one part in 64 wide.
            close = abs(took[name] - max(float(ours), 0)) <= max(took[name] / 20, 0.1)
            assert close or count < 100, f"question 4: {tenant} {kind} {name} is {ours}, Rust says {took[name]}"


def compare_stop(db):
    """Question 7 over a consent that was broken, and one that was kept."""
    tenant, notification, attempt, at = db.execute(
        "SELECT facts.tenant, facts.notification_id, facts.attempt, facts.learnt_at FROM ledger_facts AS facts "
        "JOIN ledger_attempts AS attempts USING (tenant, notification_id, attempt) "
        "JOIN ledger_facts AS created USING (tenant, notification_id) "
        "WHERE facts.fact = 'attempt' AND attempts.sid IS NOT NULL AND created.fact = 'created' AND created.sent_to IS NOT NULL "
        "ORDER BY facts.learnt_at DESC LIMIT 1").fetchone()
    employee, event = notification.split("-")
    number = json.loads(db.execute("SELECT item FROM ledger_items WHERE pk = ? AND sk = ?",
                                   [f"{tenant}#{employee}", f"{event}#created"]).fetchone()[0])["to"]["S"]
    question = statements("questions.sql")[6]

    def say(said, when):
        item = json.dumps({"said": {"S": said}, "at": {"S": when}})
        # Of each word there is one message, which Twilio may tell us of twice.
        db.execute("INSERT INTO ledger_items VALUES (?, ?, ?)", [f"{tenant}#phone#{number}", f"consent#{when}#SM{said}", item])
        return {(row[1], row[2]) for row in db.execute(question).fetchall()}

    assert (notification, attempt) in say("stop", "2026-01-01T00:00:00.000Z"), "question 7 misses a STOP"
    assert (notification, attempt) not in say("start", "2026-01-02T00:00:00.000Z"), "question 7 misses a START"
    assert (notification, attempt) not in say("stop", "2026-01-03T00:00:00.000Z"), "question 7 hears one STOP twice"


def main():
    work, what = pathlib.Path(sys.argv[1]), sys.argv[2]
    report = json.loads((work / "rust.json").read_text())
    check_dialect()
    db = connect(work, report["as_of"])
    count, states = compare_notifications(db, work)
    if what == "demo":
        print(f"Athena's SQL and the fold agree on the {count} notifications of a demo")
        return
    assert len(states) == 15, f"only these states occur: {sorted(states)}"
    answers = compare_answers(db, report)
    compare_times(answers, report)
    compare_stop(db)
    print(f"Athena's SQL and the fold agree on {count} made-up notifications, and all ten questions are answered")


main()
