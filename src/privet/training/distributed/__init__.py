"""Training on several GPUs and machines: processes that torchrun starts do one program's work together."""

from privet.training.distributed.data_parallel import DifferentiallyPrivateDistributedDataParallel

__all__ = ["DifferentiallyPrivateDistributedDataParallel"]
