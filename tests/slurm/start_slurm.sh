#!/usr/bin/env bash
# Start Slurm with one node, which is this machine, as root: no systemd, no cgroups, loopback only.
# The node claims 8 CPUs and 8 GPUs, whatever the machine has; the GPUs are null devices.
# Usage: start_slurm.sh FOLDER [accounting]
# `accounting` adds slurmdbd, on a MariaDB of its own, with the account "lab". All files are in FOLDER
# but for three links in /etc/slurm, where the job side of Snakemake's executor looks for them.
set -euo pipefail
base=$(realpath "$1")
accounting=${2:-}
host=$(hostname -s)
storage_port=6820
mkdir -p "$base"/{etc,log,run,state,spool}

wait_for() {
    for _ in $(seq 150); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.2
    done
    echo "error: not within 30 s: $*" >&2
    grep -hE "fatal|error" "$base"/log/*.log 2>/dev/null | tail -n 5 >&2
    exit 1
}

# A Slurm whose tests were killed is stopped here: the program that started it is gone.
started_by() { ps -o pid=,args= -p "$1"; }
left_behind=$(dirname "$(dirname "$(readlink /etc/slurm/slurm.conf)")")/run/started_by
if [[ -s $left_behind ]]; then
    read -r pid _ < "$left_behind"
    if [[ $(started_by "$pid") != "$(< "$left_behind")" ]]; then
        "$(dirname "$0")/stop_slurm.sh" "${left_behind%/run/started_by}"
    fi
fi
for name in slurm.conf gres.conf slurmdbd.conf; do
    link=/etc/slurm/$name
    if [[ -e $link && $(readlink "$link") != "$base/etc/$name" ]]; then
        echo "error: $link exists: this machine has a Slurm, which is left alone" >&2
        exit 1
    fi
    mkdir -p /etc/slurm
    ln -sfn "$base/etc/$name" "$link"
done
started_by $PPID > "$base/run/started_by"
getent hosts "$host" >/dev/null || echo "127.0.0.1 $host" >> /etc/hosts

if ! (munge -n | unmunge) >/dev/null 2>&1; then
    install -d -o munge -g munge -m 0755 /run/munge /var/log/munge /var/lib/munge
    setpriv --reuid=munge --regid=munge --clear-groups munged
    cp /run/munge/munged.pid "$base/run/munged.pid"
    wait_for bash -c "munge -n | unmunge"
fi

for i in {0..7}; do
    [[ -c $base/run/gpu$i ]] || mknod "$base/run/gpu$i" c 1 3
done
cat > "$base/etc/gres.conf" <<END
AutoDetect=off
NodeName=$host Name=gpu File=$base/run/gpu[0-7]
END

storage=AccountingStorageType=accounting_storage/none
if [[ $accounting ]]; then
    storage="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStorageTRES=gres/gpu
JobAcctGatherType=jobacct_gather/linux"
fi
cat > "$base/etc/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$base/state
SlurmdSpoolDir=$base/spool
SlurmctldPidFile=$base/run/slurmctld.pid
SlurmdPidFile=$base/run/slurmd.pid
SlurmctldLogFile=$base/log/slurmctld.log
SlurmdLogFile=$base/log/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
SchedulerParameters=sched_interval=2,bf_interval=2
KillWait=3
$storage
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 CoresPerSocket=8 RealMemory=64000 Gres=gpu:8 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE
PartitionName=other Nodes=$host MaxTime=INFINITE
END

if [[ $accounting ]]; then
    mariadb-install-db --user=root --datadir="$base/mysql" --skip-test-db \
        > "$base/log/mariadb-install-db.log" 2>&1
    mariadbd --no-defaults --user=root --datadir="$base/mysql" --socket="$base/run/mariadb.sock" \
        --bind-address=127.0.0.1 --port=$storage_port --pid-file="$base/run/mariadbd.pid" \
        --innodb-buffer-pool-size=64M > "$base/log/mariadbd.log" 2>&1 < /dev/null &
    wait_for mariadb-admin --socket="$base/run/mariadb.sock" ping
    mariadb --socket="$base/run/mariadb.sock" -e "
        CREATE DATABASE slurm; CREATE USER slurm@localhost IDENTIFIED BY 'slurm';
        GRANT ALL ON slurm.* TO slurm@localhost;"
    cat > "$base/etc/slurmdbd.conf" <<END
DbdHost=localhost
DbdAddr=127.0.0.1
SlurmUser=root
LogFile=$base/log/slurmdbd.log
PidFile=$base/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$storage_port
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
END
    chmod 600 "$base/etc/slurmdbd.conf"
    slurmdbd < /dev/null
    wait_for sacctmgr --noheader show cluster
    sacctmgr --immediate add cluster test > /dev/null
    sacctmgr --immediate add account lab Cluster=test > /dev/null
    sacctmgr --immediate add user root Account=lab DefaultAccount=lab > /dev/null
fi

slurmctld < /dev/null
wait_for scontrol ping
slurmd < /dev/null
wait_for bash -c "sinfo --noheader --format=%T | grep -q idle"
