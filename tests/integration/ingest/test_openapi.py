"""ingest does what its own description says."""

from pathlib import Path

from testbed import described_api
from testbed.http import client
from testbed.services import Service


def test_every_answer_is_described(ingest: Service, tmp_path: Path) -> None:
    """Statuses, kinds, headers and bodies as described; good data taken, bad data refused; no 5xx."""
    described_api.check(ingest.url, tmp_path, Path(__file__).with_name("schemathesis.toml"))

    assert "Traceback" not in ingest.log_text()


def test_the_example_of_lines_is_taken(ingest: Service) -> None:
    """As it stands in the description."""
    described = ingest.get("/openapi.json").json["paths"]["/ads/clicks"]["post"]["requestBody"]["content"]
    (example,) = described["application/x-ndjson"]["schema"]["examples"]
    with client(ingest.url) as sender:
        answer = sender.post("/ads/clicks", example.encode(), {"Content-Type": "application/x-ndjson"})
    assert (answer.status, answer.json["data"]["accepted"], answer.json["data"]["rejected"]) == (202, 2, 0)
