"""Datasets of few partitions: a Parquet file for each, replaced as a whole.

Export days, and frames without partitions, are kept this way: their files are as they are published, or small. Hours
are kept in tables (``hourly``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import dataframely as dy
import polars as pl

from immuta_assets.datasets.dataset import UNPARTITIONED, Committed, NotStoredError, StaleError
from immuta_assets.datasets.hour_files import SUFFIX, compute_digest
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.frames.parquet import require_rules, require_schema, write_frame
from immuta_assets.object_store import ConflictError

_MADE_OF = "made_of"
_ATTEMPTS = 20

WriteFile = Callable[[IO[bytes]], None]


@dataclass(frozen=True)
class FileDataset:
    """A frame kept as ``<root>/<key>/<partition>.parquet``.

    Partitions that older versions stored under ``former_key`` are read there as long as they are not stored anew.
    """

    root: StoreRoot
    key: str
    schema: type[dy.Schema]
    former_key: str | None = None

    def commit(self, frames: Mapping[str, pl.LazyFrame], moment: datetime | None = None) -> dict[str, Committed]:
        """Replace partitions one after the other; see ``Dataset``. Their moment is not kept."""
        del moment
        return {partition: self._commit(partition, frame) for partition, frame in frames.items()}

    def commit_file(self, partition: str, write: WriteFile) -> Committed:
        """Replace a partition by a file that ``write`` makes and answers for."""
        with self.root.draft() as draft:
            write(draft.file)
            draft.file.flush()
            rows = int(pl.scan_parquet(draft.path, glob=False).select(pl.len()).collect().item())
            committed = Committed(rows, compute_digest(draft.path), None, self.root.locate(self._make_key(partition)))
            self.root.place(draft, self._make_key(partition))
            return committed

    def update(
        self, compute: Callable[[], pl.DataFrame], partition: str = UNPARTITIONED, made_of: str = ""
    ) -> pl.DataFrame:
        """Bring a partition up to date with what it is computed of, and return it.

        Where others update it at the same time, the one who writes last has seen what all of them saw. A partition that
        says that it is ``made_of`` the same already stays as it is.
        """
        key = self._make_key(partition)
        for _ in range(_ATTEMPTS):
            before = self.root.store.head(key)
            if before and made_of and (stored := self._read_made_of(key, made_of)) is not None:
                return stored
            frame = compute()
            content = self._encode(frame, made_of)
            try:
                if before:
                    self.root.store.put_bytes(key, content, if_match=before.etag)
                else:
                    self.root.store.put_bytes(key, content, if_absent=True)
            except ConflictError:
                continue
            return frame
        msg = f"{self.key} was updated by others {_ATTEMPTS:,} times in a row: run it again."
        raise StaleError(msg)

    def describe_version(self, partition: str) -> str:
        """Return a text that changes whenever a partition does."""
        facts = self.root.store.head(self._find_stored_key(partition))
        return f"{self.key}/{partition}={facts.etag if facts else ''}"

    def locate(self, partition: str) -> str:
        """Return the URI of the file of a partition."""
        place = self.root.locate(self._make_key(partition))
        return place if "://" in place else Path(place).absolute().as_uri()

    def scan(self, partitions: Collection[str] | None = None) -> pl.LazyFrame:
        """Scan partitions in order, by default all; see ``Dataset``."""
        wanted = self.list_partitions() if partitions is None else sorted(partitions)
        if not wanted:
            return self.schema.create_empty(lazy=True)
        keys = [self._find_stored_key(partition) for partition in wanted]
        options = self.root.build_engine_options()
        return pl.scan_parquet([self.root.locate(key) for key in keys], glob=False, storage_options=options or None)

    def scan_newest(self, as_of: str | None = None) -> pl.LazyFrame:
        """Scan the newest partition, or the newest up to and with ``as_of``."""
        stored = [partition for partition in self.list_partitions() if as_of is None or partition <= as_of]
        return self.scan([stored[-1] if stored else as_of or UNPARTITIONED])

    def scan_if_stored(self, partition: str = UNPARTITIONED) -> pl.LazyFrame | None:
        """Scan a partition, or return None where it was never stored."""
        return self.scan([partition]) if self.is_stored(partition) else None

    def is_stored(self, partition: str) -> bool:
        """Say whether a partition is stored."""
        return any(self._is_present(key) for key in self._list_keys(partition))

    def list_partitions(self) -> list[str]:
        """Return the keys of the stored partitions, in order."""
        return sorted({name for key in self._list_folders() for name in self._list_names(key)})

    def state(self) -> dict[str, str]:
        """Return the digest of every stored file, by its key below the root."""
        keys = [self._find_stored_key(partition) for partition in self.list_partitions()]
        return {key: compute_digest(self.root.store.read(key)) for key in keys}

    @contextmanager
    def open_local_file(self, partition: str) -> Iterator[Path]:
        """Give the file of a partition as a local path, for as long as the block lasts."""
        key = self._find_stored_key(partition)
        if self.root.folder is not None:
            yield self.root.folder / key
            return
        with TemporaryDirectory(prefix="immuta-assets-") as folder:
            self.root.store.get_file(key, Path(folder, "file"))
            yield Path(folder, "file")

    def _commit(self, partition: str, frame: pl.LazyFrame) -> Committed:
        with self.root.draft() as draft:
            write_frame(frame, self.schema, draft.file)
            draft.file.flush()
            written = pl.scan_parquet(draft.path, glob=False)
            rows = require_rules(self.schema, written, {"rows": pl.len()})["rows"]
            committed = Committed(rows, compute_digest(draft.path), None, self.root.locate(self._make_key(partition)))
            self.root.place(draft, self._make_key(partition))
            return committed

    def _encode(self, frame: pl.DataFrame, made_of: str) -> bytes:
        """Return the file of a small frame, held to the schema."""
        require_schema(self.schema, frame)
        with BytesIO() as file:
            frame.write_parquet(file, metadata={_MADE_OF: made_of})
            return file.getvalue()

    def _read_made_of(self, key: str, made_of: str) -> pl.DataFrame | None:
        """Read a file that is made of these, or return None for any other."""
        content = BytesIO(self.root.store.read(key))
        return pl.read_parquet(content) if pl.read_parquet_metadata(content).get(_MADE_OF) == made_of else None

    def _make_key(self, partition: str) -> str:
        return f"{self.key}/{partition}{SUFFIX}"

    def _list_folders(self) -> list[str]:
        return [self.key, self.former_key] if self.former_key else [self.key]

    def _list_keys(self, partition: str) -> list[str]:
        return [f"{folder}/{partition}{SUFFIX}" for folder in self._list_folders()]

    def _find_stored_key(self, partition: str) -> str:
        stored = next((key for key in self._list_keys(partition) if self._is_present(key)), None)
        if stored is None:
            path = self.root.locate(self._make_key(partition))
            msg = f"{path}: it is missing; materialize what lies upstream for the same export day first."
            raise NotStoredError(msg)
        return stored

    def _is_present(self, key: str) -> bool:
        return self.root.store.head(key) is not None

    def _list_names(self, folder: str) -> Iterator[str]:
        for each in self.root.store.list(folder):
            name = each.key.removeprefix(f"{folder}/")
            if "/" not in name and name.endswith(SUFFIX):
                yield name.removesuffix(SUFFIX)
