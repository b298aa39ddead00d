"""Our own programs for the laptop's side, built once: the operator's command, and the fakes."""

import json
import subprocess
from pathlib import Path


def connector(root: Path) -> str:
    """The operator's command."""
    return build(root, "--package", "connector", "--bin", "connector")


def fakes(root: Path) -> str:
    """The demo's PeopleSoft and Twilio."""
    return build(root, "--package", "local", "--example", "fakes")


def build(root: Path, *what: str) -> str:
    command = ["cargo", "build", "--quiet", "--locked", *what, "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    return next(message["executable"] for message in messages if message.get("executable"))
