"""How much memory there is, and the refusal of what would not fit in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from .errors import FxlifError

#: Less than this is not asked about: to look costs up to a millisecond.
SMALL = 1 << 26


def must_fit(key: str, needed: int, what: str, there: int | None = None) -> None:
    """Raise unless ``needed`` bytes, for ``what``, are in the memory that is available.

    ``there``: so many are, where that was found out already.

    Raises:
        FxlifError: with the bytes that it would take and those that there are.
    """
    if needed < SMALL:
        return
    room = available() if there is None else there
    if room is not None and needed > room:
        allowed = f"of {_bytes(room)} at most, the memory that is available"
        raise FxlifError.must_be(key, allowed, needed, found=f"{_bytes(needed)} for {what}")


def must_have_room(key: str, needed: int, what: str, folder: Path) -> None:
    """As :func:`must_fit`, of the file system in which ``folder`` is, or will be."""
    if needed < SMALL:
        return
    there = next((each for each in (folder, *folder.absolute().parents) if each.is_dir()), None)
    room = None if there is None else shutil.disk_usage(there).free
    if room is not None and needed > room:
        allowed = f"of {_bytes(room)} at most, what {there} has free"
        raise FxlifError.must_be(key, allowed, needed, found=f"{_bytes(needed)} for {what}")


def available(root: Path = Path("/")) -> int | None:
    """The bytes that this process can still have; None where the system does not say.

    The least of what the machine has free, of what is left to each control group that this process
    is in (a container's limit), and of what is left of its address space. ``root``: where the
    system's files are.
    """
    return min((max(0, room) for room in _rooms(root)), default=None)


def _bytes(count: int) -> str:
    for unit, size in (("TB", 10**12), ("GB", 10**9)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 10**6:,.0f} MB"


def _rooms(root: Path) -> Iterator[int]:
    """What each of the limits leaves."""
    machine = _table(root / "proc/meminfo")
    if "MemAvailable" in machine:
        yield 1024 * (machine["MemAvailable"] + machine.get("SwapFree", 0))
    elif hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            yield from _group_rooms(root / "sys/fs/cgroup" / controllers, path, not controllers)
    used = _read(root / "proc/self/statm").split()
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and used:
        yield limit - int(used[0]) * resource.getpagesize()


def _group_rooms(mount: Path, path: str, unified: bool) -> Iterator[int]:
    """What is left to a control group and to those above it, in either version of them.

    Inside a container the path may be the host's; the limit then stands at the mount itself.
    """
    limit, used = ("max", "current") if unified else ("limit_in_bytes", "usage_in_bytes")
    group = mount / path.strip("/")
    for folder in (group, *group.parents):
        most = _read(folder / f"memory.{limit}").strip()
        if most.isdecimal():
            held = _read(folder / f"memory.{used}").strip()
            kept = _table(folder / "memory.stat")
            # Files that were read are given back when they are in the way.
            prefix = "" if unified else "total_"
            files = sum(kept.get(f"{prefix}{name}_file", 0) for name in ("inactive", "active"))
            yield int(most) - (int(held) if held.isdecimal() else 0) + files
        if folder == mount:
            return


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _table(path: Path) -> dict[str, int]:
    """The numbers of a file of lines like ``name: 12 kB`` or ``name 12``, by name."""
    pairs = (line.replace(":", " ").split() for line in _read(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) > 1 and pair[1].isdecimal()}
