"""Runs a command, and ends it with everything that it started when stdin closes.

usage: leash.py COMMAND [ARGUMENT…]

Whoever starts this holds the other end of stdin, and the kernel closes that however its holder ends. So nothing outlives a test.
"""

import os
import select
import signal
import subprocess
import sys

LOOK_SECONDS = 0.2
GRACE_SECONDS = 10


def main():
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    while child.poll() is None and not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
        pass
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # nobody is left
    sys.exit(child.wait())


if __name__ == "__main__":
    main()
