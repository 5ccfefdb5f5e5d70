"""Times one PyTorch variant of the ELM neuron on one device: python torch_gpu.py VARIANT SIZE DEVICE BATCH STEPS SECONDS.

VARIANT  plain (the published algorithm, eager), manual_jit (hoisted, scripted, hand-written backward), manual_graph (the
         same unscripted, the whole training step replayed as one CUDA graph), compile (torch.compile on blocks of steps).
SIZE     as `elm-gpu-bench --size`; DEVICE as PyTorch names it.
Needs `elm_torch.py` (the PyTorch reference of this project's design folder) beside this file or in $ELM_TORCH.
Prints one JSON line with medians in ms of the forward pass without gradients and of a training step.
"""
import json
import os
import statistics
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.environ.get("ELM_TORCH", here), os.path.join(here, "../../../shared/reference")]
import torch

variant, size, device, batch, steps, seconds = sys.argv[1:]
batch, steps, seconds = int(batch), int(steps), float(seconds)
torch.set_default_device(device)
torch.manual_seed(0)

from elm_torch import ELM, ELMFast

NIO = dict(num_input=1278, num_output=2, num_branch=45, num_synapse_per_branch=100,
           input_to_synapse_routing="neuronio_routing", memory_tau_max=150.0)
SIZES = {
    "nio_m20": (dict(NIO, num_memory=20), 0.011),
    "nio_m100": (dict(NIO, num_memory=100), 0.011),
    "nio_m100_b128": (dict(NIO, num_memory=100), 0.011),
    "shd_m100": (dict(num_input=700, num_output=20, num_memory=100, memory_tau_max=500.0, delta_t=10.0), 0.03),
    "pathx_m100": (dict(num_input=16, num_output=2, num_memory=100), None),
    "pathx_m200": (dict(num_input=16, num_output=2, num_memory=200), None),
}
config, rate = SIZES[size]
graphed = variant == "manual_graph"
if graphed and not torch.cuda.is_available():
    sys.exit("manual_graph needs CUDA")
core = "manual" if graphed else variant
model = ELM(**config) if core == "plain" else ELMFast(core=core, **config)
shape = (batch, steps, config["num_input"])
x = torch.randn(shape) if rate is None else (torch.rand(shape) < rate).float()
target = torch.randn(batch, steps, config["num_output"])
parameters = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.Adam(parameters, lr=5e-4, capturable=graphed)


def wait():
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def forward():
    with torch.no_grad():
        model(x)


def train():
    optimizer.zero_grad(set_to_none=False)
    ((model(x) - target) ** 2).mean().backward()
    optimizer.step()


def captured(work):
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def median(work):
    for _ in range(2):
        work()
    wait()
    times, begun = [], time.perf_counter()
    while (time.perf_counter() - begun < seconds and len(times) < 100) or len(times) < 3:
        start = time.perf_counter()
        work()
        wait()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


if graphed:
    forward, train = captured(forward), captured(train)
print(json.dumps(dict(variant=variant, size=size, forward_ms=median(forward), train_ms=median(train))))
