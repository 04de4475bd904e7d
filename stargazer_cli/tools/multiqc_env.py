"""The environment that MultiQC is fetched into where there is none on PATH.

1.28 is the last release that needs neither polars nor pyarrow, which no plot of ours uses: with all that
later releases ask for they are 1.1 GB. The lock file also leaves out what only static images (kaleido)
and summaries by language models (tiktoken, regex) need: 240 MB are left of 420.
"""

from stargazer_cli.tools.python_env import LockedEnvironment, lock_of
from stargazer_cli.tools.spec import MULTIQC_VERSION

# What the lock file leaves out: see scripts/lock_python.py.
LEFT_OUT = ("kaleido", "tiktoken", "regex")

ENVIRONMENT = LockedEnvironment(
    name="multiqc",
    version=MULTIQC_VERSION,
    lock=lock_of("multiqc", MULTIQC_VERSION),
    size="70 MB, on disk 240 MB",
    instead=(
        "It can also be a multiqc on PATH (pip install multiqc), "
        "or containers: --profile podman (docker, apptainer)."
    ),
    without="`stargazer run germline --skip-report` does without.",
    slimmed=True,
)
