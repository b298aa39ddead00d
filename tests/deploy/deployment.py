"""The stack, as a customer deploys it: `sam build`, `sam deploy`, and the operator's command. Template and commands are used as they
are; only where AWS is, the shell's environment says."""

import json
import platform
import shlex
import subprocess
from pathlib import Path

STACK = "peoplesoft-twilio"
# A section that no samconfig.toml has, should an earlier `sam deploy --guided` have left one here.
UNTOUCHED = ("--config-env", "deploy-test")


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
        self.call("sam", "validate", "--lint", *UNTOUCHED)
        self.call("cfn-lint", "template.yaml")

    def build(self):
        self.call("sam", "build", *UNTOUCHED, "--parameter-overrides", f"Architecture={self.architecture}")

    def deploy(self, **parameters: str):
        """`sam deploy`, first time or again. The emulator knows no alarms over queries, so those are left out."""
        overrides = {"Architecture": self.architecture, "TenantAlarms": "DISABLED"} | parameters
        self.call(
            "sam", "deploy", *UNTOUCHED, "--stack-name", STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset",
            "--no-progressbar", "--tags", "cost-center=test", "--parameter-overrides", *(f"{name}={value}" for name, value in overrides.items()),
        )
        outputs = json.loads(self.call("sam", "list", "stack-outputs", *UNTOUCHED, "--stack-name", STACK, "--output", "json"))
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in outputs}

    def resource(self, logical_id: str) -> str:
        """The name of a resource, by its name in the template."""
        found = self.emulator.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
        return found["StackResourceDetail"]["PhysicalResourceId"]

    def connector(self, *arguments: str) -> str:
        """The operator's command; what it printed."""
        exported = dict(pair.split("=", 1) for pair in shlex.split(self.outputs["Environment"])[1:])
        return self.run(self.emulator.environment | exported, self.connector_program, *arguments)

    def notifications(self, tenant: str) -> list[dict]:
        """Everything on the ledger, as `connector audit list` tells it."""
        return [json.loads(line) for line in self.connector("--format", "json", "audit", "list", tenant).splitlines()]

    def call(self, *command: str) -> str:
        """Runs a command in the administrator's shell, and returns what it printed. That is shown only if it fails."""
        print("$", " ".join(command), flush=True)
        return self.run(self.emulator.environment, *command)

    def run(self, environment: dict[str, str], *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout
