"""What the server imports."""

from adclicks.settings import read_or_exit
from ingest.app import create_app
from ingest.settings import IngestSettings

app = create_app(read_or_exit(IngestSettings))
