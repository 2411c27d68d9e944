"""The audit: who read what on the data platforms, and who they are to the tenant.

The way through: ``queries`` (statements become events, hour by hour), ``identities`` (who is behind a platform user),
``events`` (what every event has in common). How a platform is read belongs to ``platforms``.
"""
