"""What the server imports."""

import os

from ingest.asgi import app as ingest
from localstack.gateway import create_app

app = create_app(ingest, os.environ.get("ANALYTICS_URL", "http://127.0.0.1:8081"))
