"""A running server: started, asked, halted while others are measured, stopped."""

import http.client
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from benchmarks.serving.peer import Launch, Peer, Variant
from benchmarks.serving.processes import Usage, send, tree, usage
from benchmarks.serving.protocol import Call, Request
from benchmarks.serving.workloads import Task

START_TIMEOUT_S = 120
_STOP_TIMEOUT_S = 15
_SETTLE_TIMEOUT_S, _SETTLE_STEP_S = 2.0, 0.2
_DROPPED = ("HOURGLASS_", "PYTHONPATH", "VIRTUAL_ENV")
"""Variables that would change a server's settings or environment behind the benchmark's back."""


class ServerFailed(Exception):
    """A server did not start, or did not answer with 2xx."""


class Server:
    """One peer in one setting, as a tree of processes that listens on a port of this machine."""

    def __init__(self, peer: Peer, variant: Variant, launch: Launch) -> None:
        self.name = f"{peer.name}/{variant.name}" if variant.name else peer.name
        self.peer = peer
        self.calls = peer.calls if variant.calls is None else variant.calls
        self.port = launch.port
        launch.folder.mkdir(parents=True)
        with (launch.folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                peer.command(launch, variant), cwd=launch.folder, env=_environment(peer, variant, launch),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._members = [self._process.pid]

    def wait_until_ready(self, request: Request) -> None:
        """Repeat a request until it is answered.

        Raises:
            ServerFailed: The server ended, or did not answer in time.
        """
        reason, deadline = "", time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServerFailed(f"ended with status {self._process.returncode} while starting")
            try:
                self.ask(request)
                self._members = tree(self._process.pid)
                return
            except (OSError, http.client.HTTPException, ServerFailed) as error:
                reason = str(error)
            time.sleep(0.2)
        raise ServerFailed(f"not ready after {START_TIMEOUT_S} s: {reason}")

    def call(self, task: Task) -> Call:
        """How this server is asked to do a task."""
        return self.calls[task]

    def ask(self, request: Request) -> bytes:
        """Send one request over a connection of its own, and return the answer's body.

        Raises:
            ServerFailed: The status is not 2xx.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", request.path, request.body, dict(request.headers))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise ServerFailed(f"answered {response.status}: {body[:200].decode(errors='replace')}")
        return body

    def usage(self) -> Usage:
        """What its processes have used so far, and hold now."""
        return usage(self._process.pid)

    def settle(self) -> None:
        """Wait until it has done what its last clients left behind; not for long, as some servers are never idle."""
        deadline = time.monotonic() + _SETTLE_TIMEOUT_S
        spent_s = self.usage().cpu_s
        while time.monotonic() < deadline:
            time.sleep(_SETTLE_STEP_S)
            before_s, spent_s = spent_s, self.usage().cpu_s
            if spent_s - before_s <= _SETTLE_STEP_S / 10:
                return

    def halt(self) -> None:
        """Stop every process where it is, so that it keeps its memory and costs nothing."""
        self._members = tree(self._process.pid)
        send(signal.SIGSTOP, self._members)

    def resume(self) -> None:
        """Let every process go on."""
        send(signal.SIGCONT, self._members)

    def stop(self) -> None:
        """End it: politely, then whatever is left. Once it has ended, nothing more happens."""
        if not self._members:
            return
        self.resume()
        self._members = list({*self._members, *tree(self._process.pid)})
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        send(signal.SIGKILL, [pid for pid in self._members if pid != self._process.pid])
        self._members = []


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(peer: Peer, variant: Variant, launch: Launch) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    own: dict[str, str] = {"MODEL": str(launch.model), "PORT": str(launch.port), **peer.environment}
    path = f"{Path(launch.python).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    scratch = dict.fromkeys(("TMPDIR", "TEMP"), str(launch.folder))  # TorchServe keeps one server a temporary folder
    return {**kept, **scratch, "PATH": path, "PYTHONUNBUFFERED": "1", **own, **variant.environment}
