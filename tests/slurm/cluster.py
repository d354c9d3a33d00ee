"""A Slurm of one controller and three nodes, on this machine, as root.

Every machine (ctl, n1, n2, n3) is a set of namespaces (network, host name, processes, mounts) held
by one bash as its process 1: killing that is the power switch. All end with the process that
started them, and write nothing outside their folder. They have one disk, so what a network file
system does is not shown, and their network has no way out. Each node claims 2 CPUs and 2 GPUs,
whatever this machine has; the GPUs are null devices.
"""

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil

CONTROLLER = "ctl"
NODES = ("n1", "n2", "n3")
ADDRESSES = {CONTROLLER: "10.77.0.1", **{name: f"10.77.0.1{name[1:]}" for name in NODES}}
GPUS = 2
SECONDS_TO_NOTICE = 20  # that a node is gone

# What the machines mount: they have the same files in these places.
SHARED = {"hosts": "/etc/hosts", "etc": "/etc/slurm", "munge": "/run/munge"}

PROCESS_1 = """
hostname "$1"
{mounts}
ip link set lo up
touch "$1.up"
while :; do sleep 3600 & wait $!; done  # and take in processes whose parents have ended
"""

SLURM = """
ClusterName=test
SlurmctldHost={controller}({address})
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
SchedulerParameters=sched_interval=2,bf_interval=2
SlurmdTimeout={seconds_to_notice}
ReturnToService=2
KillWait=3
{accounting}
NodeName=n[1-3] CPUs=2 CoresPerSocket=2 RealMemory=64000 Gres=gpu:{gpus} State=UNKNOWN
# LLN: the least loaded node first, so that even a few jobs are on all nodes
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE LLN=YES
PartitionName=other Nodes=ALL MaxTime=INFINITE LLN=YES
"""
WITHOUT_ACCOUNTING = "AccountingStorageType=accounting_storage/none"
WITH_ACCOUNTING = """AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={controller}
AccountingStorageTRES=gres/gpu
JobAcctGatherType=jobacct_gather/linux"""
SLURMDBD = """
DbdHost={controller}
SlurmUser=root
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
"""
DATABASE = """
CREATE DATABASE slurm;
CREATE USER slurm@localhost IDENTIFIED BY 'slurm';
GRANT ALL ON slurm.* TO slurm@localhost;
"""


