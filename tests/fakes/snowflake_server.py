"""A Snowflake account that answers the genuine driver over a loopback socket: fakesnow, with an account's manners.

Added here is what fakesnow leaves out and readers stumble over: results in several downloads, each with the narrowest
integers for its own values; sessions that expire and are renewed; who the user of a session is; missing grants; any
failure of a statement, in order; rows that arrive between two statements.
The ``ACCOUNT_USAGE`` views are tables with Snowflake's column names. What a test puts into them belongs to the test.
"""

from __future__ import annotations

import base64
import gzip
import importlib
import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

# ``import fakesnow.server`` would give the function of that name.
fakesnow_server: Any = importlib.import_module("fakesnow.server")

VIEWS: Mapping[str, str] = {
    "query_history": """query_id varchar, query_text varchar, database_id number, database_name varchar,
        schema_id number, schema_name varchar, query_type varchar, session_id number, authn_event_id number,
        user_name varchar,
        role_name varchar, warehouse_id number, warehouse_name varchar, warehouse_size varchar, cluster_number number,
        query_tag varchar, execution_status varchar, error_code varchar, error_message varchar,
        start_time timestamp_ltz(6), end_time timestamp_ltz(6), total_elapsed_time number, bytes_scanned number,
        rows_produced number, rows_inserted number, rows_updated number, rows_deleted number, rows_unloaded number,
        rows_written_to_result number, user_type varchar""",
    "access_history": """query_id varchar, query_start_time timestamp_ltz(3), user_name varchar,
        direct_objects_accessed array, base_objects_accessed array, objects_modified array, parent_query_id varchar,
        root_query_id varchar""",
    "sessions": """session_id number, created_on timestamp_ltz(6), user_name varchar, login_event_id number,
        client_application_id varchar""",
    "login_history": """event_id number, event_timestamp timestamp_ltz(6), event_type varchar, user_name varchar,
        client_ip varchar, reported_client_type varchar, reported_client_version varchar, is_success varchar""",
    "users": """user_id number, name varchar, created_on timestamp_ltz(6), deleted_on timestamp_ltz(6),
        login_name varchar, email varchar, type varchar""",
}
SESSION_EXPIRED = {"code": "390112", "sqlState": "08001", "message": "Your session has expired. Please login again."}


def sql_error(code: int, message: str, state: str = "42000") -> dict[str, str]:
    """Return the reply to a statement that Snowflake refuses."""
    return {"code": f"{code:06d}", "sqlState": state, "message": message}


