"""The demo's PeopleSoft and Twilio as a child process: the example `fakes` of the crate `local`."""

import json
import subprocess
from pathlib import Path


class Fakes:
    """Running fakes. `about` says where they are and which tenant document names them."""

    def __init__(self, root: Path, arguments: list[str]):
        built = subprocess.run(
            ["cargo", "build", "--quiet", "--locked", "--package", "local", "--example", "fakes", "--message-format=json"],
            cwd=root, check=True, stdout=subprocess.PIPE, text=True,
        )
        messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
        program = next(message["executable"] for message in messages if message.get("executable"))
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
