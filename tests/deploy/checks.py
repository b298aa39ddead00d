"""What must be true of the deployed stack. Each check raises AssertionError with what it found."""

import json
import re
from collections import Counter
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from botocore.exceptions import BotoCoreError, ClientError

from deployment import STACK

FUNCTIONS = ("Poll", "Send", "Callback", "Verify")
# A phone number as it must never be in a log: a plus sign and eight digits or more.
PHONE_NUMBER = re.compile(r"\+\d{8,}")


def is_settled(notifications: list[dict], expected: dict) -> bool:
    """Whether every expected notification is on the ledger and nothing moves any more."""
    return len(notifications) >= total(expected) and all(one["state"] in ("delivered", "suppressed") for one in notifications)


def total(expected: dict) -> int:
    return sum(sum(counts.values()) for counts in expected.values())


def everybody_got_one(notifications: list[dict], report: dict):
    """Each notification reached its person exactly once, or says why not; and Twilio and the ledger agree, sid by sid."""
    found: dict[str, Counter] = {}
    for one in notifications:
        outcome = "reached" if one["state"] == "delivered" else one["reason"]
        found.setdefault(one["source"], Counter())[outcome] += 1
    expected = {source: Counter(counts) for source, counts in report["expected"].items()}
    assert found == expected, f"expected {expected}, found {found}"
    on_ledger = {one["notification_id"]: one["sid"] for one in notifications if one["state"] == "delivered"}
    at_twilio = {one["notification"]: one["sid"] for one in report["accepted"]}
    assert len(report["accepted"]) == len(at_twilio), f"sent twice: {report['doubled']}"
    assert at_twilio == on_ledger, f"Twilio and the ledger differ in {set(at_twilio.items()) ^ set(on_ledger.items())}"
    assert set(report["callbacks"]) == {"204"}, f"callbacks were answered {report['callbacks']}"


def strangers_are_turned_away(base_url: str, tenant: str):
    """No signature, no tenant, no route: nothing but a dull answer."""
    form = b"MessageSid=SM00000000000000000000000000000000&MessageStatus=delivered"
    query = "?n=aaaaaaaaaaaaa-aaaaaaaaaaaaaaaa&a=1"
    for path, headers, expect in [
        (f"/twilio/{tenant}/status{query}", {}, 403),
        (f"/twilio/{tenant}/status{query}", {"X-Twilio-Signature": "Zm9yZ2Vk"}, 403),
        (f"/twilio/nobody/status{query}", {"X-Twilio-Signature": "Zm9yZ2Vk"}, 403),
        (f"/twilio/{tenant}/inbound", {"X-Twilio-Signature": "Zm9yZ2Vk"}, 403),
        (f"/twilio/{tenant}/events", {"X-Twilio-Signature": "Zm9yZ2Vk"}, 403),
        (f"/twilio/{tenant}/other", {}, 404),
    ]:
        status, _ = post(base_url + path, form, {"Content-Type": "application/x-www-form-urlencoded"} | headers)
        assert status == expect, f"POST {path} with {headers} was answered {status}, not {expect}"


def two_factor_works(base_url: str, tenant: str, portal_token: str, employee: str):
    """A portal with the token can start a check; a wrong code isn't approved; a wrong token opens nothing."""
    def ask(path: str, body: dict, token: str) -> tuple[int, dict]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        status, answer = post(f"{base_url}/verify/{tenant}/{path}", json.dumps(body).encode(), headers)
        return status, json.loads(answer) if answer.startswith("{") else {}

    status, _ = ask("start", {"employee_id": employee, "channel": "sms"}, "wrong")
    assert status == 401, f"a wrong portal token was answered {status}"
    status, started = ask("start", {"employee_id": employee, "channel": "sms"}, portal_token)
    assert status == 202 and started["verification_sid"].startswith("VE"), f"start was answered {status} {started}"
    assert not PHONE_NUMBER.search(json.dumps(started)), "start told a whole phone number"
    status, checked = ask("check", {"employee_id": employee, "code": "0000"}, portal_token)
    assert status == 200 and checked["approved"] is False, f"a wrong code was answered {status} {checked}"


