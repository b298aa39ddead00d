"""Opens the live page and the report in Chromium and holds them against what the command says. Usage: pages.py BINARIES DIRECTORY:
where the programs are built, and a directory for what they write."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys

from chromium import Chromium

TENANT = "st-lukes"
STAFF = 60
# Beside each person's payroll, the demo knows so many changed shifts, onboarding steps and benefits deadlines.
OTHERS = 25 + 5 + 6


class Stack:
    """connector local with its demo, until the end of the block."""

    def __init__(self, binaries, work):
        self.connector = binaries / "connector-under-test"
        self.process = subprocess.Popen(
            [self.connector, "local", "--staff", str(STAFF), "--chaos", "--data", work / "ledger.db"],
            stdout=subprocess.PIPE, stderr=(work / "talk").open("w"), stdin=subprocess.DEVNULL, text=True)
        self.environment = dict(os.environ)
        for line in self.process.stdout:
            if found := re.match(r"# the live page is at (\S+)", line):
                self.page = found[1]
            if found := re.match(r"export (\w+)=(.*)", line):
                self.environment[found[1]] = found[2]
                if found[1] == "AWS_SECRET_ACCESS_KEY":
                    return
        raise SystemExit(f"connector local did not start: {(work / 'talk').read_text()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def audit(self, *words):
        """The objects that an audit prints."""
        told = subprocess.run([self.connector, "--format", "json", "audit", *words], env=self.environment, check=True,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return [json.loads(line) for line in told.stdout.splitlines()]


def by_state(objects):
    counts = {}
    for one in objects:
        counts[one["state"]] = counts.get(one["state"], 0) + 1
    return counts


# The sums that a page shows, by state, and of all.
SUMS = """Object.fromEntries([["all", document.querySelector("[data-sum=all]")],
  ...[...document.querySelectorAll("#states tfoot [data-state]")].map((cell) => [cell.dataset.state, cell])]
  .map(([name, cell]) => [name, Number(cell.textContent.replaceAll(",", ""))]))"""
SETTLED = f"""document.querySelector("[data-sum=underway]")?.textContent === "0" && ({SUMS}).all >= {STAFF + OTHERS}"""
SHOWN = """[...document.querySelectorAll("#rows tbody tr")].filter((row) => !row.hidden)"""


def choose(browser, identity, value, event):
    browser.run(f"""(() => {{ const field = document.getElementById("{identity}"); field.value = {json.dumps(value)};
        field.dispatchEvent(new Event("{event}")); }})()""")


def check_live(browser, stack, work):
    browser.open(stack.page)
    # The counts move by themselves until everything has arrived or says why not.
    browser.wait(SETTLED)
    listed = stack.audit("list", TENANT)
    assert browser.run(SUMS) == {"all": len(listed), **by_state(listed)}, "the live page's sums are not the audit's"

    one = next(one for one in listed if one["state"] == "delivered")
    fitting = [other for other in listed if other["employee_id"] == one["employee_id"]]
    choose(browser, "search", one["employee_id"], "input")
    browser.wait(f"{SHOWN}.length === {len(fitting)} && {SHOWN}.every((row) => row.textContent.includes('{one['employee_id']}'))")
    browser.run(f"""document.querySelector('[data-story$="/{one["notification_id"]}"]').click()""")
    browser.wait("document.querySelectorAll('#story tbody tr').length > 0")
    story = browser.run("document.getElementById('story').innerText")
    assert not browser.run("document.getElementById('story').hidden") and one["body"] in story and one["sid"] in story, story
    assert len(one["history"]) == browser.run("document.querySelectorAll('#story tbody tr').length"), story
    browser.picture(work / "live.png")
    browser.run("document.getElementById('close').click()")
    browser.wait("document.getElementById('story').hidden")

    choose(browser, "search", "", "input")
    suppressed = by_state(listed)["suppressed"]
    choose(browser, "filter", "suppressed", "change")
    browser.wait(f"{SHOWN}.length === {suppressed} && {SHOWN}.every((row) => row.dataset.state === 'suppressed')")
    choose(browser, "search", "nobody is called that", "input")
    browser.wait("!document.querySelector('#rows') && document.getElementById('now').innerText.includes('None is like that')")
    return listed


def check_report(browser, listed, report, page, work):
    browser.open(page.as_uri())
    states = by_state(listed)
    assert report["by_state"] == states, "the report's sums are not the audit's"
    assert browser.run(SUMS) == {"all": len(listed), **states}, "the page's sums are not the audit's"
    assert browser.run("document.querySelectorAll('#rows tbody tr').length") == len(listed)
    # What went wrong comes first.
    assert browser.run(f"{SHOWN}.length") == len(listed) - states["delivered"]
    one = next(one for one in listed if one["state"] == "delivered")
    choose(browser, "search", f"{one['employee_id']} {one['notification_id']}", "input")
    browser.wait(f"{SHOWN}.length === 1")
    assert browser.run(f"{SHOWN}[0].lastElementChild.textContent") == one["notification_id"]
    assert browser.run("document.getElementById('count').textContent") == f"1 of {len(listed)} shown"
    choose(browser, "search", "", "input")
    browser.wait(f"{SHOWN}.length === {len(listed)}")
    employees = f"{SHOWN}.map((row) => row.cells[1].textContent)"
    browser.run("document.querySelectorAll('#rows thead button')[1].click()")
    assert browser.run(employees) == sorted(one["employee_id"] for one in listed), "the table is not sorted by employee"
    assert browser.run("document.querySelectorAll('svg.chart rect.mark').length") > 0
    assert browser.run("document.documentElement.scrollWidth <= innerWidth"), "the report is wider than its window"
    # Nothing is fetched, and what the page's own policy forbids isn't tried.
    assert browser.run("performance.getEntriesByType('resource').length") == 0
    browser.picture(work / "report.png")
    assert browser.print(work / "report.pdf") > 1, "the report does not print"


def main():
    binaries, work = map(pathlib.Path, sys.argv[1:])
    with Chromium() as browser:
        with Stack(binaries, work) as stack:
            listed = check_live(browser, stack, work)
        subprocess.run([binaries / "examples" / "local-export", work / "ledger.db", work / "export"], check=True,
                       stdout=subprocess.DEVNULL)
        page = work / "report.html"
        told = subprocess.run([stack.connector, "--format", "json", "audit", "report", "--export", work / "export", "--html", page],
                              check=True, stdout=subprocess.PIPE, stderr=(work / "talk").open("a"), stdin=subprocess.DEVNULL)
        check_report(browser, listed, json.loads(told.stdout), page, work)
    print(f"the live page and the report show what the audit says of {len(listed)} notifications")


main()
