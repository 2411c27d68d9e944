from __future__ import annotations

import pytest
from fakes.proxy import Headers, Proxy, passing_on
from fakes.s3_server import S3Server

from immuta_assets.object_store import Store, StoreError, StoreOptions, open_store, prove_conditional_put


def test_every_kind_of_store_has_conditional_writes_and_keeps_no_probe(store: Store) -> None:
    prove_conditional_put(store)
    assert store.list() == []


def without_condition(headers: Headers) -> Headers:
    return {name: value for name, value in headers.items() if name != "if-none-match"}


def test_a_store_that_ignores_conditions_is_refused_in_one_sentence(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, impatient: StoreOptions
) -> None:
    bucket = s3.bucket()
    with passing_on(Proxy(s3.url, translate_request=without_condition)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        store = open_store(f"s3://{bucket}/a", impatient)
        with pytest.raises(StoreError, match=rf"^s3://{bucket}/a has no conditional writes: .*; use a store that has"):
            prove_conditional_put(store)
        assert store.list() == []


@pytest.mark.usefixtures("s3")
def test_a_probe_that_cannot_be_written_says_why(impatient: StoreOptions) -> None:
    with pytest.raises(StoreError, match=r"^Cannot write s3://nowhere/.*: the bucket nowhere does not exist"):
        prove_conditional_put(open_store("s3://nowhere/a", impatient))
