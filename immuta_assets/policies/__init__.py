"""Subscription policies: what they say, where they apply, whom they let in, and why (docs/policy_semantics.md).

The way through: ``rules`` (policy objects) → ``targets`` (data sources a policy applies to) → ``conditions`` (users who
meet it there) → ``outcomes`` (how the policies on one data source combine). Add here what decides access. Tables that
only describe policies belong to ``access_summary``.
"""
