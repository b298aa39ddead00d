"""The stack, as a customer deploys it: `sam build`, `sam deploy`, and the operator's command. Template and commands are used as they
are; only where AWS is, the shell's environment says."""

import json
import platform
import subprocess
from pathlib import Path

STACK = "peoplesoft-twilio"


class Deployment:
    """A deployed stack."""

    def __init__(self, root: Path, emulator):
        self.root = root
        self.emulator = emulator
        machine = platform.machine()
        self.architecture = "arm64" if machine in ("aarch64", "arm64") else "x86_64"
        self.outputs: dict[str, str] = {}

    def lint(self):
        self.call("sam", "validate", "--lint")
        self.call("cfn-lint", "template.yaml")

    def build(self):
        self.call("sam", "build", "--parameter-overrides", f"Architecture={self.architecture}")

    def deploy(self, **parameters: str):
        """`sam deploy`, first time or again. The emulator knows no alarms over queries, so those are left out."""
        overrides = {"Architecture": self.architecture, "TenantAlarms": "DISABLED"} | parameters
        self.call(
            "sam", "deploy", "--stack-name", STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset",
            "--no-progressbar", "--tags", "cost-center=test", "--parameter-overrides", *(f"{name}={value}" for name, value in overrides.items()),
        )
        stacks = self.emulator.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}

    def resource(self, logical_id: str) -> str:
        """The name of a resource, by its name in the template."""
        found = self.emulator.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
        return found["StackResourceDetail"]["PhysicalResourceId"]

    def connector(self, *arguments: str) -> str:
        """The operator's command; what it printed."""
        exported = {"TABLE_NAME": self.outputs["TableName"], "TENANT_SECRET_PREFIX": self.outputs["TenantSecretPrefix"]}
        command = ["cargo", "connector", *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=self.emulator.environment | exported, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        )
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def notifications(self, tenant: str) -> list[dict]:
        """Everything on the ledger, as `connector audit list` tells it."""
        return [json.loads(line) for line in self.connector("--format", "json", "audit", "list", tenant).splitlines()]

    def call(self, *command: str):
        print("$", " ".join(command), flush=True)
        done = subprocess.run(command, cwd=self.root, env=self.emulator.environment, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise SystemExit(f"{command[0]} {command[1]} ended with {done.returncode}")
