"""What cannot be trained privately, told before anything is paid, and the nearest that can."""

from privet.training.validators.module_validator import ModuleValidator

__all__ = ["ModuleValidator"]
