"""Deploys template.yaml to the emulator and proves that the demo hospital's notifications are delivered, exactly once each.

Run it through the script `run` beside it, which installs what it needs.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import checks
import programs
from deployment import Deployment
from emulator import Emulator
from fakes import Fakes

ROOT = Path(__file__).resolve().parents[2]
SETTLE_SECONDS = 900


def main():
    options = arguments()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))  # which tidies up, as Ctrl-C does
    with tempfile.TemporaryDirectory(prefix="deploy-test-") as directory, stopping(Emulator(options.emulator, Path(directory))) as emulator:
        try:
            prove(emulator, options)
        except (Exception, SystemExit):
            print(f"the emulator said:\n{emulator.said()}\n{checks.last_words(emulator)}", flush=True)
            raise


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--emulator", required=True, type=lambda path: str((ROOT / path).resolve()), help="the command `ministack`")
    parser.add_argument("--no-build", action="store_true", help="deploy what .aws-sam/build holds")
    parser.add_argument("--staff", default="800", help="how many people work at the demo hospital")
    return parser.parse_args()


def prove(emulator: Emulator, options):
    with step("the operator's command and the fakes are built"):
        connector, fakes_program = programs.connector(ROOT), programs.fakes(ROOT)
    deployment = Deployment(ROOT, emulator, connector)
    with step("the template is clean"):
        deployment.lint()
    if not options.no_build:
        with step("the functions are built as they are deployed"):
            deployment.build()
    with step("the stack is deployed"):
        deployment.deploy(Polling="DISABLED")
    with step("IAM is enforced, and each function may do what it must and no more"):
        checks.policies_are_enforced(emulator, deployment.outputs["TableName"])
        checks.policies_allow_what_is_needed_and_no_more(emulator, deployment)
    with stopping(Fakes(fakes_program, ["--staff", options.staff])) as fakes:
        with step("a tenant is added"):
            document = json.loads(Path(fakes.about["document"]).read_text())
            deployment.connector("tenant", "add", fakes.about["tenant"], fakes.about["document"], "--live", "--yes")
        with step("the stack is updated: its address, Twilio's, and the schedule"):
            # The emulator serves the API under a path of its own, as a custom domain with a mapping does.
            api = deployment.resource("Api")
            deployment.deploy(
                CallbackBaseUrl=f"{emulator.url}/_aws/execute-api/{api}/$default", TwilioApiUrl=fakes.about["twilio"],
                TwilioVerifyUrl=fakes.about["twilio"], Polling="ENABLED",
            )
        base_url = deployment.outputs["CallbackBaseUrl"]
        with step("the schedule fires, and everybody gets one notification or a reason"):
            settle(deployment, fakes)
            checks.everybody_got_one(deployment.notifications(fakes.about["tenant"]), fakes.report())
        # Not sooner: the emulator answers nobody else in time while hundreds of callbacks each start a bootstrap.
        with step("the operator's command reaches everything"):
            deployment.connector("ping", fakes.about["tenant"])
        with step("strangers are turned away"):
            checks.strangers_are_turned_away(base_url, fakes.about["tenant"])
        with step("two-factor checks work"):
            somebody = next(one for one in deployment.notifications(fakes.about["tenant"]) if one["state"] == "delivered")
            checks.two_factor_works(base_url, fakes.about["tenant"], fakes.about["portal_token"], somebody["employee_id"])
        with step("the next poll reads the same events again, and sends nothing"):
            again(emulator)
            checks.everybody_got_one(deployment.notifications(fakes.about["tenant"]), fakes.report())
        with step("nothing was given up, and no log tells a secret"):
            checks.nothing_was_given_up(emulator, deployment)
            secrets = [document["twilio"]["auth_token"], document["peoplesoft"]["auth"]["password"], fakes.about["portal_token"]]
            checks.logs_tell_no_secrets(emulator, secrets)
        report = fakes.report()
    print(f"proved: {checks.total(report['expected'])} notifications, {len(report['accepted'])} accepted by Twilio, none twice; callbacks answered: {report['callbacks']}")


def settle(deployment: Deployment, fakes: Fakes):
    """Waits until nothing moves any more."""
    expected = fakes.report()["expected"]
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        notifications = deployment.notifications(fakes.about["tenant"])
        if checks.is_settled(notifications, expected):
            return
        if time.monotonic() > deadline:
            states = checks.Counter(one["state"] for one in notifications)
            raise SystemExit(f"not settled after {SETTLE_SECONDS} s: {dict(states)} of {checks.total(expected)}")
        time.sleep(2)


def again(emulator: Emulator):
    """Waits for a poll that has not been yet: each source that was read to its end logs `polled`."""
    def polled() -> int:
        return sum('"message":"polled"' in line.replace(" ", "") for line in "\n".join(checks.log_lines(emulator, "Poll")).splitlines())

    before, deadline = polled(), time.monotonic() + 180
    assert before > 0, "poll's log does not say that anything was polled"
    while polled() <= before:
        if time.monotonic() > deadline:
            raise SystemExit("the schedule did not fire again")
        time.sleep(2)


@contextmanager
def step(what: str):
    print(f"\n-- {what}", flush=True)
    started = time.monotonic()
    yield
    print(f"   done in {time.monotonic() - started:.1f} s", flush=True)


@contextmanager
def stopping(child):
    try:
        yield child
    finally:
        child.stop()


if __name__ == "__main__":
    main()
