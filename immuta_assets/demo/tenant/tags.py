"""The tags that exist in the demo, applied or not: every tag that something carries, and the tags above it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from immuta_assets.demo.tenant import words
from immuta_assets.demo.tenant.catalog import ACCESS_MODELS, ODD_TAGS, SENSITIVITIES, Object
from immuta_assets.demo.tenant.columns import BUSINESS, PERSONAL, QUIRKY
from immuta_assets.demo.tenant.policies import MARKETPLACE_TAG
from immuta_assets.demo.tenant.stories import list_planted_tags

_FURTHER = ("Residency.EU", "certified", "New", "Discovered.Entity.Person")
_UNUSED = ("Domain.Finance.Payments.Cards", "Legacy.Do Not Use")
_SOURCES = {"Domain": "collibra", "Residency": "collibra", "certified": "databricksUnityCatalog"}


def write_tags(rng: random.Random, products: Iterable[str]) -> Iterator[Object]:
    """Write ``GET /tag`` items; ``products`` are the tags of the data products. Tags below ``Legacy`` are deleted."""
    for name in sorted({part for tag in [*_list_names(), *products] for part in _list_path(tag)}):
        root, _, leaf = name.partition(".")
        yield {
            "id": f"{rng.getrandbits(31)}",
            "name": name,
            "source": "marketplace" if root == MARKETPLACE_TAG else _SOURCES.get(root, "curated"),
            "description": f"Everything about {leaf.replace('.', ', ')}."
            if leaf and root in {"Domain", "PII"}
            else None,
            "deleted": name.startswith("Legacy."),
        }


def _list_path(tag: str) -> Iterator[str]:
    """Yield the tag and every tag above it."""
    parts = tag.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _list_names() -> Iterator[str]:
    yield from words.list_domain_tags()
    yield from (f"Sensitivity.{sensitivity}" for sensitivity in SENSITIVITIES)
    yield from (f"Access Model.{model}" for model in ACCESS_MODELS)
    yield from (f"Layer.{layer}" for layer in words.TABLE_FORMS.values())
    yield from (name for column in (*PERSONAL, *BUSINESS, *QUIRKY) for name in column.tags)
    yield from (*ODD_TAGS, *_FURTHER, *_UNUSED, *list_planted_tags())
