"""The Expressive Leaky Memory (ELM) neuron: trained models and step-by-step inference with numpy arrays."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__version__: str

Tau = float | None | Literal["off"] | dict[str, float]
"""A timescale in ms; None for no filter."""

class Model:
    """A model from a file: `elm.load(path)`."""

    @property
    def inputs(self) -> int:
        """Channels of an input."""
    @property
    def outputs(self) -> int:
        """Numbers of an output."""
    @property
    def output_names(self) -> list[str]:
        """Names of what `predict` gives, with units."""
    @property
    def classes(self) -> list[str] | None:
        """Names of the classes; None where outputs are values."""
    @property
    def per_step(self) -> bool:
        """Does `predict` answer at every step, rather than once for a sequence?"""
    @property
    def num_trained(self) -> int:
        """Number of trained numbers."""
    @property
    def card(self) -> dict[str, Any]:
        """What the file says of the model: kind, configuration, task, encoding, outputs."""
    def forward(self, x: ArrayLike, lengths: Sequence[int] | None = None) -> NDArray[np.float32]:
        """The outputs as they are: `[sample, time, channel]`, or tokens `[sample, time]`, to `[sample, time, output]`."""
    def predict(self, x: ArrayLike, lengths: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Probabilities or values in their units: `[sample, output]`, or `[sample, time, output]` where `per_step`."""
    def stream(self, *, raw: bool = False) -> Stream:
        """The model step by step, from rest; answers are those of `predict` so far, or with `raw` those of `forward`."""
    def save(self, path: str | PathLike[str]) -> None:
        """Writes a model file, which `elm.load` and the `elm` command read."""
    def state_dict(self) -> dict[str, NDArray[Any]]:
        """The weights by their published names, as PyTorch has them."""
    def load_state_dict(self, state: Mapping[str, ArrayLike]) -> None:
        """Takes over weights: all that `state_dict` gives, by the same names and of the same shapes."""

class ElmNeuron(Model):
    """A single neuron with weights that are drawn; what is left out is as in its `form`. Times are in ms."""

    def __new__(
        cls,
        inputs: int,
        outputs: int,
        form: Literal["v1", "v2", "network"] = "v1",
        *,
        routing: Literal["none", "neuronio"] | int | None = None,
        spike_bias: float = 0.0,
        seed: int = 0,
        num_memory: int = ...,
        hidden_layers: int = ...,
        hidden_size: int | None = ...,
        num_branches: int | None = ...,
        synapses_per_branch: int | None = ...,
        activation: Literal["relu", "silu", "squared_relu"] = ...,
        synapse_rectification: Literal["identity", "relu", "abs", "exp"] = ...,
        synapse_init: Literal["uniform"] | dict[str, dict[str, float]] = ...,
        input_scale: float = ...,
        branch_tau: Tau = ...,
        lambda_: float = ...,
        gate: Literal["timescale_ratio", "scaled"] = ...,
        memory_tau_min: float = ...,
        memory_tau_max: float = ...,
        tau_range_scale: float = ...,
        learn_memory_tau: bool = ...,
        high_pass_tau: Tau = ...,
        output_activation: Literal["identity", "relu", "spike"] = ...,
        bias_init: Literal["zero", "uniform"] = ...,
        dt: float = ...,
    ) -> ElmNeuron: ...
    @property
    def options(self) -> dict[str, Any]:
        """Every option of the neuron's form, with its value."""

class Stream:
    """A model step by step, as sounds or spikes come in: `model.stream()`."""

    @property
    def inputs(self) -> int:
        """Channels of an input, or the number of tokens."""
    @property
    def outputs(self) -> int:
        """Numbers of an answer."""
    def step(self, x: ArrayLike) -> NDArray[np.float32]:
        """One time step: a number for each channel."""
    def step_events(self, events: Sequence[tuple[int, float]]) -> NDArray[np.float32]:
        """One time step with few active channels: `(channel, value)` of those that are not zero."""
    def step_token(self, token: int) -> NDArray[np.float32]:
        """One time step of a model that reads tokens."""
    def reset(self) -> None:
        """Back to rest."""

def load(
    path: str | PathLike[str],
    *,
    config: str | PathLike[str] | None = None,
    tau_max: float | None = None,
    activation: str | None = None,
) -> Model:
    """Loads a model: of `elm train`, published weights, or one that ships, by its name."""
