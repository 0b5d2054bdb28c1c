"""The floor: uvicorn with a bare ASGI application that reads the body and answers what it always answers."""

from benchmarks.serving.peer import Launch, Peer, Variant
from benchmarks.serving.peers import hourglass
from benchmarks.serving.workloads import Task


def _command(launch: Launch, _: Variant) -> list[str]:
    (launch.folder / "answer.json").write_bytes(launch.answer.read_bytes())
    command = [launch.tool("uvicorn"), "server:application", "--app-dir", str(PEER.folder), "--port", str(launch.port)]
    return [*command, "--loop", "uvloop", "--http", "httptools", "--lifespan", "off", "--no-access-log"]


PEER = Peer("constant", _command, {task: hourglass.PEER.calls[task] for task in (Task.NUMBERS, Task.PNG)})
