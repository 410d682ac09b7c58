"""What the benches share: a throw-away sshd beside a throw-away refgate, both on loopback, and interleaved timing.

Needs sshd, ssh, git and a release build (`cargo build --release`, or REFGATE=/path/to/refgate). Everything is made
in a temporary directory and only processes started here are ended.
"""
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFGATE = os.environ.get("REFGATE", str(ROOT / "target/release/refgate"))
SSHD = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")

PATH_HOOK = r"""#!/bin/bash
# A path policy as it is often written by hand: every new commit, every changed path.
deny='^(\.github/workflows/|infra/|.*\.pem$)'
while read -r old new ref; do
  [[ $new =~ ^0+$ ]] && continue
  for commit in $(git rev-list "$new" --not --all); do
    while read -r path; do
      if [[ $path =~ $deny ]]; then echo "denied: $path in $commit" >&2; exit 1; fi
    done < <(git diff-tree -r -m --root --no-commit-id --name-only "$commit")
  done
done
"""

POLICY_END = """
[[grant]]
to    = ["bench-*"]
repo  = "*"
refs  = ["refs/heads/agent/{principal}/**"]
allow = ["create", "update", "rewind", "delete"]
write = ["**"]

[rule.workflows]
kind  = "path"
match = [".github/workflows/**", "infra/**", "*.pem"]
then  = "refuse"
"""


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    if done.returncode:
        sys.exit(f"{command}: {done.stderr.decode()}")
    return done.stdout.decode().strip()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class World:
    """A directory with keys, repositories, an sshd and a refgate."""

    def __init__(self, agents=1, limits=""):
        if not SSHD or not os.path.exists(REFGATE):
            sys.exit("sshd and a release build of refgate are needed: cargo build --release")
        self.dir = tempfile.mkdtemp(prefix="refgate-bench-")
        os.chmod(self.dir, 0o755)
        self.processes, self.repos, self.limits, self.gate = [], {}, limits, None
        self.agents = [f"bench-{i}" for i in range(1, agents + 1)]
        for name in ["host"] + self.agents:
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.path(name)])
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        self.env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
        for who in ("AUTHOR", "COMMITTER"):
            self.env |= {f"GIT_{who}_NAME": "Bench", f"GIT_{who}_EMAIL": "bench@example.com"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
            process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def git(self, where, *args, **more):
        return run(["git", "-C", where, *args], env=self.env, **more)

    def copy(self, source, name, hook=None):
        """A server-side copy of a bare repository."""
        target = self.path(name + ".git")
        shutil.copytree(source, target, symlinks=True)
        for sample in pathlib.Path(target, "hooks").glob("*"):
            sample.unlink()
        if hook:
            path = pathlib.Path(target, "hooks", "pre-receive")
            path.parent.mkdir(exist_ok=True)
            path.write_text(hook)
            path.chmod(0o755)
        return target

    def start_sshd(self):
        """As root, BENCH_USER names another user to log in as: root's shell may read long start-up files."""
        self.user = os.environ.get("BENCH_USER") if os.geteuid() == 0 else None
        if self.user:
            run(["chown", "-R", self.user, *(str(p) for p in pathlib.Path(self.dir).glob("*.git"))])
        self.ssh_port, config = free_port(), self.path("sshd_config")
        keys = [open(self.path(name + ".pub")).read() for name in self.agents]
        open(self.path("authorized_keys"), "w").write("".join(keys))
        open(config, "w").write(
            f"Port {self.ssh_port}\nListenAddress 127.0.0.1\nHostKey {self.path('host')}\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self.path('authorized_keys')}\nStrictModes no\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nPermitRootLogin yes\nAcceptEnv GIT_PROTOCOL\nUseDNS no\n"
            "MaxStartups 500\nMaxSessions 500\nPerSourcePenalties no\nLogLevel ERROR\n")
        if subprocess.run([SSHD, "-t", "-f", config], capture_output=True).returncode:
            text = open(config).read().replace("PerSourcePenalties no\n", "")
            open(config, "w").write(text)
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.processes.append(subprocess.Popen([SSHD, "-D", "-f", config]))
        wait_for_port(self.ssh_port)

    def start_gate(self, upstreams, log="info", policy="", settings=None):
        """`upstreams`: name to path; `policy`: more of it; `settings`: name to more of the repository's."""
        more = settings or {}
        repos = "".join(
            f'[repo.{name}]\nupstream = "{path}"\n{more.get(name, "")}\n' for name, path in upstreams.items())
        open(self.path("refgate.toml"), "w").write(
            f'listen = "127.0.0.1:0"\ndata = "data"\npolicy = "policy.toml"\n\n{repos}\n{self.limits}\n')
        humans = '[human.operator]\nprincipals = ["nobody"]\n'
        agents = "".join(
            f'\n[agent.{name}]\nsponsor = "operator"\nkeys = ["{open(self.path(name + ".pub")).read().strip()}"]\n'
            for name in self.agents)
        open(self.path("policy.toml"), "w").write(humans + agents + POLICY_END + policy)
        self.log = self.path("gate.log")
        env = dict(self.env, REFGATE_CONFIG=self.path("refgate.toml"), REFGATE_LOG=log)
        gate = subprocess.Popen([REFGATE, "serve"], cwd=self.dir, env=env, stdout=subprocess.PIPE,
                                stderr=open(self.log, "w"))
        self.processes.append(gate)
        self.gate = gate.pid
        line = gate.stdout.readline().decode()
        if ":" not in line:
            sys.exit("refgate did not start:\n" + open(self.log).read())
        self.gate_port = int(line.rsplit(":", 1)[1])

    def sshd_url(self, path):
        return f"ssh://{self.user or pwd.getpwuid(os.geteuid()).pw_name}@127.0.0.1:{self.ssh_port}{path}"

    def gate_url(self, name):
        return f"ssh://refgate@127.0.0.1:{self.gate_port}/{name}"

    def client_env(self, agent):
        options = ["-F", "none", "-i", self.path(agent)]
        for option in ("IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=no", "BatchMode=yes",
                       "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ControlPath=none"):
            options += ["-o", option]
        return dict(self.env, GIT_SSH_COMMAND=" ".join(["ssh"] + options))

    def login(self):
        """Seconds of a login at sshd that runs nothing: what of a push is not git's."""
        user, start = self.user or pwd.getpwuid(os.geteuid()).pw_name, time.perf_counter()
        ssh = self.client_env("bench-1")["GIT_SSH_COMMAND"].split(" ")
        run([*ssh, "-p", str(self.ssh_port), f"{user}@127.0.0.1", "true"])
        return time.perf_counter() - start

    def push(self, clone, url, refspec, agent="bench-1"):
        """Seconds of one push. It must succeed."""
        start = time.perf_counter()
        done = subprocess.run(["git", "-C", clone, "push", "-q", url, refspec], env=self.client_env(agent),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        seconds = time.perf_counter() - start
        if done.returncode:
            sys.exit(f"push to {url}: {done.stderr.decode()}")
        return seconds

    def commit(self, clone, parent, name="bench.txt"):
        """One commit that changes one file; without a work tree."""
        blob = self.git(clone, "hash-object", "-w", "--stdin", input=os.urandom(32).hex().encode() + b"\n")
        index = dict(self.env, GIT_INDEX_FILE=os.path.join(clone, "bench-index"))
        run(["git", "-C", clone, "read-tree", parent], env=index)
        run(["git", "-C", clone, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}"], env=index)
        tree = run(["git", "-C", clone, "write-tree"], env=index)
        return self.git(clone, "commit-tree", tree, "-p", parent, "-m", "bench")


def wait_for_port(port):
    for _ in range(100):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def synthetic(world, path, files, commits, tags=40, lines=40):
    """A deterministic bare repository: all files in the first commit, then five changed in each."""
    draw = random.Random(7)
    run(["git", "init", "-q", "--bare", "-b", "main", path], env=world.env)
    feed = subprocess.Popen(["git", "-C", path, "fast-import", "--quiet", "--depth=10"], stdin=subprocess.PIPE, env=world.env)
    for number in range(commits):
        out = [f"commit refs/heads/main\ncommitter Bench <bench@example.com> {1500000000 + number} +0000\ndata 1\nc\n"]
        for f in range(files) if number == 0 else draw.sample(range(files), 5):
            text = "\n".join(f"line {i} {draw.getrandbits(64):x}" for i in range(lines if number == 0 else 8)) + "\n"
            out.append(f"M 100644 inline d{f % 50}/s{f % 7}/f{f}.txt\ndata {len(text)}\n{text}\n")
        if tags and number % max(1, commits // tags) == 0:
            out.append(f"reset refs/tags/t{number}\nfrom refs/heads/main\n\n")
        feed.stdin.write("".join(out).encode())
    feed.stdin.close()
    if feed.wait():
        sys.exit("git fast-import failed")
    return path


def describe(name, seconds):
    s = sorted(seconds)
    p90 = s[min(len(s) - 1, len(s) * 9 // 10)]
    print(f"{name:24} median {statistics.median(s) * 1e3:9.1f} ms   p10 {s[len(s) // 10] * 1e3:9.1f}"
          f"   p90 {p90 * 1e3:9.1f}   min {s[0] * 1e3:9.1f}   n {len(s)}", flush=True)


def ratio(text, a, b):
    """Of the medians, and the median of the ratios of pairs from the same round."""
    pairs = statistics.median(x / y for x, y in zip(a, b))
    print(f"{text}: {statistics.median(a) / statistics.median(b):.2f} of the medians, {pairs:.2f} paired", flush=True)


def status(pid, field):
    """A field of /proc/PID/status in kB."""
    match = re.search(rf"^{field}:\s+(\d+) kB", open(f"/proc/{pid}/status").read(), re.M)
    return int(match.group(1))


def cpu(pid):
    """Seconds of user and system time of a process, its own and its reaped children's."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()
    own, children = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
    return own / os.sysconf("SC_CLK_TCK"), children / os.sysconf("SC_CLK_TCK")


class Peak(threading.Thread):
    """Watches the largest RSS of a process, how much of it was its own (anonymous: not a mapped file), and the largest
    RSS of any one process it started, by looking now and then."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.own, self.anonymous, self.child, self.done = pid, 0, 0, 0, threading.Event()

    def run(self):
        while not self.done.wait(0.05):
            for pid in family(self.pid):
                try:
                    rss = status(pid, "VmRSS")
                except (OSError, AttributeError):
                    continue
                if pid == self.pid:
                    self.own = max(self.own, rss)
                    self.anonymous = max(self.anonymous, status(pid, "RssAnon"))
                else:
                    self.child = max(self.child, rss)

    def stop(self):
        self.done.set()
        self.join()


def family(pid):
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                todo += map(int, open(f"/proc/{pid}/task/{task}/children").read().split())
        except OSError:
            pass
    return found
