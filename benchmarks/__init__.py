"""How fast and how large: one script per question, run by ``make bench`` or as ``python -m benchmarks.<name>``.

``outcomes`` compares the evaluation of policies with its peers and with the write limit, ``export`` times the command
line from dump to published files, ``growth`` fits exponents, ``dense`` takes a tenant with many policies per data
source, ``query_events`` turns platform rows into audit events. Each prints a table and writes ``results/<name>.json``.
Whether outcomes are *right* is the tests' business; here only peers are checked to agree, so that equal work is
compared. What was measured stands in docs/performance.md.
"""
