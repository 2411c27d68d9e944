"""A stand-in for a Databricks SQL warehouse: the driver's own Thrift service over TLS, DuckDB behind it.

It answers on a free port of localhost with a certificate of its own making. SQL is read in Databricks' dialect and run
by DuckDB; the catalog ``system``, a word that DuckDB keeps for itself, is the attached database ``dbx_system``. Results
come in pages, inline or as links to fetch (CloudFetch). Extend it when a reader's test needs another behaviour.
"""

from __future__ import annotations

import base64
import importlib
import json
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import duckdb
import pyarrow as pa
import sqlglot
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlglot import exp

# Untyped, and heavy: the generated service and its transport.
service: Any = importlib.import_module("databricks.sql.thrift_api.TCLIService.TCLIService")
t: Any = importlib.import_module("databricks.sql.thrift_api.TCLIService.ttypes")
binary: Any = importlib.import_module("thrift.protocol.TBinaryProtocol")
transport: Any = importlib.import_module("thrift.transport.TTransport")

TOKEN = "dapi-of-the-test"  # noqa: S105
PRINCIPAL = "3f0c2b1a-0000-4000-8000-0123456789ab"
SECRET = "secret-of-the-test"  # noqa: S105
OK = t.TStatus(statusCode=t.TStatusCode.SUCCESS_STATUS)

SYSTEM_TABLES = """
SET TimeZone = 'UTC';
ATTACH ':memory:' AS dbx_system;
CREATE SCHEMA dbx_system.query;
CREATE SCHEMA dbx_system.access;
CREATE TABLE dbx_system.query.history (
    account_id text, workspace_id text, statement_id text, executed_by text, session_id text, execution_status text,
    compute struct("type" text, cluster_id text, warehouse_id text), executed_by_user_id text, statement_text text,
    statement_type text, error_message text, client_application text, client_driver text, total_duration_ms bigint,
    start_time timestamptz, end_time timestamptz, update_time timestamptz, produced_rows bigint,
    from_result_cache boolean, cache_origin_statement_id text, executed_as text,
    query_source struct(notebook_id text, dashboard_id text), query_tags map(text, text)
);
CREATE TABLE dbx_system.access.column_lineage (
    workspace_id text, entity_type text,
    source_table_catalog text, source_table_schema text, source_table_name text, source_path text, source_type text,
    source_column_name text,
    target_table_catalog text, target_table_schema text, target_table_name text, target_path text, target_type text,
    target_column_name text,
    event_time timestamptz, event_date date, statement_id text
);
CREATE TABLE dbx_system.access.table_lineage (
    source_table_catalog text, source_table_schema text, source_table_name text, event_date date, statement_id text,
    direct_access boolean
);
"""


@dataclass
class Operation:
    """A statement's result and how far it was fetched, or its error: SQLSTATE and message."""

    table: Any = None
    error: tuple[str, str] | None = None
    position: int = 0


