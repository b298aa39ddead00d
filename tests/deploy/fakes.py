"""The demo's PeopleSoft and Twilio as a child process, which is the example `fakes` of the crate `local`."""

import json
import subprocess


class Fakes:
    """Running fakes. `about` says where they are and which tenant document names them."""

    def __init__(self, program: str, arguments: list[str]):
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self.answer()

    def report(self) -> dict:
        """What Twilio accepted so far, and what became of its callbacks."""
        self.process.stdin.write("report\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the fakes have ended")
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
