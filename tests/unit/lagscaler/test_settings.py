from __future__ import annotations

import pytest

from lagscaler.policy.settings import PolicySettings, SettingsError


def test_all_bad_settings_are_told_at_once_by_name() -> None:
    """One edit can mend them all."""
    with pytest.raises(SettingsError) as raised:
        PolicySettings(
            min_replicas=5,
            max_replicas=2,
            rate_per_consumer=0,
            drain_seconds=-1,
            utilization=1.5,
            startup_seconds=-1,
            members_per_replica=0,
            tolerance=2,
            hold_seconds=-1,
        )
    assert [problem.field for problem in raised.value.problems] == [
        "max_replicas",
        "rate_per_consumer",
        "drain_seconds",
        "utilization",
        "startup_seconds",
        "members_per_replica",
        "tolerance",
        "hold_seconds",
    ]
    assert "load test" in str(raised.value)
