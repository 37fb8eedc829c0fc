"""The programs that fxlif runs: simulators, Yosys, solvers; and designs built as libraries."""
