"""The stack, as a customer deploys it: `sam build`, `sam deploy`, and the operator's command. Template and commands are used as they
are; only where AWS is, the shell's environment says."""

import json
import platform
import subprocess
from pathlib import Path

STACK = "peoplesoft-twilio"


class Deployment:
    """A deployed stack."""

    def __init__(self, root: Path, emulator, connector: str):
        self.root = root
        self.emulator = emulator
        self.connector_program = connector
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
        exported = dict(pair.split("=", 1) for pair in self.outputs["Environment"].removeprefix("export ").split())
        done = subprocess.run(
            [self.connector_program, *arguments], cwd=self.root, env=self.emulator.environment | exported,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        if done.returncode != 0:
            raise SystemExit(f"connector {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def notifications(self, tenant: str) -> list[dict]:
        """Everything on the ledger, as `connector audit list` tells it."""
        return [json.loads(line) for line in self.connector("--format", "json", "audit", "list", tenant).splitlines()]

    def call(self, *command: str):
        """Runs a command in the administrator's shell. What it says is shown only if it fails."""
        print("$", " ".join(command), flush=True)
        done = subprocess.run(
            command, cwd=self.root, env=self.emulator.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        if done.returncode != 0:
            print(done.stdout)
            raise SystemExit(f"{command[0]} {command[1]} ended with {done.returncode}")
