"""The demo's policies, put together: those of the company, those of its units, and the one of the Request app.

Ids, authors and dates are given here; what the policies say is in ``company_policies`` and ``unit_policies``.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from immuta_assets.demo.tenant import company_policies, unit_policies
from immuta_assets.demo.tenant.catalog import Object
from immuta_assets.demo.tenant.draw import draw_moment, format_moment
from immuta_assets.demo.tenant.people import Person
from immuta_assets.demo.tenant.policy_forms import PolicyDraft, Setting, admit_by_expression, match_tag

FIRST_ID = 101
"""First policy id; the ones below belong to the planted stories."""
MARKETPLACE_ID = 100
"""The policy through which approved requests of the Request app become access."""
MARKETPLACE_TAG = "Immuta Marketplace Data Product"


def write_policies(
    rng: random.Random, count: int, setting: Setting, authors: Sequence[Person]
) -> tuple[list[Object], list[int]]:
    """Write ``GET /policy/global`` items, and return the ids of those that data owners apply by hand."""
    drafts = [*company_policies.list_drafts(setting)]
    drafts += unit_policies.draw_drafts(rng, max(0, count - len(drafts) - 1), setting)
    written = [write_marketplace_policy(setting.at), *_write_drafts(rng, drafts, authors, setting.at)]
    return written, [FIRST_ID + index for index, draft in enumerate(drafts) if draft.where is None]


def _write_drafts(
    rng: random.Random, drafts: Sequence[PolicyDraft], authors: Sequence[Person], at: datetime
) -> Iterator[Object]:
    names: Counter[str] = Counter()
    for policy_id, draft in enumerate(drafts, FIRST_ID):
        names[draft.name] += 1
        again = f" ({names[draft.name]})" if names[draft.name] > 1 else ""
        author, moment = rng.choice(authors), draw_moment(rng, at, 5, 4 * 365)
        yield draft._replace(name=draft.name + again).write(
            policy_id,
            policyKey=f"policy {policy_id}",
            createdBy=author.profile_id,
            createdByName=author.name,
            createdAt=format_moment(moment),
            updatedAt=format_moment(moment),
        )


def write_marketplace_policy(at: datetime) -> Object:
    """Return the policy that the product itself makes for the Request app."""
    action = admit_by_expression("@hasTagAsAttribute('Immuta Marketplace', 'dataSource')", shareResponsibility=True)
    draft = PolicyDraft("Immuta Marketplace Data Product", action, [match_tag(MARKETPLACE_TAG)])
    return draft.write(MARKETPLACE_ID, systemGenerated=True, createdAt=format_moment(at - timedelta(days=900)))