@dataclass
class Warehouse:
    """The service's handler, with what a test may set: pages, links, errors to give, results to lose."""

    database: duckdb.DuckDBPyConnection
    page_rows: int = 10_000
    cloud_fetch: bool = False
    errors: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Part of a statement → SQLSTATE and message it fails with."""
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Part of a statement → what happens just before it is run."""
    loses_results: bool = False
    """Whether results are gone after their first page."""
    unavailable: int = 0
    """How many of the next requests are answered with 503."""
    url: str = ""
    statements: list[str] = field(default_factory=list)
    sessions: list[dict[str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    operations: dict[bytes, Operation] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def OpenSession(self, request: Any) -> Any:  # noqa: N802
        self.sessions.append(dict(request.configuration or {}))
        version = t.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V7
        handle = t.TSessionHandle(t.THandleIdentifier(uuid.uuid4().bytes, b"session"), version)
        return t.TOpenSessionResp(OK, version, handle, {}, request.initialNamespace, True)

    def CloseSession(self, _: Any) -> Any:  # noqa: N802
        return t.TCloseSessionResp(OK)

    def ExecuteStatement(self, request: Any) -> Any:  # noqa: N802
        self.statements.append(request.statement)
        operation, identifier = self._run(request), t.THandleIdentifier(uuid.uuid4().bytes, b"operation")
        self.operations[identifier.guid] = operation
        handle = t.TOperationHandle(identifier, t.TOperationType.EXECUTE_STATEMENT, operation.table is not None)
        status = self.GetOperationStatus(t.TGetOperationStatusReq(handle))
        if operation.table is None:
            return t.TExecuteStatementResp(OK, handle, t.TSparkDirectResults(status))
        page = self._page(operation, request.getDirectResults.maxRows)
        if self.loses_results:
            del self.operations[identifier.guid]
        direct = t.TSparkDirectResults(status, self._metadata(operation), page)
        return t.TExecuteStatementResp(OK, handle, direct)

    def GetOperationStatus(self, request: Any) -> Any:  # noqa: N802
        error = self._operation(request).error
        if error is None:
            return t.TGetOperationStatusResp(OK, t.TOperationState.FINISHED_STATE, hasResultSet=True)
        state, message = error
        return t.TGetOperationStatusResp(
            OK, t.TOperationState.ERROR_STATE, sqlState=state, errorMessage=message, displayMessage=message
        )

    def GetResultSetMetadata(self, request: Any) -> Any:  # noqa: N802
        return self._metadata(self._operation(request))

    def FetchResults(self, request: Any) -> Any:  # noqa: N802
        guid = request.operationHandle.operationId.guid
        if guid not in self.operations:
            gone = t.TStatus(t.TStatusCode.INVALID_HANDLE_STATUS, errorMessage="RESOURCE_DOES_NOT_EXIST")
            return t.TFetchResultsResp(gone, False)
        return self._page(self.operations[guid], request.maxRows)

    def CloseOperation(self, request: Any) -> Any:  # noqa: N802
        self.operations.pop(request.operationHandle.operationId.guid, None)
        return t.TCloseOperationResp(OK)

    def _operation(self, request: Any) -> Operation:
        return self.operations[request.operationHandle.operationId.guid]

    def _run(self, request: Any) -> Operation:
        for part, error in self.errors.items():
            if part in request.statement:
                return Operation(error=error)
        for part, happen in self.before.items():
            if part in request.statement:
                happen()
        parameters = {parameter.name: parameter.value.stringValue for parameter in request.parameters or ()}
        try:
            with self.lock:
                return Operation(_as_sent(self.database.sql(_translated(request.statement), params=parameters)))
        except duckdb.Error as error:
            return Operation(error=("42000", str(error)))

    def _metadata(self, operation: Operation) -> Any:
        table = operation.table
        rows = t.TSparkRowSetType.URL_BASED_SET if self.cloud_fetch else t.TSparkRowSetType.ARROW_BASED_SET
        schema = t.TTableSchema([_column(index, column) for index, column in enumerate(table.schema)])
        encoded = table.schema.serialize().to_pybytes()
        return t.TGetResultSetMetadataResp(OK, schema, rows, False, encoded, isStagingOperation=False)

    def _page(self, operation: Operation, most: int) -> Any:
        table = operation.table.slice(operation.position, min(most, self.page_rows)).combine_chunks()
        rows = t.TRowSet(startRowOffset=operation.position, rows=[])
        if self.cloud_fetch:
            rows.resultLinks = [self._link(table, operation.position)]
        else:
            rows.arrowBatches = [
                t.TSparkArrowBatch(batch.serialize().to_pybytes(), batch.num_rows) for batch in table.to_batches()
            ]
        operation.position += table.num_rows
        more = operation.position < operation.table.num_rows
        return t.TFetchResultsResp(OK, more, rows, self._metadata(operation))

    def _link(self, table: pa.Table, start: int) -> Any:
        sink, key = pa.BufferOutputStream(), uuid.uuid4().hex
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        self.files[key] = sink.getvalue().to_pybytes()
        expiry = int(time.time()) + 900
        return t.TSparkArrowResultLink(f"{self.url}/{key}", expiry, start, table.num_rows, len(self.files[key]))


def _translated(statement: str) -> str:
    tree = sqlglot.parse_one(statement, read="databricks")
    for table in tree.find_all(exp.Table):
        if table.catalog == "system":
            table.set("catalog", exp.to_identifier("dbx_system"))
    for user in list(tree.find_all(exp.CurrentUser)):
        user.replace(exp.Literal.string(PRINCIPAL))
    for collected in list(tree.find_all(exp.ArrayUniqueAgg)):
        collected.replace(exp.func("coalesce", collected.copy(), exp.array()))  # empty, not null, where all are null
    return tree.sql(dialect="duckdb")


def _as_sent(result: duckdb.DuckDBPyRelation) -> pa.Table:
    """A result as a warehouse sends it: timestamps in microseconds and the session's zone."""
    table = result.to_arrow_table()
    zoned = [
        column.with_type(pa.timestamp("us", "Etc/UTC")) if pa.types.is_timestamp(column.type) else column
        for column in table.schema
    ]
    return table.cast(pa.schema(zoned))


def _column(index: int, column: pa.Field) -> Any:
    kinds = {"int64": t.TTypeId.BIGINT_TYPE, "bool": t.TTypeId.BOOLEAN_TYPE}
    zoned = pa.types.is_timestamp(column.type)
    kind = t.TTypeId.TIMESTAMP_TYPE if zoned else kinds.get(str(column.type), t.TTypeId.STRING_TYPE)
    entry = t.TTypeEntry(primitiveEntry=t.TPrimitiveTypeEntry(kind))
    return t.TColumnDesc(column.name, t.TTypeDesc([entry]), index + 1)


def _handler(warehouse: Warehouse) -> type[BaseHTTPRequestHandler]:
    processor = service.Processor(warehouse)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def reply(self, code: int, body: bytes = b"") -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            body = warehouse.files.get(self.path.strip("/"))
            self.reply(404) if body is None else self.reply(200, body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/oidc/v1/token":
                self.issue_token(body)
            elif warehouse.unavailable:
                warehouse.unavailable -= 1
                self.reply(503, b"busy")
            elif self.headers["Authorization"] != f"Bearer {TOKEN}":
                self.reply(403)
            else:
                answer = transport.TMemoryBuffer()
                request = binary.TBinaryProtocol(transport.TMemoryBuffer(body))
                processor.process(request, binary.TBinaryProtocol(answer))
                self.reply(200, answer.getvalue())

        def issue_token(self, body: bytes) -> None:
            asked = parse_qs(body.decode())["grant_type"] == ["client_credentials"]
            login = base64.b64encode(f"{PRINCIPAL}:{SECRET}".encode()).decode()
            known = self.headers["Authorization"] == f"Basic {login}"
            self.reply(200, json.dumps({"access_token": TOKEN}).encode()) if asked and known else self.reply(401)

    return Handler


@contextmanager
def serve(folder: Path) -> Iterator[Warehouse]:
    """Run a warehouse with empty system tables; ``folder`` gets its certificate, ``certificate.pem``."""
    with duckdb.connect() as database:
        database.execute(SYSTEM_TABLES)
        warehouse = Warehouse(database)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(warehouse))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(folder))
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        warehouse.url = f"https://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield warehouse
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _certificate(folder: Path) -> Path:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=localhost")
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "certificate.pem"
    path.write_bytes(key.private_bytes(encoding, *plain) + certificate.public_bytes(encoding))
    return path
