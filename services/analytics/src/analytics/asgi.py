"""What the server imports."""

from adclicks.settings import read_or_exit
from analytics.app import create_app
from analytics.settings import AnalyticsSettings

app = create_app(read_or_exit(AnalyticsSettings))
