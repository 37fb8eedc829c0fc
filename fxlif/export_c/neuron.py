"""A lone neuron in C: its golden step, of one or of many, and the registered one."""

from __future__ import annotations

from ..params.neuron import NeuronParams
from ..params.quantise import signed_range
from .expressions import c_type, stored_type
from .steps import Inputs, StepText
from .tables import joined


class NeuronText:
    """The C of a neuron; ``NAME`` stands for its name. ``step``: its functions; ``parts``: what
    the templates are filled with."""

    def __init__(self, neuron: NeuronParams) -> None:
        self.neuron = neuron
        current = signed_range(neuron.current_bits)
        threshold = (neuron.v_threshold, neuron.v_threshold)
        inputs = Inputs(current, threshold, most=neuron.max_spikes_per_step)
        self.step = StepText(neuron, "NAME", inputs)
        variables = list(self.step.state)
        self.parts = {
            "LOW": str(current[0]), "HIGH": str(current[1]), "V_RESET": str(neuron.v_reset),
            "SEED": f"{neuron.lfsr.seed}u", "ARRAYS": self._arrays(), "LOCALS": self._locals(),
            "FROM_K": self._from_k(),
            "CALL": self._call({name: f"neuron->{name}" for name in variables}, "neuron->lfsr"),
            "STORE": joined(f"neuron->{name} = {name};" for name in variables),
            "CALL_EACH": self._call({name: f"all_{name}[k]" for name in variables}, "*lfsr",
                                    current="current[k]"),
            "STORE_EACH": joined(
                f"all_{name}[k] = ({stored_type(*ends)}){name};"
                for name, ends in self.step.state.items()
            ),
        }  # fmt: skip

    def _arrays(self) -> str:
        state = self.step.state.items()
        made = [f"{stored_type(*ends)} *NAME_RESTRICT all_{name}" for name, ends in state]
        made += ["uint32_t *NAME_RESTRICT lfsr"] if self.neuron.random_bits else []
        made.append(f"const {c_type(*self.step.inputs.current)} *NAME_RESTRICT current")
        return ",\n                ".join([*made, "uint8_t *NAME_RESTRICT spiked"])

    def _from_k(self) -> str:
        """The same arrays from neuron k on; the register is that of all."""
        lfsr = ["lfsr"] if self.neuron.random_bits else []
        states = [f"all_{name} + k" for name in self.step.state]
        return ", ".join([*states, *lfsr, "current + k", "spiked + k"])

    def _locals(self) -> str:
        made = [(c_type(*ends), name) for name, ends in self.step.state.items()]
        made.append((c_type(*self.step.results["spikes"]), "spikes"))
        return joined(f"{kind} {name};" for kind, name in made)

    def _call(self, state: dict[str, str], lfsr: str, current: str = "current") -> str:
        after = {f"{name}_after": f"&{name}" for name in state}
        bits = self.neuron.random_bits
        values = state | after | {"current": current, "spikes": "&spikes"}
        values["random"] = f"({lfsr} & {(1 << bits) - 1}u)"
        made = [f"step_NAME({self.step.arguments(values)});"]
        if bits:
            made.append(f"{lfsr} = shifted({lfsr}, {self.neuron.lfsr.mask}u);")
        return joined(made)
