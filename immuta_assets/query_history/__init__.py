"""What ran on the data platforms: hours of query history read, told apart by person, and turned into audit events.

The way through: ``connections`` (which platforms, with which credentials) → a reader per kind (``snowflake``,
``unity_catalog``) that gives the two frames of ``history`` → ``identities`` (platform user name → Immuta user) →
``events`` (the Universal Audit Model of the page "Audit"). Nothing here knows how often or by whom it is run.
"""
