"""gunicorn's configuration: ``gunicorn --config python:ingest.gunicorn_conf ingest.asgi:app``."""

from adclicks.http import serving
from adclicks.settings import read_or_exit
from ingest.settings import IngestSettings

_settings = read_or_exit(IngestSettings)
globals().update(serving.configuration("ingest", _settings.http, _settings.log))
worker_class = "ingest.protocol.ClickWorker"
