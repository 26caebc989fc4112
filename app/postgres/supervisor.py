"""Keeps one Postgres server running while somebody uses it, and stops it when nobody does.

A program, started by its path in a session of its own, with the standard library only. It inherits the locked
descriptor of ``server.lock``, so that whoever finds that file unlocked knows that there is no supervisor. It starts the
server again when that dies, on the same port, and asks by ``users.lock`` whether there are users left. It does not heed
SIGINT and SIGTERM: a terminal or an init system sends them to everybody at once, while the users still need the server.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 60  # for the checkpoint of a fast shutdown
FIRST_ATTEMPTS = 8
LOG_BYTES = 10_000_000
NO_PROCESS = 2**31 - 2  # above every system's highest process id
PR_SET_PDEATHSIG = 1
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "huge_pages": "off",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}


@dataclass(frozen=True)
class Plan:
    """What to run: the program, its home and its cluster; ``uid`` and ``gid`` are None for our own.

    ``port`` is the one that users have been told already; None leaves the choice to us."""

    postgres: str
    home: str
    cluster: str
    environment: dict[str, str]
    uid: int | None
    gid: int | None
    port: int | None


def main() -> int:
    """Answer 0 to the caller as soon as the server is ready, 1 when it never will be, and live on in a child."""
    plan = Plan(**json.loads(sys.argv[1]))
    for heeded_by_others in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(heeded_by_others, signal.SIG_IGN)
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        return 0 if os.read(reading, 1) else 1
    os.close(reading)
    supervise(plan, lambda: _report(writing))
    return 0


def _report(descriptor: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # the caller was killed; others may be waiting
        os.write(descriptor, b"!")


def supervise(plan: Plan, announce: Callable[[], object]) -> None:
    """Run the server, again and again, until nobody uses it or it cannot be started at all."""
    users = os.open(Path(plan.home, "users.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    cluster = Path(plan.cluster)
    evict_orphan(cluster)
    port, was_ready, failures = plan.port or remembered_port(plan), False, 0
    while not nobody_holds(users):
        if port is None or not is_free(port):
            if plan.port or was_ready:
                # Users know the server by this address alone. They see that we ended, and start us again.
                sys.stderr.write(f"port {port} of 127.0.0.1, which users were told, is taken by another program\n")
                return
            port = free_port()
        server = start_server(plan, port)
        if wait_ready(server, cluster, users):
            failures = 0
            Path(plan.home, "port").write_text(str(port))
            if not was_ready:
                announce()
            was_ready = True
            while server.poll() is None and not nobody_holds(users):
                time.sleep(0.1)
        if server.poll() is None:
            stop_server(server)
            return
        # Backends of a killed server may hold its shared memory for a while yet: try for as long as there are users.
        failures += 1
        if failures >= FIRST_ATTEMPTS and not was_ready:
            return
        time.sleep(min(2.0, 0.05 * 2**failures))


def start_server(plan: Plan, port: int) -> subprocess.Popen[bytes]:
    """Start the server on a port, as its user, to be stopped by the kernel should this process be killed."""
    log_path = Path(plan.home, "server.log")
    if log_path.exists() and log_path.stat().st_size > LOG_BYTES:
        log_path.replace(log_path.with_suffix(".log.old"))
    settings = OPTIONS | {"port": str(port), "hba_file": str(Path(plan.home, "pg_hba.conf"))}
    options = [f"--{name}={value}" for name, value in settings.items()]
    own_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    us = os.getpid()

    def die_with_us() -> None:
        if own_libc is not None:
            own_libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != us:
                os._exit(1)
        for heeded in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(heeded, signal.SIG_DFL)

    descriptor = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - the wheel's server, with arguments of ours
            [plan.postgres, "-D", plan.cluster, *options], env=plan.environment, cwd="/",
            stdin=subprocess.DEVNULL, stdout=descriptor, stderr=descriptor,
            user=plan.uid, group=plan.gid, extra_groups=None if plan.uid is None else [], umask=0o077,
            start_new_session=True, preexec_fn=die_with_us,  # noqa: PLW1509 - there are no threads here
        )  # fmt: skip
    finally:
        os.close(descriptor)


def wait_ready(server: subprocess.Popen[bytes], cluster: Path, users: int) -> bool:
    """Wait until the server takes connections; False when it ended before, or nobody waits for it any more."""
    while server.poll() is None and not nobody_holds(users):
        lines = pid_file_lines(cluster)
        if len(lines) >= 8 and lines[0] == str(server.pid) and lines[7].strip() == "ready":
            return True
        time.sleep(0.02)
    return False


def stop_server(server: subprocess.Popen[bytes]) -> None:
    """Stop the server: fast, then without the checkpoint, then by force. Nothing committed is lost by any of them."""
    for request, patience in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 10), (signal.SIGKILL, None)):
        server.send_signal(request)
        try:
            server.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        return


def evict_orphan(cluster: Path) -> None:
    """Make way: stop a server whose supervisor was killed, and take the say from a pid file that names a stranger."""
    lines = pid_file_lines(cluster)
    if not lines or not lines[0].strip().isdigit():
        return
    pid = int(lines[0])
    if is_server_of(pid, cluster):
        for request, patience in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            os.kill(pid, request)
            deadline = time.monotonic() + patience
            while is_server_of(pid, cluster) and time.monotonic() < deadline:
                time.sleep(0.02)
            if not is_server_of(pid, cluster):
                return
    # Postgres would take any living process of that number for its predecessor. The rest of the file stays: it names
    # the shared memory, by which Postgres sees whether backends of the predecessor are still at work.
    # Not by way of a link: that directory is another user's when we are root.
    with os.fdopen(os.open(cluster / "postmaster.pid", os.O_RDWR | os.O_NOFOLLOW), "r+") as file:
        file.write("\n".join([str(NO_PROCESS), *lines[1:]]) + "\n")
        file.truncate()


def is_server_of(pid: int, cluster: Path) -> bool:
    """Whether a process is a server of this cluster, by its command line."""
    try:
        if sys.platform == "linux":
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            return words[0].endswith(b"postgres") and os.fsencode(cluster) in words
        command = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 - a number
    except OSError:
        return False
    return f"postgres -D {cluster} " in shown


def pid_file_lines(cluster: Path) -> list[str]:
    """The lines of the server's own pid file: process id, directory, start, port, socket, address, memory, state."""
    try:
        return Path(cluster, "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def remembered_port(plan: Plan) -> int | None:
    """The port of the last time: who still has that address finds the server again."""
    try:
        return int(Path(plan.home, "port").read_text())
    except (OSError, ValueError):
        return None


def is_free(port: int) -> bool:
    """Whether a port of 127.0.0.1 can be listened on now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on; should somebody take it first, the next attempt takes another."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nobody_holds(users: int) -> bool:
    """Whether no process uses the server. If so this process holds the lock from now on: who comes waits for its end."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
