"""``python -m adclicks.cli``."""

import sys

from adclicks.cli.main import main

sys.exit(main())
