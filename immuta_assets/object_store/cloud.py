"""The object stores of the clouds, through obstore: one class for all, and its errors in the cloud's own words.

Add here what holds for every cloud. How one is reached, and what its permissions are called, belongs to its module
(``s3``, ``adls``, ``gcs``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore

from immuta_assets.object_store.files import replace_file
from immuta_assets.object_store.interface import (
    ConflictError,
    Listed,
    MissingError,
    Stored,
    StoreError,
    UnavailableError,
)

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutMode, PutResult
    from obstore.store import ClientConfig, RetryConfig

T = TypeVar("T")
Operation = Literal["write", "read", "list", "copy", "delete"]

CHUNK = 8 * 1024**2

_BAD_CREDENTIALS = (
    "InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|TokenRefreshRequired|AccessKeyExpired"
    "|RequestTimeTooSkewed|AuthenticationFailed|AuthorizationFailure|InvalidAuthenticationInfo"
    "|NoAuthenticationInformation|AuthenticationRequired"
)


class _Rule(NamedTuple):
    """What an error is whose operation, class and text match ``pattern``.

    ``reason`` may use the pattern's groups, the ``cloud`` and the ``permission`` that the operation needs.
    """

    pattern: str
    kind: type[StoreError]
    reason: str


_RULES = (
    _Rule(
        "NoSuchBucket|ContainerNotFound|specified container does not exist",
        StoreError,
        "{cloud.container} does not exist, create it or correct the destination",
    ),
    _Rule(
        # A write that depends on what was there misses it where it is gone.
        r"^\w+ (AlreadyExists|Precondition)Error|^write FileNotFoundError",
        ConflictError,
        "it is not what it was, somebody else wrote it, read it anew",
    ),
    _Rule(r"^\w+ FileNotFoundError", MissingError, "it is missing, publish it first"),
    _Rule("not authorized to perform: sts:AssumeRole", StoreError, "permission is missing, allow {cloud.role}"),
    _Rule(
        r"not authorized to perform: (?P<action>[\w:]+) on resource: (?P<resource>[\w:/.+=@*-]+)",
        StoreError,
        "permission is missing, allow {action} on {resource}",
    ),
    _Rule(
        rf"^\w+ UnauthenticatedError|<Code>({_BAD_CREDENTIALS})</Code>|Error performing token request",
        StoreError,
        "the credentials are missing, wrong or expired, {cloud.credentials}",
    ),
    _Rule(
        "PermanentRedirect|AuthorizationHeaderMalformed|incorrectly configured region",
        StoreError,
        "{cloud.container} lies in another region, set AWS_REGION to that",
    ),
    _Rule(r"(status |\()code: 40[13]", StoreError, "permission is missing, allow {permission}"),
    _Rule(r"status code: (?P<status>429|5\d\d)", UnavailableError, "the store answers {status}, try again later"),
    _Rule(
        r"(status |\()code: (?P<status>\d{3})",
        StoreError,
        "the store refuses with status {status}, check the destination and its settings",
    ),
    _Rule(
        "HTTP error|timed out",
        UnavailableError,
        "the store does not answer, check the network and the endpoint, and try again",
    ),
    _Rule("", StoreError, "the store cannot be used, check the destination and its settings"),
)


@dataclass(frozen=True)
class Cloud:
    """What a cloud calls things: where a store lies, what each operation needs, and how credentials are given."""

    container: str
    """Such as `the bucket x`."""
    permissions: Mapping[Operation, str]
    """What to grant for each operation, and on what."""
    credentials: str
    """What to set or correct where credentials are missing or wrong."""
    role: str = ""
    """What to grant where a role is assumed."""
    tag: Literal["e_tag", "version"] = "e_tag"
    """What conditional writes go by."""
    largest_copy: int | None = None
    """The most bytes that the store copies at once."""


@dataclass(frozen=True, repr=False)
class CloudStore:
    """The store at ``uri``, reached through ``backend``."""

    uri: str
    cloud: Cloud
    backend: ObjectStore

    def __repr__(self) -> str:
        return f"CloudStore({self.uri})"

    def put_file(self, path: Path, key: str) -> str:
        """Upload a local file in parts; return the new tag."""
        with path.open("rb") as file:
            result = self._ask("write", key, lambda: obstore.put(self.backend, key, file, chunk_size=CHUNK))
        return self._find_tag(key, result)

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> str:
        """Write ``data`` where the condition holds; see ``Store``."""
        match: PutMode = {"e_tag": if_match} if self.cloud.tag == "e_tag" else {"version": if_match}
        mode: PutMode = "create" if if_absent else match if if_match else "overwrite"
        try:
            result = self._ask("write", key, lambda: obstore.put(self.backend, key, data, mode=mode))
        except ConflictError:
            present = self.head(key)
            if present and present.size == len(data) and self.read(key) == data:
                return present.etag
            raise
        return self._find_tag(key, result)

    def read(self, key: str) -> bytes:
        """Return the content, or raise ``MissingError``."""
        return self._ask("read", key, lambda: bytes(obstore.get(self.backend, key).bytes()))

    def get_file(self, key: str, path: Path) -> None:
        """Download to a local file; raise ``MissingError`` where there is none."""
        chunks = self._ask("read", key, lambda: iter(obstore.get(self.backend, key).stream(min_chunk_size=CHUNK)))
        with replace_file(path) as file:
            while chunk := self._ask("read", key, lambda: next(chunks, None)):
                file.write(chunk)

    def head(self, key: str) -> Stored | None:
        """Return what is known of an object; none where it is missing from a container that exists."""
        try:
            found = self._ask("read", key, lambda: self._read_meta(key))
        except MissingError:
            return None
        return Stored(found["size"], _require_tag(found[self.cloud.tag]), found["last_modified"])

    def list(self, prefix: str = "") -> Sequence[Listed]:
        """Return the objects below the folder ``prefix``, by key."""
        pages = self._ask("list", prefix, lambda: [*obstore.list(self.backend, prefix or None)])
        return sorted(Listed(meta["path"], meta["size"], meta["last_modified"]) for page in pages for meta in page)

    def move(self, source: str, target: str) -> None:
        """Copy an object and remove the source: no cloud renames."""
        self.copy(source, target)
        self.delete(source)

    def copy(self, source: str, target: str) -> None:
        """Copy an object inside the cloud; one that is too large for that passes through a local file."""
        limit = self.cloud.largest_copy
        if limit and self._ask("copy", source, lambda: self._read_meta(source))["size"] > limit:
            with TemporaryDirectory() as folder:
                self.get_file(source, Path(folder, "copy"))
                self.put_file(Path(folder, "copy"), target)
        else:
            self._ask("copy", source, lambda: obstore.copy(self.backend, source, target))

    def delete(self, key: str) -> None:
        """Remove an object; it need not be there."""
        try:
            self._ask("delete", key, lambda: obstore.delete(self.backend, key))
        except MissingError:
            return

    def _find_tag(self, key: str, result: PutResult) -> str:
        # Not every cloud shows the tag of what was uploaded in parts.
        return result[self.cloud.tag] or _require_tag(
            self._ask("read", key, lambda: self._read_meta(key))[self.cloud.tag]
        )

    def _read_meta(self, key: str) -> ObjectMeta:
        try:
            return obstore.head(self.backend, key)
        except (FileNotFoundError, PermissionDeniedError, UnauthenticatedError):
            # An answer to HEAD does not say why, nor whether the whole container is missing; one to GET does.
            return obstore.get(self.backend, key).meta

    def _ask(self, operation: Operation, key: str, request: Callable[[], T]) -> T:
        try:
            return request()
        except (BaseError, FileNotFoundError) as error:
            problem = _explain_error(error, operation, f"{self.uri}/{key}".rstrip("/"), self.cloud)
        # Outside the handler, so that obstore's own text, which may quote addresses and headers, goes no further.
        raise problem


def build_client_config(endpoint: str | None) -> ClientConfig:
    """Return how to talk to ``endpoint``: encrypted, unless its own address says http; slow is fine, silent is not."""
    plain = (endpoint or "").startswith("http://")
    return {"allow_http": plain, "timeout": timedelta(hours=1), "read_timeout": timedelta(minutes=2)}


def build_retry_config(patience: timedelta) -> RetryConfig:
    """Return how long obstore keeps trying; how often and how fast is its own choice."""
    return {"retry_timeout": patience}


def _require_tag(tag: str | None) -> str:
    if tag is None:
        msg = "The store answered without a tag of the object, so it is none of those that are supported."
        raise StoreError(msg)
    return tag


def _explain_error(error: Exception, operation: Operation, place: str, cloud: Cloud) -> StoreError:
    text = f"{operation} {type(error).__name__}: {error}"
    rule, found = next((rule, found) for rule in _RULES if (found := re.search(rule.pattern, text)))
    words = found.groupdict() | {"cloud": cloud, "permission": cloud.permissions[operation]}
    return rule.kind(f"Cannot {operation} {place}: {rule.reason.format_map(words)}.")
