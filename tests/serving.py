"""The server of `stepsize watch` in a thread of the test."""

import asyncio
import contextlib
import threading

from stepsize.watch.guard import Guard
from stepsize.watch.hub import Hub
from stepsize.watch.server import serve


@contextlib.contextmanager
def served(list_files, root=None, guard=None):
    """A server in a thread; gives its port."""
    ready, ports, loops = threading.Event(), [], []

    def on_ready(port):
        ports.append(port)
        ready.set()

    async def main():
        loops.append((asyncio.get_running_loop(), asyncio.current_task()))
        with contextlib.suppress(asyncio.CancelledError):
            await serve(
                Hub(list_files, root),
                "127.0.0.1",
                0,
                guard or Guard("127.0.0.1"),
                lambda port: (ports.append(port), ready.set()),
            )

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert ready.wait(10)
    try:
        yield ports[0]
    finally:
        loop, task = loops[0]
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        assert not thread.is_alive()
