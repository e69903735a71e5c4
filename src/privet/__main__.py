"""``python -m privet``."""

from privet.cli.main import run

run()
