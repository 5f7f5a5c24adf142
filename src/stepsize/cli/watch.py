"""`stepsize watch`: runs that go on, on a local page or in the terminal."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from .._errors import StepsizeError
from .._language import say
from ..watch.folder import Files, in_folder, of_paths
from ..watch.guard import ANY, Guard, is_loopback
from .output import INTERRUPTED, note, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..lab.records.foreign.wanted import Wanted
    from ..watch.hub import Hub


def watch_command(paths: Sequence[Path], terminal: bool, host: str, port: int, wanted: Wanted | None = None) -> int:
    """Watch until Ctrl-C; returns the exit code."""
    root = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
    list_files: Callable[[], Files] = partial(in_folder, root) if root else partial(of_paths, _checked(paths))
    try:
        if terminal:
            from ..watch.terminal import show

            show(list_files, root, wanted)
        else:
            from ..watch.hub import Hub

            asyncio.run(_serve(Hub(list_files, root, wanted), host, port))
    except KeyboardInterrupt:
        pass
    return INTERRUPTED


def _checked(paths: Sequence[Path]) -> Sequence[Path]:
    """The files; what can never be one is an error, one that is not there yet is waited for."""
    for path in paths:
        if path.is_dir():
            raise StepsizeError(
                say("{path} is a folder, which is watched alone: write stepsize watch {path}", path=path)
            )
        if path.exists() and not path.is_file():
            raise StepsizeError(say("{path} is no ordinary file: name the file that the run is written to", path=path))
        if not path.parent.is_dir():
            raise StepsizeError(
                say("there is no folder {folder}: make it, or name a file in one that is there", folder=path.parent)
            )
        if not path.exists():
            note(say("{path} is not there yet: it is waited for", path=path))
    return paths


async def _serve(hub: Hub, host: str, port: int) -> None:
    from ..watch.server import serve

    guard = Guard(host, None if is_loopback(host) else secrets.token_urlsafe(24))

    def ready(given: int) -> None:
        shown = "127.0.0.1" if host in ANY else f"[{host}]" if ":" in host else host
        token = "" if guard.token is None else f"?token={quote(guard.token)}"
        print(f"http://{shown}:{given}/{token}", flush=True)
        tell(say("open that address in a browser; Ctrl-C ends it"))

    await serve(hub, host, port, guard, ready)
