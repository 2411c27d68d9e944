"""Hypothesis profiles, and the fixtures that tests of several packages share; HYPOTHESIS_PROFILE=thorough runs more."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["fakes.stores", "fakes.webhook"]

# A whole tenant is one example, so drawing and evaluating one is slow by nature.
settings.register_profile("ci", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("ci"), max_examples=1_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
