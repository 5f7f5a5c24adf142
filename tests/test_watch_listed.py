"""How often a folder is looked through: seldom where that takes long, once for all, soon again while it is empty."""

import asyncio
import time

import pytest

from stepsize.watch import folder
from stepsize.watch.folder import File
from stepsize.watch.hub import Hub
from stepsize.watch.terminal import Screen


class Folder:
    """A folder whose listing takes so long; counts how often it is asked for."""

    def __init__(self, path, seconds, files=1):
        self.path, self.seconds, self.files, self.looks = path, seconds, files, 0

    def __call__(self):
        self.looks += 1
        time.sleep(self.seconds)
        return {f"{i}.csv": File(self.path / f"{i}.csv", 1.0) for i in range(self.files)}


def asked(runs, seconds, together=1):
    """What a server says that is asked again and again for so long, by so many at a time."""

    async def main():
        watched = Hub(runs)
        until, found = time.monotonic() + seconds, []
        while not found or time.monotonic() < until:
            found += await asyncio.gather(*(watched.files() for _ in range(together)))
            await asyncio.sleep(0.01)
        watched.close()
        return found

    return asyncio.run(main())


@pytest.mark.parametrize("files", [0, 1])
def test_a_look_that_takes_long_is_followed_by_a_long_rest(tmp_path, monkeypatch, files):
    monkeypatch.setattr(folder, "LISTED", 0.05)
    runs = Folder(tmp_path, 0.2, files)
    asked(runs, 1.0)  # of which the look is 0.2 and the rest 2.0
    assert runs.looks == 1


def test_a_quick_look_comes_again(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "LISTED", 0.05)
    runs = Folder(tmp_path, 0.0)
    asked(runs, 1.0)
    assert runs.looks > 2


def test_who_asks_together_gets_one_look(tmp_path):
    runs = Folder(tmp_path, 0.1)
    found = asked(runs, 0.0, together=8)
    assert runs.looks == 1
    assert [list(one) for one in found] == [["0.csv"]] * 8


def test_a_file_in_an_empty_folder_is_seen_soon(tmp_path):
    runs = Folder(tmp_path, 0.0, files=0)
    assert asked(runs, 0.5)[-1] == {}
    assert runs.looks > 2


def test_the_terminal_rests_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "LISTED", 0.05)
    runs = Folder(tmp_path, 0.2)
    screen, until = Screen(runs, tmp_path), time.monotonic() + 1.0
    while time.monotonic() < until:
        screen.look()
        time.sleep(0.01)
    assert runs.looks == 1
    quick = Folder(tmp_path, 0.0)
    screen = Screen(quick, tmp_path)
    for _ in range(5):
        screen.look()
        time.sleep(0.1)
    assert quick.looks > 1