def policies_allow_what_is_needed_and_no_more(emulator, deployment):
    """Asks IAM itself, role by role, what each function may do."""
    iam, sts = emulator.client("iam"), emulator.client("sts")
    account = sts.get_caller_identity()["Account"]
    table = f"arn:aws:dynamodb:us-east-1:{account}:table/{deployment.outputs['TableName']}"
    secret = f"arn:aws:secretsmanager:us-east-1:{account}:secret:"
    tenants, others = f"{secret}{deployment.outputs['TenantSecretPrefix']}st-lukes-AbCdEf", f"{secret}payroll/admin-AbCdEf"

    roles = {function: f"arn:aws:iam::{account}:role/{deployment.resource(function + 'Role')}" for function in FUNCTIONS}

    def allowed(function: str, action: str, resource: str) -> bool:
        answer = iam.simulate_principal_policy(PolicySourceArn=roles[function], ActionNames=[action], ResourceArns=[resource])
        return answer["EvaluationResults"][0]["EvalDecision"] == "allowed"

    for action, resource, who in [
        ("dynamodb:PutItem", table, set(FUNCTIONS)),
        ("dynamodb:Query", table, {"Poll", "Send", "Verify"}),
        ("dynamodb:Query", f"{table}/index/due", {"Poll"}),
        ("dynamodb:GetItem", table, {"Poll"}),
        ("dynamodb:UpdateItem", table, {"Poll"}),  # on cursors; the emulator doesn't know the condition, tests/it/template.rs does
        ("dynamodb:DeleteItem", table, set()),
        ("dynamodb:BatchWriteItem", table, set()),
        ("dynamodb:Scan", table, set()),
        ("dynamodb:DeleteTable", table, set()),
        ("dynamodb:PutItem", table + "-other", set()),
        ("secretsmanager:GetSecretValue", tenants, set(FUNCTIONS)),
        ("secretsmanager:GetSecretValue", others, set()),
        ("secretsmanager:PutSecretValue", tenants, set()),
        ("secretsmanager:ListSecrets", "*", {"Poll"}),
        ("kms:Decrypt", deployment.outputs["LedgerKeyArn"], set()),  # not but through DynamoDB
    ]:
        found = {function for function in FUNCTIONS if allowed(function, action, resource)}
        assert found == who, f"{action} on {resource} is allowed to {found or 'nobody'}, not {who or 'nobody'}"


def policies_are_enforced(emulator, table: str):
    """The emulator really refuses: a user without a policy can't write to the ledger."""
    iam = emulator.client("iam")
    iam.create_user(UserName="stranger")
    key = iam.create_access_key(UserName="stranger")["AccessKey"]
    stranger = emulator.client("dynamodb", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    try:
        stranger.put_item(TableName=table, Item={"pk": {"S": "x"}, "sk": {"S": "x"}})
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDeniedException", error
    else:
        raise AssertionError("a user without a policy wrote to the ledger")


def nothing_was_given_up(emulator, deployment):
    """The failure destination and the schedule's dead letters are empty."""
    for queue in ("SendFailures", "PollDeadLetters"):
        attributes = emulator.client("sqs").get_queue_attributes(QueueUrl=deployment.resource(queue), AttributeNames=["All"])["Attributes"]
        assert attributes["ApproximateNumberOfMessages"] == "0", f"{queue} holds {attributes['ApproximateNumberOfMessages']} messages"


def log_lines(emulator, function: str) -> list[str]:
    pages = emulator.client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{STACK}-{function.lower()}")
    return [event["message"] for page in pages for event in page["events"]]


def last_words(emulator) -> str:
    """The end of each function's log, as far as there is one, for whoever has to find out what went wrong."""
    said = []
    for function in FUNCTIONS:
        try:
            lines = log_lines(emulator, function)[-20:]
        except (BotoCoreError, ClientError) as error:
            lines = [str(error)]
        said.append(f"{function} said:\n" + "\n".join(line.rstrip() for line in lines))
    return "\n".join(said)


def logs_tell_no_secrets(emulator, secrets: list[str]):
    """Every function logs, and no log holds a phone number or any of these."""
    for function in FUNCTIONS:
        lines = log_lines(emulator, function)
        assert lines, f"{function} has logged nothing"
        for line in lines:
            assert not PHONE_NUMBER.search(line), f"{function} logged a phone number"
            assert not any(secret in line for secret in secrets), f"{function} logged a secret"


def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    try:
        with urlopen(Request(url, data=body, headers=headers, method="POST"), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
