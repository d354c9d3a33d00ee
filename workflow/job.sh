#!/usr/bin/env bash
# job.sh LOG PYTHON PROGRAM ARGUMENT...: run a program, as every job of the workflow does, with its output in a log.
set -euo pipefail
log=$1 python=$2 status=0
shift 2

# Texts and file names are UTF-8, also for Python 3.6, whatever the user's session says.
export LC_ALL=C.UTF-8

# Nor do its numbers depend on what the user has set for TensorFlow, or for the linear algebra below numpy, but for the
# number of threads, which Snakemake sets, and what is said of a GPU.
for name in $(compgen -e); do
    case $name in
        *_NUM_THREADS | TF_*GPU*) ;;
        TF_* | XLA_* | OPENBLAS_* | MKL_* | OMP_* | KMP_* | BLIS_* | NPY_*) unset "$name" ;;
    esac
done

# A second copy of this job, which waits until the first has ended, adds to the log of that one. Snakemake has deleted
# the log before it starts the copy, so it is written under a name that Snakemake does not know.
written=$(dirname "$log")/.${log##*/}
exec 9>> "$written"
if flock --nonblock 9 2> /dev/null; then : > "$written"; fi
ln -f "$written" "$log"

if ! command -v "$python" > /dev/null; then
    echo "error: on $HOSTNAME there is no $python that can be run; let every machine that runs jobs see its folder" >&9
    exit 127
fi
# It imports what is installed for its Python, whatever the user's PYTHON... variables and packages are (-E -s).
"$python" -E -s "$@" >&9 2>&1 || status=$?
if [ "$status" -eq 137 ]; then # it could not say so itself
    echo "error: killed (SIGKILL), by hand or because the machine's memory or that allowed to the job was used up" \
        "(dmesg tells); start again with fewer jobs at a time (--cores), or more memory; what was computed is kept" \
        >&9
fi
exit "$status"
