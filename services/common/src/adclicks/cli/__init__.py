"""The ``adclicks`` command."""

from adclicks.cli.main import main as main
