"""What must be on a machine besides Python packages, and how each is installed."""

from __future__ import annotations

import platform
import shutil
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ...errors import FxlifError

#: By system: how packages are installed, and what it is recognised by in /etc/os-release.
SYSTEMS = {"Debian": "apt-get install", "Fedora": "dnf install", "macOS": "brew install"}


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """Something that the machine must have.

    Attributes:
        name: what is looked for.
        purpose: what needs it.
        find: where it is; an empty text where it is not there.
        packages: the system's package that brings it, in the order of :data:`SYSTEMS`.
    """

    name: str
    purpose: str
    find: Callable[[], str]
    packages: tuple[str, str, str]

    def install(self) -> str:
        """The command that installs it here; one for each system where this one is not known."""
        commands = {
            system: package if " " in package else f"{command} {package}"
            for (system, command), package in zip(SYSTEMS.items(), self.packages, strict=True)
        }
        here = system()
        if here in commands:
            return commands[here]
        return ", ".join(f"{command} ({name})" for name, command in commands.items())

    def check(self) -> str:
        """Where it is.

        Raises:
            FxlifError: it is not there; the line says what needs it and how to install it.
        """
        if found := self.find():
            return found
        raise FxlifError(
            f"{self.name}: not found; {self.purpose} needs it: {self.install()}",
            key=self.name, allowed=self.install(),
        )  # fmt: skip


def system() -> str:
    """One of :data:`SYSTEMS`, or an empty text."""
    if platform.system() == "Darwin":
        return "macOS"
    try:
        about = platform.freedesktop_os_release()
    except OSError:
        return ""
    family = {about.get("ID", ""), *about.get("ID_LIKE", "").split()}
    if family & {"debian", "ubuntu"}:
        return "Debian"
    return "Fedora" if family & {"fedora", "rhel", "centos"} else ""


def _program(name: str) -> Callable[[], str]:
    return lambda: shutil.which(name) or ""


@cache  # looking takes a process of its own
def _libpython() -> str:
    try:
        from find_libpython import find_libpython
    except ImportError:  # cocotb, which brings it, is not there: that is said elsewhere
        return "not looked for without cocotb"
    return find_libpython() or ""


def _headers() -> str:
    header = Path(sysconfig.get_path("include"), "Python.h")
    return str(header) if header.is_file() else ""


_XCODE = "xcode-select --install"
_MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBPYTHON = Requirement(
    name="libpython", purpose="cocotb", find=_libpython,
    packages=(f"libpython{_MINOR}", "python3-libs", f"python@{_MINOR}"),
)  # fmt: skip
HEADERS = Requirement(
    name="Python.h", purpose="pyspike", find=_headers,
    packages=(f"libpython{_MINOR}-dev", "python3-devel", f"python@{_MINOR}"),
)  # fmt: skip
BUILD = tuple(
    Requirement(name=name, purpose="Verilator", find=_program(name), packages=packages)
    for name, packages in {
        "perl": ("perl", "perl", "perl"),
        "make": ("make", "make", _XCODE),
        "g++": ("g++", "gcc-c++", _XCODE),
    }.items()
)
ICARUS = Requirement(
    name="iverilog", purpose="--simulator icarus", find=_program("iverilog"),
    packages=("iverilog", "iverilog", "icarus-verilog"),
)  # fmt: skip


def check_python() -> None:
    """Raise unless cocotb can load the running Python into a simulator."""
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        allowed = (
            "built with a shared libpython, which cocotb loads, as the system's own python3 is"
        )
        raise FxlifError.must_be("python", allowed, str(Path(sys.executable)))
    LIBPYTHON.check()
