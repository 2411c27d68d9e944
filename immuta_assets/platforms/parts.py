"""Parts of an hour: conditions that divide its rows by query id, so that memory holds one part at a time.

Only the dividing belongs here; what is done with a part belongs to whoever reads or makes rows.
"""

from __future__ import annotations

from itertools import pairwise

import polars as pl


def divide_rows(query_ids: pl.LazyFrame, size: int) -> list[pl.Expr]:
    """Return conditions on ``query_id`` that divide statements into parts of ``size``, in order.

    ``query_ids`` has the column ``query_id``, sorted, each id once.
    """
    firsts = query_ids.select("query_id").gather_every(size).collect()["query_id"]
    query_id = pl.col("query_id")
    inner = [(query_id >= first) & (query_id < following) for first, following in pairwise(firsts)]
    return [*inner, query_id >= firsts[-1]] if len(firsts) else [pl.lit(value=True)]
