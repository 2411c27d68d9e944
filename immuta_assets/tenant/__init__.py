"""Governance metadata of one Immuta tenant: what it looks like, and how a dump of it is read and written.

Add here what describes the tenant itself. What follows from it (who may read what) belongs to ``policies``; how it is
exported belongs to ``access_summary``.
"""
