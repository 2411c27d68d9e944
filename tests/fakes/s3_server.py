"""S3, IAM and STS on loopback: moto over HTTP, which can also be made to enforce the policies it is given.

``as_google_cloud_storage`` puts a translation of headers before it, since both speak the same XML. Extend it when a
test needs another part of AWS.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import signal
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

from fakes.proxy import Headers, Proxy
from moto.server import ThreadedMotoServer

REGION = "us-east-1"
ACCOUNT = "123456789012"
ANYBODY = f"AWS4-HMAC-SHA256 Credential=anybody/20260101/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0"
"""A signature that moto takes while it does not enforce any."""


@dataclass(frozen=True)
class S3Server:
    url: str

    def client(self, service: str) -> Any:
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="administrator",
            aws_secret_access_key="administrator",  # noqa: S106
        )

    def bucket(self) -> str:
        name = f"bucket-{uuid4().hex[:12]}"
        self.client("s3").create_bucket(Bucket=name)
        return name

    def user(self, policy: Mapping[str, object] | None = None) -> tuple[str, dict[str, str]]:
        """Make a user; return the name and the variables that hold the access key."""
        iam, name = self.client("iam"), f"user-{uuid4().hex[:12]}"
        iam.create_user(UserName=name)
        if policy:
            self.allow(name, policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return name, {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def allow(self, user: str, policy: Mapping[str, object]) -> None:
        self.client("iam").put_user_policy(UserName=user, PolicyName="policy", PolicyDocument=json.dumps(policy))

    def role(self, trust: Mapping[str, object], policy: Mapping[str, object]) -> str:
        """Make a role and return its ARN."""
        iam, name = self.client("iam"), f"role-{uuid4().hex[:12]}"
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=json.dumps(policy))
        return str(made["Role"]["Arn"])

    @contextmanager
    def enforcing(self) -> Iterator[None]:
        """Have every request authenticated and authorized meanwhile."""
        self._unchecked_requests("0")
        try:
            yield
        finally:
            self._unchecked_requests("inf")

    def _unchecked_requests(self, count: str) -> None:
        headers = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{self.url}/moto-api/reset-auth", count.encode(), headers, method="POST")  # noqa: S310
        urllib.request.urlopen(request).close()  # noqa: S310


@contextmanager
def serving() -> Iterator[S3Server]:
    """Serve on a free port of loopback, in a process of its own.

    delta-rs keeps other threads of a process from running while it waits for an answer.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=[sender], daemon=True)
    process.start()
    try:
        yield S3Server(receiver.recv())
    finally:
        process.terminate()
        process.join()


def _serve(sender: Connection) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    sender.send(f"http://{host}:{port}")
    signal.pause()


def as_google_cloud_storage(server: S3Server) -> Proxy:
    """Return what makes the server look like GCS: its names for copying, for generations and for conditions."""
    return Proxy(server.url, translate_path=_plain, translate_request=_to_s3, translate_answer=_from_s3)


def _plain(path: str) -> str:
    # GCS takes a path with every sign encoded, even dashes and slashes.
    path, mark, query = path.partition("?")
    return f"{quote(unquote(path))}{mark}{query}"


def _to_s3(headers: Headers) -> Headers:
    headers = headers | {"authorization": ANYBODY}
    if source := headers.pop("x-goog-copy-source", None):
        headers["x-amz-copy-source"] = source
    match headers.pop("x-goog-if-generation-match", None):
        case None:
            pass
        case "0":
            headers["if-none-match"] = "*"
        case generation:
            headers["if-match"] = f'"{generation}"'
    return headers


def _from_s3(headers: Headers) -> Headers:
    etag = headers.get("etag")
    return headers | ({"x-goog-generation": etag.strip('"')} if etag else {})
