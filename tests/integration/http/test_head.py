"""HEAD is answered as GET is, without the body."""

import pytest

from localstack.ports import HOST
from testbed.raw_http import RawAnswer, RawConnection, connect
from testbed.services import Service

OF_EACH = ("/healthz/live", "/healthz/ready", "/openapi.json", "/docs", "/nothing-here")
AD = "44bb7845-5133-4d7e-bfc4-30747fe38f1d"
RANGE = "start=2025-09-05T10:00:00Z&end=2025-09-06T10:05:00Z"
OF_ANALYTICS = (
    "/ads",
    "/ads?limit=0",
    "/ads/analytics",
    f"/ads/top?{RANGE}&limit=5",
    f"/ads/{AD}",
    f"/ads/{AD}/analytics?{RANGE}",
    f"/ads/{AD}/timeseries?{RANGE}&step=hour",
    "/campaigns",
    f"/campaigns/{AD}",
    "/audit",
)


def ask(connection: RawConnection, method: str, path: str) -> RawAnswer:
    """One request; of what differs from answer to answer by itself the answer is freed."""
    connection.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: same\r\n\r\n".encode())
    answer = connection.answer(to_head=method == "HEAD")
    answer.headers.pop("date")
    return answer


def assert_alike(connection: RawConnection, path: str) -> None:
    """Status and headers are GET's, the length among them; there is no body, or the next answer would not be one."""
    head, got = ask(connection, "HEAD", path), ask(connection, "GET", path)
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b""), path
    assert int(head.headers["content-length"]) == len(got.body)


@pytest.mark.parametrize("path", OF_EACH)
def test_head_is_as_get(server: Service, path: str) -> None:
    """On every server."""
    with connect(HOST, server.port) as connection:
        assert_alike(connection, path)


@pytest.mark.parametrize("path", OF_ANALYTICS)
def test_head_of_a_report_is_as_get(running: dict[str, Service], path: str) -> None:
    """Of errors as well."""
    with connect(HOST, running["analytics"].port) as connection:
        assert_alike(connection, path)


def test_metrics_have_a_head(server: Service) -> None:
    """Their length differs from call to call."""
    with connect(HOST, server.port) as connection:
        answer = ask(connection, "HEAD", "/metrics")
        assert (answer.status, int(answer.headers["content-length"]) > 100, answer.body) == (200, True, b"")


def test_allow_names_head(server: Service) -> None:
    """Wherever GET is allowed."""
    with connect(HOST, server.port) as connection:
        for method in ("DELETE", "OPTIONS"):
            allowed = ask(connection, method, "/healthz/live").headers["allow"]
            assert {"GET", "HEAD"} <= set(allowed.split(", "))


def test_what_has_no_get_has_no_head(running: dict[str, Service]) -> None:
    """405, and Allow does not name it."""
    with connect(HOST, running["ingest"].port) as connection:
        answer = ask(connection, "HEAD", "/ads/click")
        assert (answer.status, "HEAD" in answer.headers["allow"]) == (405, False)
