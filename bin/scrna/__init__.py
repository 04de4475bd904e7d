"""The single-cell steps: what the scripts in bin/ do, as functions on AnnData.

Import this package before numpy: it sets what makes equal input give equal bytes on any machine.

Threads: a sum over several threads of BLAS or OpenMP has another order of additions, so another last bit,
than over one. OpenMP is scikit-learn's: of two neighbours that are equally far but for that bit, scrublet
would count now the one and now the other. Numba's threads, which do most of what takes long, have a variable
of their own.

Processors: where there is AVX-512, OpenBLAS and numpy take other routines, which round otherwise. Here they
take those for AVX2, which almost all x86-64 processors since 2013 have; on others they choose by themselves.
http://www.openmathlib.org/OpenBLAS/docs/runtime_variables/
https://numpy.org/doc/stable/reference/simd/build-options.html#runtime-dispatch
"""

import os
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_variable] = "1"


def has_avx2() -> bool:
    """Whether this is a Linux machine whose processor has AVX2."""
    try:
        described = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return False
    flags = next((line for line in described.splitlines() if line.startswith("flags")), "")
    return "avx2" in flags.split()


if has_avx2():
    os.environ["OPENBLAS_CORETYPE"] = "Haswell"
    # The names of numpy 2.4; before it, each group within X86_V4 had its own.
    os.environ["NPY_DISABLE_CPU_FEATURES"] = (
        "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL"
    )

# Read when tqdm is first imported: no progress bars in a log.
os.environ["TQDM_DISABLE"] = "1"
