"""gunicorn's configuration: ``gunicorn --config python:analytics.gunicorn_conf analytics.asgi:app``."""

from adclicks.http import serving
from adclicks.settings import read_or_exit
from analytics.settings import AnalyticsSettings

_settings = read_or_exit(AnalyticsSettings)
globals().update(serving.configuration("analytics", _settings.http, _settings.log))