def wait_until(condition, seconds, what):
    """Return the first true value of ``condition()``, asked for five times a second."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.2)


class Machine:
    """A controller or node of a cluster."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder
        self.pid = None  # of its process 1

    def boot(self):
        up = self.folder / f"{self.name}.up"
        up.unlink(missing_ok=True)
        mounts = "\n".join(f"mount --bind {name} {place}" for name, place in SHARED.items())
        outer = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL"),  # it ends with the tests, however these end
                *("unshare", "--net", "--uts", "--mount", "--pid", "--fork", "--mount-proc"),
                *("--kill-child", "bash", "-ec", PROCESS_1.format(mounts=mounts), "-", self.name),
            ],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # it complains of its end
            start_new_session=True,
        )
        wait_until(up.exists, 30, f"{self.name} is up")
        (process_1,) = psutil.Process(outer.pid).children()
        self.pid = process_1.pid

    def cut_power(self):
        """End it and all that runs there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def there(self, *command, folder="/", namespaces=("net", "uts", "mount", "pid")):
        """Return the command that runs a command on this machine, in a folder."""
        options = [f"--{name}" for name in namespaces]
        return ["nsenter", f"--target={self.pid}", *options, f"--wdns={folder}", *command]

    def run(self, *command):
        """Run a command there, which must succeed; return what it prints."""
        return run(*self.there(*command))

    def wait_for(self, *command):
        """Wait until a command succeeds there."""

        def succeeds():
            return subprocess.run(self.there(*command), capture_output=True).returncode == 0

        wait_until(succeeds, 30, f"{' '.join(command)} on {self.name}")

    def start(self, *command):
        """Run a command there that goes into the background."""
        silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        subprocess.run(self.there(*command), check=True, stderr=subprocess.DEVNULL, **silent)

    def plug_in(self, node):
        """Connect a node to the network, whose bridge is on this machine."""
        cable = f"to_{node.name}"
        subprocess.run(self.there("ip", "link", "del", cable), stderr=subprocess.DEVNULL)
        self.run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0")
        self.run("ip", "link", "set", cable, "master", "bridge", "up")
        # A device goes to a process by its number, so this command stays among the processes here.
        give = ("ip", "link", "set", "eth0", "netns", str(node.pid))
        run(*self.there(*give, namespaces=["net"]))
        node.run("ip", "addr", "add", f"{ADDRESSES[node.name]}/24", "dev", "eth0")
        node.run("ip", "link", "set", "eth0", "up")

    def processes(self, name):
        """Return the processes of a name that run there."""
        found = psutil.Process(self.pid).children(recursive=True)
        return [process for process in found if process.name() == name]


def run(*command):
    """Run a command, which must succeed; return what it prints."""
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(command)}: {result.stderr}"
    return result.stdout


class Cluster:
    """The machines, and Slurm on them.

    Args:
        folder: of all its files.
        accounting: whether it keeps accounts, with an account "lab".
    """

    def __init__(self, folder, accounting=False):
        self.folder = Path(folder)
        self.accounting = accounting
        self.controller = Machine(CONTROLLER, self.folder)
        self.nodes = {name: Machine(name, self.folder) for name in NODES}

    def start(self):
        self._write_files()
        self.controller.boot()
        on = self.controller
        on.run("ip", "link", "add", "bridge", "type", "bridge")
        on.run("ip", "addr", "add", f"{ADDRESSES[CONTROLLER]}/24", "dev", "bridge")
        on.run("ip", "link", "set", "bridge", "up")
        # One for all machines: its socket is a file.
        files = {"key": "munge.key", "pid": "munged.pid", "log": "munged.log", "seed": "seed"}
        options = [f"--{option}-file={self.folder / name}" for option, name in files.items()]
        on.start("munged", "--force", "--socket=/run/munge/munge.socket.2", *options)
        if self.accounting:
            self._keep_accounts()
        self.start_controller()
        for node in self.nodes.values():
            self.boot(node)
        self.wait_for_nodes()

    def wait_for_nodes(self):
        wait_until(lambda: len(self.states("idle")) == len(NODES), 60, "all nodes are idle")

    def start_controller(self):
        self.controller.start("slurmctld")
        self.controller.wait_for("scontrol", "ping")

    def stop_controller(self):
        (process,) = self.controller.processes("slurmctld")
        process.terminate()
        wait_until(lambda: not self.controller.processes("slurmctld"), 30, "it is gone")

    @contextlib.contextmanager
    def without_controller(self, seconds):
        """Stop the controller for what is done meanwhile, and for some seconds."""
        self.stop_controller()
        yield
        time.sleep(seconds)
        self.start_controller()

    def boot(self, node):
        """Start a node, without what its former life may have left."""
        node.boot()
        self.controller.plug_in(node)
        (self.folder / f"slurmd-{node.name}.pid").unlink(missing_ok=True)
        node.start("slurmd")

    def boot_what_is_down(self):
        """Start the nodes that have no power or no slurmd."""
        for node in self.nodes.values():
            if not (psutil.pid_exists(node.pid) and node.processes("slurmd")):
                node.cut_power()
                self.boot(node)

    def stop(self):
        for machine in (*self.nodes.values(), self.controller):
            if machine.pid:
                machine.cut_power()

    def run(self, *command):
        """Run a command of Slurm; return what it prints."""
        return self.controller.run(*command)

    def states(self, state):
        """Return the names of the nodes in a state, as sinfo calls it."""
        lines = self.run("sinfo", "--noheader", "--Node", "--partition=main", "--format=%N %T")
        return [name for name, found in map(str.split, lines.splitlines()) if state in found]

    def jobs(self, folder):
        """Return the jobs that were submitted from a folder, in order, as text by name."""
        lines = self.run("scontrol", "--details", "--oneliner", "show", "job").splitlines()
        jobs = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines]
        return [job for job in jobs if job.get("WorkDir") == str(folder)]

    def do_not_wait(self):
        """Start jobs that were put back into the queue; by itself Slurm waits for two minutes."""
        for number in self.run("squeue", "--noheader", "--states=PENDING", "--format=%i").split():
            self.run("scontrol", "update", f"jobid={number}", "StartTime=now")

    def _write_files(self):
        for name in ("etc", "munge", "state", "spool", *(f"spool/{name}" for name in NODES)):
            (self.folder / name).mkdir()
        for place in ("/etc/slurm", "/run/munge"):  # only to mount on
            os.makedirs(place, exist_ok=True)
        hosts = [("127.0.0.1", "localhost"), *((ADDRESSES[name], name) for name in ADDRESSES)]
        (self.folder / "hosts").write_text("".join(f"{ip} {name}\n" for ip, name in hosts))
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        for i in range(GPUS):
            os.mknod(self.folder / f"gpu{i}", 0o20600, os.makedev(1, 3))
        values = {"folder": self.folder, "controller": CONTROLLER, "gpus": GPUS}
        values.update(address=ADDRESSES[CONTROLLER], seconds_to_notice=SECONDS_TO_NOTICE)
        kept = WITH_ACCOUNTING.format(**values) if self.accounting else WITHOUT_ACCOUNTING
        etc = self.folder / "etc"
        (etc / "slurm.conf").write_text(SLURM.format(accounting=kept, **values))
        gpus = f"AutoDetect=off\nNodeName=n[1-3] Name=gpu File={self.folder}/gpu[0-{GPUS - 1}]\n"
        (etc / "gres.conf").write_text(gpus)
        if self.accounting:
            path = etc / "slurmdbd.conf"
            path.touch(mode=0o600)
            path.write_text(SLURMDBD.format(**values))

    def _keep_accounts(self):
        on = self.controller
        data, socket = self.folder / "mysql", self.folder / "mariadb.sock"
        run("mariadb-install-db", "--user=root", f"--datadir={data}", "--skip-test-db")
        options = ["--no-defaults", "--user=root", f"--datadir={data}", f"--socket={socket}"]
        options += ["--bind-address=127.0.0.1", "--port=3306", "--innodb-buffer-pool-size=64M"]
        with open(self.folder / "mariadbd.log", "wb") as log:
            subprocess.Popen(on.there("mariadbd", *options), stdout=log, stderr=log)
        on.wait_for("mariadb-admin", f"--socket={socket}", "ping")
        run("mariadb", f"--socket={socket}", "-e", DATABASE)
        on.start("slurmdbd")
        on.wait_for("sacctmgr", "--noheader", "show", "cluster")
        for what in (
            ["cluster", "test"],
            ["account", "lab", "Cluster=test"],
            ["user", "root", "Account=lab", "DefaultAccount=lab"],
        ):
            on.run("sacctmgr", "--immediate", "add", *what)
