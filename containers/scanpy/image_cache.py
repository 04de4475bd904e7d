"""Where the image cannot be written, as under Apptainer, make copies of its caches that can be.

Python imports this when it starts. Without it numba would compile everything again in every task, or
refuse to start where the user has no home that can be written.
"""

import os

CACHE = "/opt/cache"
USED = os.environ.get("NUMBA_CACHE_DIR") == f"{CACHE}/numba" and os.access(CACHE, os.F_OK)

if USED and not os.access(CACHE, os.W_OK):
    import atexit
    import shutil
    import tempfile

    copy = tempfile.mkdtemp(prefix="cache-")
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    shutil.copytree(CACHE, copy, dirs_exist_ok=True)
    os.environ.update(NUMBA_CACHE_DIR=f"{copy}/numba", MPLCONFIGDIR=f"{copy}/matplotlib")
