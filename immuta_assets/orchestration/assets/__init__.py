"""The assets, a module per group, in the data's order: ``tenant`` → ``access_summary`` → ``published``.

An asset reads, calls one domain function, has the result checked and hands it to the storage. Whatever can be said
without Dagster belongs to the domain packages.
"""

OWNERS = ["team:data-governance"]