class SnowflakeServer:
    """The account: its tables, the failures to come, and what it was asked."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._duckdb = fakesnow_server.shared_fs.connect("SNOWFLAKE", "ACCOUNT_USAGE").cursor()
        self.reset()

    def reset(self) -> None:
        """Make the account as new: empty views, no failures to come, nothing asked."""
        self.rows_per_download = 10_000
        self.shorten_downloads = False
        self.spoil_downloads = False
        self.statements: list[dict[str, Any]] = []
        self.logins: list[dict[str, Any]] = []
        self.renewals = 0
        self._failures: list[tuple[str, int | Mapping[str, str]]] = []
        self._arrivals: list[tuple[str, Callable[[], None]]] = []
        self._withheld: dict[str, dict[str, str]] = {}
        self._users: dict[str, str] = {}
        self._downloads: dict[str, bytes] = {}
        for view in VIEWS:
            self.create(view)

    @staticmethod
    def columns(view: str) -> set[str]:
        """Return the names of a view's columns, in lower case."""
        return {column.split()[0] for column in VIEWS[view].split(",")}

    def create(self, view: str, *, without: Iterable[str] = ()) -> None:
        """Make an empty view, without some columns if the account is to be an older one."""
        columns = [column for column in VIEWS[view].split(",") if column.split()[0] not in set(without)]
        self._duckdb.execute(f"create or replace table {view} ({','.join(columns)})")

    def insert(self, view: str, rows: pa.Table) -> None:
        """Add rows, as text or of the right type, to a view; columns that they lack are null."""
        connection = fakesnow_server.shared_fs.duck_conn.cursor()
        connection.register("rows_to_insert", rows)
        connection.execute(f"insert into snowflake.account_usage.{view} by name select * from rows_to_insert")  # noqa: S608  # a name of VIEWS

    def fail(self, fragment: str, reply: int | Mapping[str, str], *, times: int = 1) -> None:
        """Answer the next statements with a fragment, or logins of that user, with an HTTP status or an error."""
        self._failures += [(fragment, reply)] * times

    def withhold(self, view: str, code: int) -> None:
        """Refuse every statement that names a view, in the words of an account without the grant for it."""
        path = f"SNOWFLAKE.ACCOUNT_USAGE.{view.upper()}"
        self._withheld[path] = sql_error(
            code, f"SQL compilation error:\nObject '{path}' does not exist or not authorized."
        )

    def afterwards(self, fragment: str, happens: Callable[[], None]) -> None:
        """Let something happen once, as soon as the next statement with a fragment has its result."""
        self._arrivals.append((fragment, happens))

    async def login(self, request: Request) -> Response:
        login = (await _json(request))["data"]
        self.logins.append(login)
        if refusal := self._failure(login["LOGIN_NAME"]):
            return refusal
        reply = json.loads((await fakesnow_server.login_request(request)).body)
        self._users[reply["data"]["token"]] = login["LOGIN_NAME"].upper()
        reply["data"] |= {"masterToken": "master", "validityInSeconds": 3600, "masterValidityInSeconds": 14_400}
        return JSONResponse(reply)

    async def renew(self, request: Request) -> Response:
        self.renewals += 1
        token = secrets.token_urlsafe(32)
        for of_session in (fakesnow_server.sessions, self._users):
            of_session[token] = of_session[(await _json(request))["oldSessionToken"]]
        lifetimes = {"validityInSecondsST": 3600, "validityInSecondsMT": 14_400}
        return JSONResponse({"data": {"sessionToken": token, "masterToken": "master", **lifetimes}, "success": True})

    async def query(self, request: Request) -> Response:
        statement = await _json(request)
        self.statements.append(statement)
        if refusal := self._failure(statement["sqlText"]) or self._missing_grant(statement["sqlText"]):
            return refusal
        user = self._users[fakesnow_server.to_token(request)]
        said = statement | {"sqlText": statement["sqlText"].replace("current_user()", f"'{user}'")}
        reply = json.loads((await fakesnow_server.query_request(_saying(request, said))).body)
        self._arrive(statement["sqlText"])
        return JSONResponse(self._in_parts(reply, str(request.base_url)))

    async def download(self, request: Request) -> Response:
        content = self._downloads[request.path_params["key"]]
        return Response(content[: len(content) // 2] if self.spoil_downloads else content)

    def _failure(self, asked: str) -> Response | None:
        for failure in self._failures:
            if failure[0] in asked:
                self._failures.remove(failure)
                return _failed(failure[1])
        return None

    def _missing_grant(self, asked: str) -> Response | None:
        return next((_failed(reply) for path, reply in self._withheld.items() if path in asked.upper()), None)

    def _arrive(self, asked: str) -> None:
        due = [arrival for arrival in self._arrivals if arrival[0] in asked]
        for arrival in due:
            self._arrivals.remove(arrival)
            arrival[1]()

    def _in_parts(self, reply: dict[str, Any], address: str) -> dict[str, Any]:
        data = reply.get("data") or {}
        if not data.get("rowsetBase64") or data["total"] <= self.rows_per_download:
            return reply
        whole = pa.ipc.open_stream(base64.b64decode(data["rowsetBase64"])).read_all()
        starts = range(0, whole.num_rows, self.rows_per_download)
        first, *others = (_narrow(whole.slice(start, self.rows_per_download)) for start in starts)
        chunks = [self._offer(part, address) for part in others]
        data |= {"rowsetBase64": base64.b64encode(_ipc(first)).decode(), "returned": data["total"]}
        data |= {"chunks": chunks, "chunkHeaders": {}, "qrmk": None}
        return reply

    def _offer(self, part: pa.Table, address: str) -> dict[str, Any]:
        key, content = secrets.token_hex(8), _ipc(part[1:] if self.shorten_downloads else part)
        self._downloads[key] = content
        sizes = {"uncompressedSize": len(content), "compressedSize": len(content)}
        return {"url": f"{address}downloads/{key}", "rowCount": part.num_rows, **sizes}


@contextmanager
def serving() -> Iterator[SnowflakeServer]:
    """Start an account with empty views on a free port, and stop it afterwards."""
    listener = socket.create_server(("127.0.0.1", 0))
    account = SnowflakeServer(listener.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(_application(account), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield account
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _application(account: SnowflakeServer) -> Starlette:
    return Starlette(
        routes=[
            Route("/session/v1/login-request", account.login, methods=["POST"]),
            Route("/session/token-request", account.renew, methods=["POST"]),
            Route("/queries/v1/query-request", account.query, methods=["POST"]),
            Route("/downloads/{key}", account.download),
            Route("/telemetry/send", _ignored, methods=["POST"]),
            Mount("/", fakesnow_server.app),
        ]
    )


async def _ignored(_: Request) -> Response:
    return JSONResponse({"success": True})


async def _json(request: Request) -> dict[str, Any]:
    body = await request.body()
    content: dict[str, Any] = json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
    return content


def _saying(request: Request, content: dict[str, Any]) -> Request:
    """Return a request as it came, with other content."""
    body = json.dumps(content).encode()
    compressed = request.headers.get("Content-Encoding") == "gzip"

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": gzip.compress(body) if compressed else body}

    return Request(request.scope, receive)


def _failed(reply: int | Mapping[str, str]) -> Response:
    if isinstance(reply, int):
        return JSONResponse({}, status_code=reply)
    data = {"errorCode": reply["code"], "sqlState": reply["sqlState"]}
    return JSONResponse({"data": data, "code": reply["code"], "message": reply["message"], "success": False})


def _narrow(part: pa.Table) -> pa.Table:
    """Give every integer column the narrowest type that holds its values, as Snowflake does for each download."""
    for position, field in enumerate(part.schema):
        if pa.types.is_int64(field.type) and (field.metadata or {}).get(b"logicalType") == b"FIXED":
            narrowest = _narrowest(part.column(position))
            part = part.set_column(position, field.with_type(narrowest), part.column(position).cast(narrowest))
    return part


def _narrowest(column: pa.ChunkedArray) -> pa.DataType:
    lowest, highest = (value or 0 for value in pc.min_max(column).as_py().values())
    widths = ((pa.int8(), 7), (pa.int16(), 15), (pa.int32(), 31), (pa.int64(), 63))
    return next(narrow for narrow, bits in widths if -(2**bits) <= lowest and highest < 2**bits)


def _ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    content: bytes = sink.getvalue().to_pybytes()
    return content
