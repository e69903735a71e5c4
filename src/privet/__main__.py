"""``python -m privet``."""

from privet.cli.main import program

program()
