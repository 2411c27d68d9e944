"""Failures: what Dagster shows and does when a step cannot go on.

Add an error of a domain package here when its message is the whole story for people. Errors that are not listed are
bugs and keep their traceback.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import polars as pl

from immuta_assets.datasets.dataset import NotStoredError, StaleError
from immuta_assets.datasets.export_days import ExportDayError
from immuta_assets.frames.parquet import SchemaError
from immuta_assets.layouts.parquet import LayoutError
from immuta_assets.object_store import StoreError, UnavailableError
from immuta_assets.object_store import folder as folder_store
from immuta_assets.platforms.hour import HistoryError
from immuta_assets.publishing.publish import PublishError
from immuta_assets.tenant.dump import DumpError

DOMAIN_ERRORS = (
    DumpError,
    ExportDayError,
    HistoryError,
    LayoutError,
    NotStoredError,
    PublishError,
    SchemaError,
    StaleError,
    StoreError,
)
RETRIES = dg.RetryPolicy(max_retries=2, delay=2, jitter=dg.Jitter.PLUS_MINUS)
"""How often and after how many seconds a step whose storage stumbled is tried again."""

TRANSIENT = frozenset(
    {errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO, errno.ENETUNREACH, errno.ESTALE, errno.ETIMEDOUT}
    | {errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETDOWN}
)
REMEDIES = folder_store.REMEDIES | {
    errno.ENOENT: "it is missing; materialize what lies upstream for the same export day first",
}


@contextmanager
def explain_errors(place: object) -> Iterator[None]:
    """Turn errors into failures of one sentence that are never retried; only transient I/O errors ask for a retry.

    ``place`` (a file or folder) is named where an I/O error does not name one itself. Bugs pass unchanged.
    """
    try:
        yield
    except DOMAIN_ERRORS as error:
        if isinstance(error.__cause__, UnavailableError) or getattr(error.__cause__, "errno", None) in TRANSIENT:
            raise _ask_for_retry() from error
        raise dg.Failure(str(error), allow_retries=False) from error
    except (OSError, pl.exceptions.ComputeError) as error:
        number = _find_number(error)
        if not number:
            raise
        if number in TRANSIENT:
            raise _ask_for_retry() from error
        raise dg.Failure(_write_sentence(error, number, place), allow_retries=False) from error


def _ask_for_retry() -> dg.RetryRequested:
    return dg.RetryRequested(RETRIES.max_retries, RETRIES.calculate_delay(1))


def _write_sentence(error: Exception, number: int, place: object) -> str:
    reason = REMEDIES.get(number) or f"{os.strerror(number)}; see the log of the step"
    return f"{getattr(error, 'filename', None) or place}: {reason}."


def _find_number(error: Exception) -> int:
    # Polars keeps the number in the text only.
    found = re.search(r"os error (\d+)", str(error))
    return getattr(error, "errno", None) or (int(found[1]) if found else 0)
