"""Work in processes of its own, without the start-up of new interpreters."""

import os
import sys
from collections.abc import Callable, Sequence


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a child, and return its process id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except SystemExit as ended:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(ended.code if isinstance(ended.code, int) else bool(ended.code))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(1)


def wait_for(children: Sequence[int]) -> None:
    """Wait until all have ended, well."""
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)
