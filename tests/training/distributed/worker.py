"""One rank of a job: runs the named functions of ``jobs.py`` one after another, and sends back what they give."""

from __future__ import annotations

import datetime
import sys
import traceback
import warnings
from multiprocessing.connection import Connection

import torch
import torch.distributed as dist


def main() -> None:
    rank, count, meeting, channel, folder = (
        int(sys.argv[1]),
        int(sys.argv[2]),
        sys.argv[3],
        int(sys.argv[4]),
        sys.argv[5],
    )
    sys.path.insert(0, folder)
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    own = Connection(channel)
    timeout = datetime.timedelta(seconds=60)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=count, timeout=timeout)
    import jobs

    while (asked := own.recv()) is not None:
        name, given = asked
        try:
            own.send((True, getattr(jobs, name)(**given)))
        except Exception:
            own.send((False, traceback.format_exc()))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
