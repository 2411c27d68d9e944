"""Drawing at random, reproducibly: generators, identifiers, sizes and moments.

Every part of the demo draws from its own generator, so that a change in one part leaves the others as they are. Add
here what more than one part needs; words to draw from live in ``words``.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


def make_generator(seed: int, part: str) -> random.Random:
    """Return the generator of one part of the demo; the same for the same seed and part, on every machine."""
    return random.Random(f"{seed}/{part}")  # noqa: S311 - demo data, not secrets


def draw_identifier(rng: random.Random) -> str:
    """Draw a UUID (version 4) as text."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def chance(rng: random.Random, probability: float) -> bool:
    """Draw True with the given probability."""
    return rng.random() < probability


def draw_some(rng: random.Random, items: Sequence[T], at_least: int, at_most: int) -> list[T]:
    """Draw a number of different items, as many as there are at most, in random order."""
    return rng.sample(items, min(len(items), rng.randint(at_least, at_most)))


def zipf_sizes(total: int, parts: int, exponent: float) -> list[int]:
    """Split a total into parts of falling Zipf sizes, each at least one while the total lasts."""
    weights = [(rank + 1) ** -exponent for rank in range(parts)]
    bounds = [round(total * sum(weights[:rank]) / sum(weights)) for rank in range(parts + 1)]
    return [upper - lower for lower, upper in pairwise(bounds)]


def zipf_choices(rng: random.Random, items: Sequence[T], exponent: float) -> Iterator[T]:
    """Draw items forever, the first ones the most often."""
    weights = [(rank + 1) ** -exponent for rank in range(len(items))]
    while True:
        yield from rng.choices(items, weights, k=1_000)


def format_moment(moment: datetime) -> str:
    """Write a moment as the API does: ISO-8601 in UTC, milliseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def draw_moment(rng: random.Random, at: datetime, nearest: float, farthest: float) -> datetime:
    """Draw a moment between two numbers of days before ``at``."""
    return at - timedelta(seconds=rng.randint(int(nearest * 86_400), int(farthest * 86_400)))
