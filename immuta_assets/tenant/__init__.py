"""Governance metadata of one Immuta tenant: what it looks like, how a dump of it is read, and a generated demo tenant.

Add here what describes the tenant itself. What follows from it (who may read what) belongs to ``policies``; how it is
exported belongs to ``access_summary``.
"""
