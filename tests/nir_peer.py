"""Small networks of snnTorch, Norse and sinabs: the NIR files that these packages write, and what
the packages' own simulations do, step by step, in double precision.

    python tests/nir_peer.py FOLDER

needs those packages (the extra `peers-torch`), not fxlif. Of each network FOLDER gets NAME.nir
and NAME.npz: `inputs` (steps, n), `last` (steps, n of the last node: spikes, or the membrane of a
leaky integrator), and `options`, with which :func:`fxlif.nir.read` has to read the file, as JSON.
The files in tests/evidence/nir were made so; .ci/peers makes new ones and holds fxlif against them.
"""

import json
import sys
from pathlib import Path

import nir
import norse.torch as norse
import numpy as np
import sinabs
import sinabs.activation
import sinabs.layers as sl
import sinabs.nir
import snntorch as snn
import torch
from norse.torch.functional.lif import LIFParameters
from norse.torch.module.leaky_integrator_box import LIBoxCell, LIBoxParameters
from norse.torch.module.lif_box import LIFBoxCell, LIFBoxParameters
from snntorch.export_nir import export_to_nir
from torch import nn

STEPS = 120


def inputs(shape: tuple[int, ...], rate: float) -> torch.Tensor:
    return (torch.rand((STEPS, *shape)) < rate).double()


def weighted(*modules: nn.Module, scale: float = 2.0, more: float = 0.15) -> list[nn.Module]:
    """The modules with weights that are larger and more positive."""
    for module in modules:
        for name, values in module.named_parameters():
            if name.endswith("weight"):
                values.data = values.data * scale + more
    return list(modules)


# --- snnTorch -----------------------------------------------------------------------------------


def snntorch(modules: list[nn.Module], x: torch.Tensor, **options: object):
    modules = weighted(*modules)
    graph = export_to_nir(nn.Sequential(*modules), x[:1].float(), ignore_dims=[0])
    last = []
    for module in modules:
        module.double()
        if hasattr(module, "reset_mem"):
            module.reset_mem()
        if hasattr(module, "spk"):
            module.spk = torch.zeros_like(module.spk.double())
    for step in x:
        values = step[None]
        for module in modules:
            values = module(values).double()  # spikes of snnTorch are always of single precision
            if hasattr(module, "spk"):
                module.spk = module.spk.double()
        last.append(values[0].detach().numpy())
    return graph, x, last, {"convention": "snntorch", "dt": 1e-4, **options}


def full(shape: int | tuple[int, ...], value: float) -> torch.Tensor:
    """One value for each neuron: NIR's own check of shapes takes no single one for all."""
    return torch.full((shape,) if isinstance(shape, int) else shape, value)


def leaky(shape, beta: float, threshold: float = 1.0, **options: object) -> nn.Module:
    return snn.Leaky(
        beta=full(shape, beta), threshold=full(shape, threshold), init_hidden=True, **options
    )


def snntorch_leaky():
    modules = [
        nn.Linear(12, 10, bias=False),
        leaky(10, 0.9),
        nn.Linear(10, 5, bias=False),
        leaky(5, 0.8, 0.7),
    ]
    return snntorch(modules, inputs((12,), 0.3), reset="subtract")


def snntorch_zero():
    zero = {"reset_mechanism": "zero"}
    modules = [nn.Linear(12, 10), leaky(10, 0.9, **zero), nn.Linear(10, 5), leaky(5, 0.8, **zero)]
    return snntorch(modules, inputs((12,), 0.3), reset="to_value")


def snntorch_synaptic():
    modules = [
        nn.Linear(12, 10, bias=False),
        snn.Synaptic(alpha=full(10, 0.7), beta=full(10, 0.9), threshold=full(10, 1.0),
                     init_hidden=True),
        nn.Linear(10, 5), leaky(5, 0.5),
    ]  # fmt: skip
    return snntorch(modules, inputs((12,), 0.1), reset="subtract")


def snntorch_recurrent():
    recurrent = snn.RLeaky(beta=0.9, linear_features=8, init_hidden=True)
    modules = [nn.Linear(12, 8), recurrent, nn.Linear(8, 5), leaky(5, 0.8)]
    return snntorch(modules, inputs((12,), 0.2), reset="subtract")


def snntorch_convolution():
    modules = [
        nn.Conv2d(2, 3, 3, padding=1), leaky((3, 6, 6), 0.8), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(27, 5), leaky(5, 0.9),
    ]  # fmt: skip
    return snntorch(modules, inputs((2, 6, 6), 0.02), reset="subtract")


# --- Norse --------------------------------------------------------------------------------------


def norse_run(modules: list[nn.Module], x: torch.Tensor, export: dict, **options: object):
    net = norse.SequentialState(*weighted(*modules))
    graph = norse.to_nir(net, x[0].float(), **export)
    state, last = None, []
    net.double()
    for step in x:
        values, state = net(step[None], state)
        last.append(values[0].detach().numpy())
    return graph, x, last, {"convention": "norse", **options}


