#!/usr/bin/env bash
# Stop what start_slurm.sh started in FOLDER, jobs included, and remove its links.
# Usage: stop_slurm.sh FOLDER
base=$(realpath "$1")
if [[ -s $base/run/slurmctld.pid ]]; then
    scancel --user=root
    for _ in $(seq 50); do
        [[ $(squeue --noheader) ]] || break
        sleep 0.2
    done
fi
for program in slurmd slurmctld slurmdbd mariadbd munged; do
    file=$base/run/$program.pid
    [[ -s $file ]] || continue
    pid=$(< "$file")
    if [[ $(ps -o comm= -p "$pid") == "$program" ]]; then
        kill "$pid"
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    fi
    rm -f "$file"
done
for name in slurm.conf gres.conf slurmdbd.conf; do
    [[ $(readlink "/etc/slurm/$name") == "$base/etc/$name" ]] && rm "/etc/slurm/$name"
done
exit 0
