"""Publish the exports in folders, one after the other, to a folder: a process to be killed while it does.

It says ``ready`` when everything is loaded, so that a kill strikes the work and not the imports.
"""

from __future__ import annotations

import sys
from pathlib import Path

from exports import LAYOUT, publish_to

from immuta_assets.object_store.folder import FolderStore


def main(destination: str, *folders: str) -> None:
    """Publish every export."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for folder in folders:
        files = {name: Path(folder, f"{name}.parquet") for name in LAYOUT.tables}
        publish_to([FolderStore(Path(destination))], files)


if __name__ == "__main__":
    main(*sys.argv[1:])
