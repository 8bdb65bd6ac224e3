"""The chart on a cluster, as one release."""

from dataclasses import dataclass
from http.client import HTTPException

from testbed import http
from testbed.cluster import CHART, Cluster
from testbed.polling import eventually

WAIT = ("--wait", "--timeout", "4m")


@dataclass(frozen=True)
class Release:
    """The chart, installed."""

    cluster: Cluster
    name: str
    url: str

    def upgrade(self, *arguments: str) -> None:
        """Helm's upgrade with the kind values and ``arguments``."""
        values = str(CHART / "values-kind.yaml")
        self.cluster.helm("upgrade", "--install", self.name, str(CHART), "--values", values, *WAIT, *arguments)

    def total_clicks(self, ad_id: str) -> int:
        """What analytics answers for an ad over all time."""
        path = f"/ads/{ad_id}/analytics?start=2020-01-01T00:00:00Z&end=2040-01-01T00:00:00Z"
        try:
            answer = http.get(self.url, path)
        except (OSError, HTTPException) as error:
            # A Service without a ready pod refuses: for a moment, and then a reader asks again.
            raise AssertionError(f"no answer: {error}") from error
        assert answer.status == 200, answer.body
        return int(answer.json["data"]["totalclicks"])

    def audit(self) -> str:
        """The audit, with a recount of the raw clicks; raises where anything does not add up."""
        deployment = f"deployment/{self.name}-consumer"
        return self.cluster.kubectl("exec", deployment, "--", "adclicks", "audit", "--recount")

    def assert_counted(self, ad_id: str, clicks: int) -> None:
        """Every click of the ad is counted, once."""

        def counted() -> None:
            found = self.total_clicks(ad_id)
            assert found == clicks, f"{found} of {clicks} are counted"

        eventually(counted, timeout_seconds=120.0)
        self.audit()
