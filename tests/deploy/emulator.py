"""The AWS emulator, MiniStack, as a child process on a free port. Knows nothing of what is deployed to it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3

REGION = "us-east-1"
START_SECONDS = 180
# Somebody may take the free port before the emulator does.
STARTS = 3


class Emulator:
    """A running emulator. IAM policies are enforced; its root key is the administrator who deploys."""

    def __init__(self, command: str, directory: Path):
        self.command = command
        self.directory = directory
        self.log = directory / "emulator.log"
        for _ in range(STARTS):
            self.start()
            if self.answers():
                return
            self.stop()
        raise SystemExit(f"the emulator did not start:\n{self.said()}")

    def start(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # What a cloud administrator's shell would have; the SAM CLI, boto3 and the operator's command all read it.
        self.environment = os.environ | {
            "AWS_ACCESS_KEY_ID": "administrator",
            "AWS_SECRET_ACCESS_KEY": "administrator-of-nothing-real",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
        }
        settings = {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "AUTH": "true",
            "LAMBDA_EXECUTOR": "local",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "STATE_DIR": str(self.directory / "state"),
            "S3_DATA_DIR": str(self.directory / "s3"),
            "TMPDIR": str(self.directory),
            "LOG_LEVEL": "INFO",
        }
        leash = Path(__file__).with_name("leash.py")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(leash), self.command], env=self.environment | settings, cwd=self.directory,
                stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
            )

    def answers(self) -> bool:
        """Waits until it does, or has ended."""
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2):
                    return True
            except OSError:
                time.sleep(0.2)
        return False

    def client(self, service: str, **credentials):
        """A boto3 client of the administrator's, or of whoever's credentials are given."""
        credentials = credentials or {
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
        }
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **credentials)

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text()[-6000:]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
