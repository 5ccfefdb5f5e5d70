"""Weights in PyTorch: the published classes load what elm wrote, and elm loads what they wrote.

    check.py REFERENCE make FOLDER    a neuron of each published form and a network, with inputs and outputs
    check.py REFERENCE check FOLDER   what elm converted and predicted against the classes

REFERENCE holds elm_torch.py and elm_network_torch.py.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch

reference, task, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
sys.path.insert(0, reference)
import elm_network_torch  # noqa: E402
from elm_torch import ELM  # noqa: E402

TOLERANCE = 1e-5
FORMATS = {"F64": np.float64, "F32": np.float32, "I64": np.int64, "BOOL": np.bool_}


def safetensors(path):
    """The tensors of a safetensors file."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    out = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            array = np.frombuffer(data[8 + length + start:8 + length + end], FORMATS[entry["dtype"]])
            out[name] = torch.from_numpy(array.reshape(entry["shape"]).copy())
    return out


def neuron(config):
    """The published class for a published configuration."""
    config = dict(config)
    version = 1 if config.get("tau_s_value") is not None else 2
    branch = config.pop("tau_b_value", None)
    if branch is not None:
        config["tau_s_value"] = branch
    return ELM(version=version, **{k: v for k, v in config.items() if v is not None})


def network(config, state, x):
    """The network's outputs, every tensor used exactly once."""
    layers = [elm_network_torch.complete(layer) for layer in config["layers"]]
    params, state = [{} for _ in layers], dict(state)
    for name in list(state):
        if name.startswith("layers."):
            _, index, rest = name.split(".", 2)
            params[int(index)][rest] = state.pop(name)
    linear = {name: state.pop("linear." + name) for name in ("weight", "bias")} if config["linear"] else None
    assert not state, f"unknown tensors: {list(state)}"
    return elm_network_torch.run(layers, params, linear, x)[0]


def compare(what, ours, theirs):
    worst = float(np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max()))
    assert worst <= TOLERANCE, f"{what}: differs by {worst}"
    assert np.abs(theirs).max() > 1e-3, f"{what}: outputs are all zero"
    print(f"{what}: {worst:.1e}")


def make():
    torch.manual_seed(1)
    common = dict(num_input=12, num_output=3, num_memory=5, memory_tau_max=150.0, num_branch=4,
                  num_synapse_per_branch=6, input_to_synapse_routing="random_routing")
    wrapped = {"plain": lambda s: s, "trainer": lambda s: {"epoch": 3, "state_dict": {"model.module." + k: v for k, v in s.items()}}}
    for version, tau in ((1, "tau_s_value"), (2, "tau_b_value")):
        for wrap, around in wrapped.items():
            model = ELM(version=version, mlp_activation="silu", **common)
            name = f"theirs_{wrap}_v{version}"
            torch.save(around(model.state_dict()), folder / f"{name}.pt")
            config = dict(common, mlp_activation="silu", **{tau: 5.0})
            (folder / f"{name}.json").write_text(json.dumps(config))
            x = torch.randn(2, 30, 12)
            np.save(folder / f"{name}.x.npy", x.numpy())
            np.save(folder / f"{name}.y.npy", model(x).detach().numpy())
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(folder / "script.pt"))
    for inputs in (12, 6):
        np.save(folder / f"x{inputs}.npy", torch.randn(2, 30, inputs).numpy())


def check():
    for path in sorted(folder.glob("theirs_*.pt")):
        theirs = np.load(folder / f"{path.stem}.y.npy")
        compare(f"{path.stem} in elm", np.load(folder / f"{path.stem}.out.npz")["y"], theirs)
    for path in sorted(folder.glob("ours_*.pt")):
        config = json.loads((folder / f"{path.stem}.json").read_text())
        ours = np.load(folder / f"{path.stem}.npz")["y"]
        x = torch.from_numpy(np.load(folder / config.pop("x")))
        for state in (torch.load(path, weights_only=True), safetensors(path.with_suffix(".safetensors"))):
            if "layers" in config:
                theirs = network(config, state, x)
            else:
                model = neuron(config)
                model.load_state_dict(state, strict=True)
                theirs = model(x)
            compare(f"{path.stem} in PyTorch", ours, theirs.detach().numpy())


{"make": make, "check": check}[task]()
