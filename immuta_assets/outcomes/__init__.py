"""Outcomes: who has access to which data source, and why, for a whole tenant at once (docs/outcomes.md).

The way through: ``evaluation`` (policies over a tenant) → ``profiles`` (the compact form as frames) → ``compact`` (its
rows). Add here what combines policies. What a single policy says, and whom it lets in, belongs to ``policies``.
"""
