"""From a finished study's record and ledger to the plain values of its report. Opens no data."""

from privet.study.telling.tell import tell

__all__ = ["tell"]
