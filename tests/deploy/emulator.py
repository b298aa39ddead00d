"""The AWS emulator, MiniStack, as a child process on a free port. Knows nothing of what is deployed to it."""

import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import boto3

REGION = "us-east-1"
START_SECONDS = 60


class Emulator:
    """A running emulator. IAM policies are enforced; its root key is the administrator who deploys."""

    def __init__(self, command: str, directory: Path):
        self.directory = directory
        self.log = directory / "emulator.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # What a cloud administrator's shell would have; the SAM CLI, boto3 and the operator's command all read it.
        self.environment = os.environ | {
            "AWS_ACCESS_KEY_ID": "administrator",
            "AWS_SECRET_ACCESS_KEY": "administrator-of-nothing-real",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for variable in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            self.environment.pop(variable, None)
        settings = {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "AUTH": "true",
            "LAMBDA_EXECUTOR": "local",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "STATE_DIR": str(directory / "state"),
            "S3_DATA_DIR": str(directory / "s3"),
            "TMPDIR": str(directory),
            "LOG_LEVEL": "INFO",
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen([command], env=self.environment | settings, stdout=log, stderr=log, cwd=directory)
        self.wait()

    def wait(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.2)
        self.stop()
        raise SystemExit(f"the emulator did not start; see {self.log}")

    def client(self, service: str, **credentials):
        """A boto3 client of the administrator's, or of whoever's credentials are given."""
        credentials = credentials or {
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
        }
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **credentials)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
