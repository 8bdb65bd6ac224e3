"""Install, use, upgrade and roll back, as a user does."""

import shlex

import pytest

from testbed import traffic
from testbed.cluster import run
from testbed.release import Release

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
ENDLESS = {"port-forward", "--watch"}


def test_the_commands_of_the_notes_work_as_they_stand(release: Release) -> None:
    """What an installation says to do next, `helm test` among it, which sends a click and reads it back."""
    notes = release.cluster.helm("get", "notes", release.name).splitlines()
    commands = [shlex.split(line) for line in notes if line.startswith(("  kubectl ", "  helm "))]
    said = {command[0]: run(*command) for command in commands if not ENDLESS.intersection(command)}
    assert set(said) == {"kubectl", "helm"}
    assert "Succeeded" in said["helm"]


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