def box(n: int, tau_mem_inv: float, v_leak: float = 0.0) -> LIFBoxCell:
    values = {"tau_mem_inv": tau_mem_inv, "v_th": 0.3, "v_leak": v_leak}
    return LIFBoxCell(LIFBoxParameters(**{k: full(n, v) for k, v in values.items()}))


def norse_box():
    modules = [
        nn.Linear(12, 10, bias=False),
        box(10, 200.0),
        nn.Linear(10, 5, bias=False),
        box(5, 100.0),
    ]
    return norse_run(modules, inputs((12,), 0.3), {"dt": 1}, dt=1e-3)


def norse_default_export():
    modules = [nn.Linear(12, 10), box(10, 200.0, v_leak=0.05), nn.Linear(10, 5), box(5, 100.0)]
    return norse_run(modules, inputs((12,), 0.3), {}, dt=1e-6)


SYNAPTIC = {"tau_syn_inv": 200.0, "tau_mem_inv": 100.0, "v_leak": 0.0, "v_th": 0.4}


def norse_synaptic():
    cell = norse.LIFCell(LIFParameters(**{k: full(10, v) for k, v in SYNAPTIC.items()}))
    modules = [nn.Linear(12, 10), cell, nn.Linear(10, 5), box(5, 100.0)]
    return norse_run(modules, inputs((12,), 0.3), {"dt": 1}, dt=1e-3)


def norse_readout():
    read = LIBoxCell(LIBoxParameters(tau_mem_inv=full(3, 100.0), v_leak=full(3, 0.0)))
    modules = [nn.Linear(12, 10), box(10, 200.0), nn.Linear(10, 3), read]
    return norse_run(modules, inputs((12,), 0.3), {"dt": 1}, dt=1e-3)


# --- sinabs -------------------------------------------------------------------------------------


def sinabs_run(modules, x: torch.Tensor, scale: float = 2.0, more: float = 0.15, **options):
    """The squeezing layers take batch times steps as one dimension."""
    net = nn.Sequential(*weighted(*modules, scale=scale, more=more))
    graph = sinabs.nir.to_nir(net, x.float())
    net.double()
    sinabs.reset_states(net)
    values = x
    for module in net:
        values = module(values).double()
    return graph, x, values.detach().numpy(), {"convention": "sinabs", "dt": 1, **options}


def sinabs_lif():
    layers = [
        sl.LIFSqueeze(tau_mem=full(n, tau), batch_size=1, spike_threshold=full(n, 0.3))
        for n, tau in ((10, 9.0), (5, 5.0))
    ]
    modules = [nn.Linear(12, 10), layers[0], nn.Linear(10, 5), layers[1]]
    return sinabs_run(modules, inputs((12,), 0.4), reset="subtract")


def sinabs_single():
    layer = sl.LIFSqueeze(
        tau_mem=full(5, 9.0), batch_size=1, spike_threshold=full(5, 0.5), norm_input=False,
        spike_fn=sinabs.activation.SingleSpike, reset_fn=sinabs.activation.MembraneReset(),
    )  # fmt: skip
    options = {"reset": "to_value", "norm_input": False}
    return sinabs_run([nn.Linear(12, 5), layer], inputs((12,), 0.3), **options)


def sinabs_convolution():
    modules = [
        nn.Conv2d(2, 3, 3, stride=1, padding=1, bias=False), sl.IAFSqueeze(batch_size=1),
        sl.SumPool2d(2), nn.Flatten(), nn.Linear(27, 5, bias=False), sl.IAFSqueeze(batch_size=1),
    ]  # fmt: skip
    for module in (modules[0], modules[4]):
        # Quarters: v often is the threshold exactly, which is a spike. Some are 0 and negative.
        module.weight.data = (4 * module.weight.data).round() / 8 + 1 / 8
    return sinabs_run(modules, inputs((2, 6, 6), 0.2), reset="subtract", scale=1.0, more=0.0)


def sinabs_readout():
    modules = [
        nn.Linear(12, 10), sl.LIFSqueeze(tau_mem=full(10, 9.0), batch_size=1,
                                         spike_threshold=full(10, 0.3)), nn.Linear(10, 3),
        sl.ExpLeakSqueeze(tau_mem=full(3, 20.0), batch_size=1),
    ]  # fmt: skip
    return sinabs_run(modules, inputs((12,), 0.4), reset="subtract")


NETWORKS = (
    snntorch_leaky, snntorch_zero, snntorch_synaptic, snntorch_recurrent, snntorch_convolution,
    norse_box, norse_default_export, norse_synaptic, norse_readout,
    sinabs_lif, sinabs_single, sinabs_convolution, sinabs_readout,
)  # fmt: skip


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for network in NETWORKS:
        torch.manual_seed(1)
        graph, x, last, options = network()
        name = network.__name__
        nir.write(folder / f"{name}.nir", graph, compression=None)
        # Spikes, and values of a leaky integrator, whatever the type.
        last = np.stack(list(last)).reshape(STEPS, -1)
        np.savez_compressed(
            folder / f"{name}.npz", inputs=x.reshape(STEPS, -1).numpy().astype(np.int8),
            last=last.astype(np.float64), options=json.dumps(options),
        )  # fmt: skip
        print(name, f"{last.sum():.0f}", last.shape)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
