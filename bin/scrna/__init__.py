"""The single-cell steps: what the scripts in bin/ do, as functions on AnnData.

Import this package before numpy. A sum over several threads of BLAS or OpenMP has another order of
additions, so another last bit, than over one; with one thread the same input gives the same bytes on any
machine size. OpenMP is scikit-learn's: of two neighbours that are equally far but for that bit, scrublet
would count now the one and now the other. Numba's threads, which do most of what takes long, have a variable
of their own.
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_variable] = "1"

# Read when tqdm is first imported: no progress bars in a log.
os.environ["TQDM_DISABLE"] = "1"
