"""One tick of the re-read plan in a process of its own, to be killed: ``python tick.py CONNECTION MOMENT``.

It says ``ready`` once everything is loaded, so that a kill falls into the work and not into the imports.
"""

from __future__ import annotations

import sys
from datetime import datetime

import dagster as dg

from immuta_assets.orchestration.run import run_due
from immuta_assets.settings import load


def main(connection: str, moment: str) -> int:
    """Load what is due at a moment; return the exit code."""
    settings = load()
    with dg.DagsterInstance.ephemeral() as instance:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        result = run_due(settings, connection, moment=datetime.fromisoformat(moment), instance=instance)
    if result.failure:
        sys.stderr.write(result.failure.message)
    return 1 if result.failure else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
