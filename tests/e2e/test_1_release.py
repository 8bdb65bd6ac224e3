"""Install, use, upgrade and roll back, as a user does."""

import pytest

from testbed import traffic
from testbed.release import Release

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def test_helm_test_sends_a_click_and_reads_it_back(release: Release) -> None:
    """`helm test` passes right after the installation."""
    assert "Succeeded" in release.cluster.helm("test", release.name)


def test_ten_thousand_clicks_are_counted_once_each(release: Release) -> None:
    """10,000 clicks through the NodePort: all accepted at the first try, all counted, none twice."""
    sent = traffic.send(release.url, 10_000)
    assert (sent.accepted, sent.failures) == (10_000, [])
    release.assert_counted(sent.ad_id, 10_000)


@pytest.mark.parametrize("helm_command", ["upgrade to a new image", "rollback"])
def test_a_rollout_under_load_fails_no_request(release: Release, helm_command: str) -> None:
    """300 clicks a second while every pod is replaced: no failed request, no lost click, none counted twice."""
    before = {pod["metadata"]["name"] for pod in release.cluster.pods("ingest")}
    with traffic.steady(release.url, rate=300) as sent:
        if helm_command == "rollback":
            release.cluster.helm("rollback", release.name, "--wait", "--timeout", "4m")
        else:
            release.upgrade("--set", "image.tag=next")
        after = {pod["metadata"]["name"] for pod in release.cluster.pods("ingest")}
    assert before.isdisjoint(after)
    assert sent.failures == []
    release.assert_counted(sent.ad_id, sent.accepted)
