"""What an event says of the objects a statement accessed: the data source behind a name, its columns, their tags.

A name belongs to a data source by database, schema and table, compared as the platform compares identifiers. Few
objects and sets of columns repeat over many statements, so each different one is described once and events refer to it
by number. Add to it when an event should say more of an object. Who ran the statement and how it ended belong to
``events``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import dataframely as dy
import polars as pl

from immuta_assets.platforms.history import Accesses
from immuta_assets.platforms.platform import Platform

TAG = dy.Struct(
    {
        "type": dy.String(),
        "id": dy.String(nullable=True),
        "name": dy.String(),
        "source": dy.String(),
        "context": dy.String(),
        "deleted": dy.Bool(),
        "transient": dy.Bool(),
    }
)
_SENSITIVITY: dict[str, dy.Column] = {"sensitivity": dy.Struct({"score": dy.String()})}
SECURITY_PROFILE = dy.Struct(_SENSITIVITY)
COLUMN = dy.Struct(
    {
        "name": dy.String(),
        "tags": dy.List(TAG),
        "securityProfile": SECURITY_PROFILE,
        "inferred": dy.Bool(nullable=True),
    }
)
OBJECT = dy.Struct(
    {
        "name": dy.String(),
        "datasourceId": dy.String(nullable=True),
        "databaseName": dy.String(nullable=True),
        "schemaName": dy.String(nullable=True),
        "type": dy.String(),
        "columns": dy.List(COLUMN),
        "tags": dy.List(TAG, nullable=True),
        "securityProfile": dy.Struct(_SENSITIVITY, nullable=True),
    }
)
TARGET = dy.Struct(
    {"type": dy.String(), "id": dy.String(nullable=True), "name": dy.String(), "technology": dy.String()}
)

_NO_OBJECT = pl.DataFrame(
    {"object_index": [None], "targets": [[]], "objectsAccessed": [[]]},
    {
        "object_index": pl.get_index_type(),
        "targets": dy.List(TARGET).dtype,
        "objectsAccessed": dy.List(OBJECT).dtype,
    },
)
_TAGS = dy.List(TAG).dtype
_COLUMNS = dy.List(COLUMN).dtype
_OBJECT_KEY = [name for name in Accesses.column_names() if name != "query_id"]
_NAME_KEY = ["database_key", "schema_key", "table_key"]


def number_objects(accesses: pl.LazyFrame) -> pl.LazyFrame:
    """Number the different objects: columns of ``Accesses``, ``query_id`` as list, and ``object_index``.

    The numbers follow the order of the rows, so that every evaluation gives the same.
    """
    return accesses.group_by(_OBJECT_KEY, maintain_order=True).agg("query_id").with_row_index("object_index")


class ObjectCatalog(NamedTuple):
    """What the tenant knows of the objects of a platform; the same for all hours.

    ``sources`` has a row per name: the ``_NAME_KEY``, data_source_id, data_source_name, source_tags. ``column_tags``
    has the tags per data_source_id and column_key.
    """

    platform: Platform
    sources: pl.LazyFrame
    column_tags: pl.LazyFrame


def build_catalog(
    data_sources: pl.LazyFrame, columns: pl.LazyFrame, tags: pl.LazyFrame, platform: Platform, hosts: Iterable[str]
) -> ObjectCatalog:
    """Look up, once, the data sources of ``platform`` on one of ``hosts``, or on a host the tenant does not know.

    The frames are collections of the tenant.
    """
    here = pl.col("hostname").str.to_lowercase().is_in([host.lower() for host in hosts])
    own = data_sources.filter(pl.col("technology").str.to_uppercase() == platform.name, here.fill_null(value=True))
    source_tags = _list_tags(own, ["data_source_id"], tags).rename({"tags": "source_tags"})
    sources = _index_sources(own, platform).join(source_tags, on="data_source_id", how="left").collect().lazy()
    return ObjectCatalog(platform, sources, _list_column_tags(columns, sources, tags, platform).collect().lazy())


def describe_objects(objects: pl.LazyFrame, catalog: ObjectCatalog) -> pl.LazyFrame:
    """Describe numbered objects: ``object_index`` and the two lists ``targets`` and ``objectsAccessed``.

    Keys that the platform's events do not have are null, as are ids of objects that are not registered. One row more,
    without an index, describes no object: both lists are empty.
    """
    platform = catalog.platform
    found = objects.with_columns(_fold_names(["database", "schema", "name"], platform)).join(
        catalog.sources, on=_NAME_KEY, how="left"
    )
    described = found.join(_list_columns(found, catalog), on="object_index", how="left").select(
        "object_index", targets=_make_targets(platform), objectsAccessed=_make_objects(platform)
    )
    return pl.concat([described, _NO_OBJECT.lazy()], rechunk=True)


def make_security_profile() -> pl.Expr:
    """The classification of anything: not known, since a tenant dump holds none."""
    return pl.struct(sensitivity=pl.struct(score=pl.lit("INDETERMINATE")))


def _index_sources(data_sources: pl.LazyFrame, platform: Platform) -> pl.LazyFrame:
    """Return the data source per name; of several an enabled one, then the oldest id."""
    return (
        data_sources.select(
            "data_source_id",
            "deleted",
            *_fold_names(["database", "schema", "table"], platform),
            data_source_name="name",
        )
        .sort("deleted", "data_source_id")
        .unique(_NAME_KEY, keep="first", maintain_order=True)
        .drop("deleted")
    )


def _fold_names(columns: list[str], platform: Platform) -> list[pl.Expr]:
    return [platform.fold_name(pl.col(column)).alias(key) for column, key in zip(columns, _NAME_KEY, strict=True)]


def _list_tags(rows: pl.LazyFrame, keys: list[str], tags: pl.LazyFrame) -> pl.LazyFrame:
    """Return ``tags`` as events hold them per ``keys``, for rows that have any; defaults as in ``tag-metadata``."""
    tag = pl.col("tags").struct
    applied = rows.explode("tags").drop_nulls("tags").with_columns(tag_name=tag.field("name"))
    known = tags.select("tag_id", "deleted", tag_name="name")
    event_tag = pl.struct(
        type=pl.lit("TAG"),
        id="tag_id",
        name="tag_name",
        source=tag.field("source").fill_null("curated"),
        context=tag.field("context").fill_null("manual"),
        deleted=pl.col("deleted").fill_null(value=False),
        transient=pl.lit(value=False),
    )
    joined = applied.select(*keys, "tag_name", "tags").join(known, on="tag_name", how="left", maintain_order="left")
    return joined.select(*keys, tags=event_tag).group_by(keys, maintain_order=True).agg("tags")


def _list_column_tags(
    columns: pl.LazyFrame, sources: pl.LazyFrame, tags: pl.LazyFrame, platform: Platform
) -> pl.LazyFrame:
    """Return ``tags`` per ``data_source_id`` and ``column_key``; names that the platform takes for one are one."""
    key = ["data_source_id", "column_key"]
    own = columns.join(sources, on="data_source_id", how="semi", maintain_order="left")
    known = own.with_columns(platform.fold_name(pl.col("name")).alias("column_key")).unique(
        key, keep="first", maintain_order=True
    )
    return _list_tags(known, key, tags)


def _list_columns(found: pl.LazyFrame, catalog: ObjectCatalog) -> pl.LazyFrame:
    """Return ``object_index`` and ``columns``, for the objects whose columns are known."""
    accessed = found.select("object_index", "data_source_id", "inferred", name="accessed_columns")
    described = pl.struct(
        name="name",
        tags=pl.col("tags").fill_null(pl.lit([], _TAGS)),
        securityProfile=make_security_profile(),
        inferred=_tell_inference(catalog.platform),
    )
    return (
        accessed.explode("name")
        .drop_nulls("name")
        .with_columns(catalog.platform.fold_name(pl.col("name")).alias("column_key"))
        .join(catalog.column_tags, on=["data_source_id", "column_key"], how="left", maintain_order="left")
        .select("object_index", columns=described)
        .group_by("object_index", maintain_order=True)
        .agg("columns")
    )


def _tell_inference(platform: Platform) -> pl.Expr:
    inferred = pl.col("inferred")
    return inferred if platform.denies_inference else pl.when(inferred).then(inferred)


def _make_targets(platform: Platform) -> pl.Expr:
    target = pl.struct(
        type=pl.lit("DATASOURCE"),
        id=pl.col("data_source_id").cast(pl.String),
        name=pl.coalesce("data_source_name", "object_name"),
        technology=pl.lit(platform.name),
    )
    return pl.concat_list(target)


def _make_objects(platform: Platform) -> pl.Expr:
    of_object = platform.tags_objects
    accessed = pl.struct(
        name="object_name",
        datasourceId=pl.col("data_source_id").cast(pl.String),
        databaseName="database",
        schemaName="schema",
        type="object_type",
        columns=pl.col("columns").fill_null(pl.lit([], _COLUMNS)),
        tags=pl.col("source_tags").fill_null(pl.lit([], _TAGS)) if of_object else pl.lit(None, _TAGS),
        securityProfile=make_security_profile() if of_object else pl.lit(None, SECURITY_PROFILE.dtype),
    )
    return pl.concat_list(accessed)
