"""Chromium without a window, asked over its debugging pipe: nothing listens on a port, and it ends when we do."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

# How long anything may take that should be there in a moment. Only a failure waits so long.
PATIENCE = 120
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,1000",
             "--remote-debugging-pipe"]


def find():
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("Chromium is missing: apt-get install chromium, or name one in CHROMIUM")
    return found


class Chromium:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()

        def place():
            # Copies first: one of the two may stand where the other has to go.
            copies = os.dup(theirs_in), os.dup(theirs_out)
            for copy, wanted in zip(copies, (3, 4)):
                os.dup2(copy, wanted)

        self.process = subprocess.Popen([find(), *ARGUMENTS, f"--user-data-dir={self.profile}"], preexec_fn=place, close_fds=False,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.answers, self.questions = os.fdopen(ours_in, "rb"), os.fdopen(ours_out, "wb")
        self.asked = 0
        self.session = None
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.questions.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.answers.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def ask(self, method, **parameters):
        self.asked += 1
        question = {"id": self.asked, "method": method, "params": parameters}
        if self.session:
            question["sessionId"] = self.session
        self.questions.write(json.dumps(question).encode() + b"\0")
        self.questions.flush()
        while True:
            answer = self.read()
            if answer.get("id") == self.asked:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def read(self):
        while b"\0" not in self.rest:
            read = os.read(self.answers.fileno(), 1 << 16)
            assert read, "Chromium has ended"
            self.rest += read
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def open(self, address):
        """Opens a page of its own, and waits until it is there."""
        self.session = None
        target = self.ask("Target.createTarget", url=address)["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.wait(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(address)})")

    def run(self, script):
        """What a script in the page comes to."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{script}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def wait(self, script):
        """Waits until a script comes to something true, and answers that."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = self.run(script)
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"never: {script}\nthe page says:\n{self.run('document.body.innerText')[:2000]}")

    def picture(self, path):
        shot = self.ask("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(shot))

    def print(self, path):
        """Prints the page to PDF, as the page itself says; answers how many sheets that are."""
        printed = base64.b64decode(self.ask("Page.printToPDF", preferCSSPageSize=True)["data"])
        pathlib.Path(path).write_bytes(printed)
        return printed.count(b"/Type /Page\n")
