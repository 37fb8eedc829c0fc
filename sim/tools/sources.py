"""What hardware is built from: file name → text of Verilog, and of the images that it reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ...errors import FxlifError

#: How the names of images end.
IMAGE = ".mem"
_NAMED = re.compile(r'\.IMAGE\("([^"]+)"\)')


def is_image(name: str) -> bool:
    """Whether a file is the image of a memory; every other one is Verilog."""
    return name.endswith(IMAGE)


def verilog_files(sources: Iterable[str]) -> list[str]:
    """The names of the files that are compiled."""
    return [name for name in sources if not is_image(name)]


def images(sources: Mapping[str, str]) -> dict[str, str]:
    """The files that are read when a simulation starts, or a netlist is made."""
    return {name: text for name, text in sources.items() if is_image(name)}


def named_images(verilog: str) -> list[str]:
    """The images that a text of fxlif's own Verilog reads, each once."""
    return list(dict.fromkeys(_NAMED.findall(verilog)))


def check_images(sources: Mapping[str, str]) -> None:
    """Refuse Verilog without an image that it reads: simulators only warn of it.

    Raises:
        FxlifError: the first image that is missing.
    """
    for name in verilog_files(sources):
        for image in named_images(sources[name]):
            if image not in sources:
                allowed = f"beside {name}, which reads it"
                raise FxlifError.must_be(image, allowed, None, found="missing")


def put(sources: Mapping[str, str], folder: Path) -> list[Path]:
    """Write all files to a folder, the images too; the paths of those that are compiled.

    Raises:
        FxlifError: as :func:`check_images`.
    """
    check_images(sources)
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in verilog_files(sources)]
