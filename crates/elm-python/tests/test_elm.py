"""The module `elm` against golden values of the published code, against itself, and with wrong arguments.

Run with the wheel and numpy installed: python -m unittest discover crates/elm-python/tests
"""

import ast
import json
import struct
import tempfile
import threading
import unittest
import warnings
from pathlib import Path

import numpy as np

import elm

CRATES = Path(__file__).resolve().parents[2]
FIXTURES = CRATES / "elm-model" / "tests"
# names of the published class, and ours
PUBLISHED = {
    "num_memory": "num_memory",
    "num_branch": "num_branches",
    "num_synapse_per_branch": "synapses_per_branch",
    "mlp_num_layers": "hidden_layers",
    "mlp_hidden_size": "hidden_size",
    "mlp_activation": "activation",
    "lambda_value": "lambda_",
    "tau_b_value": "branch_tau",
    "tau_s_value": "branch_tau",
    "memory_tau_min": "memory_tau_min",
    "memory_tau_max": "memory_tau_max",
    "learn_memory_tau": "learn_memory_tau",
    "delta_t": "dt",
}
TYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "I8": "i1", "BOOL": "?"}


def safetensors(path):
    """Tensors and metadata of a safetensors file."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, rest = json.loads(data[8 : 8 + size]), data[8 + size :]
    metadata = header.pop("__metadata__", {})
    tensors = {
        name: np.frombuffer(rest[slice(*t["data_offsets"])], TYPES[t["dtype"]]).reshape(t["shape"])
        for name, t in header.items()
    }
    return tensors, metadata


def neuron_of(metadata, state):
    """A neuron with the arguments of the published class."""
    config = json.loads(metadata["config"])
    options = {"seed": 1}
    inputs, outputs = config.pop("num_input"), config.pop("num_output")
    routing = config.pop("input_to_synapse_routing", None)
    if routing is not None:
        options["routing"] = "neuronio" if routing == "neuronio_routing" else 0
    config.pop("w_s_value", None)  # what weights start with, and these are loaded
    for name, value in config.items():
        options[PUBLISHED[name]] = value
    neuron = elm.ElmNeuron(inputs, outputs, "v" + metadata["version"], **options)
    neuron.load_state_dict(state)
    return neuron


class Golden(unittest.TestCase):
    def test_forward_has_the_values_of_the_published_code(self):
        files = sorted((FIXTURES / "golden").glob("*.safetensors"))
        self.assertGreater(len(files), 20)
        for path in files:
            with self.subTest(path.stem):
                tensors, metadata = safetensors(path)
                state = {k.removeprefix("param."): v for k, v in tensors.items() if k.startswith("param.")}
                neuron = neuron_of(metadata, state)
                y = neuron.forward(tensors["x"])
                self.assertEqual((y.dtype, y.shape), (np.float32, tensors["y"].shape))
                np.testing.assert_allclose(y, tensors["y"], rtol=0, atol=1e-5)
                # a sequence alone, step by step
                stream = neuron.stream()
                steps = np.stack([stream.step(x) for x in tensors["x"][0]])
                np.testing.assert_allclose(steps, tensors["y"][0], rtol=0, atol=1e-5)

    def test_published_weights_load(self):
        golden, _ = safetensors(FIXTURES / "pretrained" / "io.safetensors")
        for name in ["num_memory_1", "num_memory_5", "best_elm_neuron"]:
            with self.subTest(name), warnings.catch_warnings():
                warnings.simplefilter("error")
                model = elm.load(FIXTURES / "pretrained" / f"{name}.safetensors")
                y = model.forward(golden["x"])
                np.testing.assert_allclose(y, golden[f"y.{name}"], rtol=0, atol=1e-4)
                self.assertEqual(model.output_names, ["spike probability", "soma (mV)"])
                p = model.predict(golden["x"])
                np.testing.assert_allclose(p[..., 0], 1 / (1 + np.exp(-y[..., 0])), atol=1e-6)
                # spikes alone, as they come in
                stream = model.stream()
                for x, expected in zip(golden["x"][0], p[0]):
                    events = [(int(c), float(x[c])) for c in np.flatnonzero(x)]
                    np.testing.assert_allclose(stream.step_events(events), expected, rtol=0, atol=1e-4)

    def test_a_model_that_ships_loads_by_its_name(self):
        model = elm.load("neuronio-m20")
        self.assertEqual((model.inputs, model.outputs, model.num_trained), (1278, 2, 8002))
        self.assertEqual(model.card["task"]["name"], "neuronio")

    def test_what_is_assumed_is_told(self):
        weights = FIXTURES / "pretrained" / "num_memory_1.safetensors"
        with tempfile.TemporaryDirectory() as folder:
            alone = Path(folder) / "alone.safetensors"
            alone.write_bytes(weights.read_bytes())
            with self.assertWarnsRegex(UserWarning, "relu"):
                elm.load(alone)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                elm.load(alone, tau_max=150.0, activation="relu")


class Models(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(0)

    def test_every_option_is_listed_in_the_stub(self):
        stub = ast.parse((CRATES / "elm-python" / "elm.pyi").read_text())
        neuron = next(c for c in stub.body if isinstance(c, ast.ClassDef) and c.name == "ElmNeuron")
        listed = {a.arg.rstrip("_") for a in neuron.body[1].args.kwonlyargs}
        options = elm.ElmNeuron(3, 1, num_memory=2).options
        self.assertEqual(listed - {"routing", "spike_bias", "seed"}, set(options))
        # and every class and function, with what it has
        for item in stub.body:
            if isinstance(item, (ast.ClassDef, ast.FunctionDef)):
                found = getattr(elm, item.name)
                self.assertTrue(found.__doc__, item.name)
                for part in getattr(item, "body", []):
                    if isinstance(part, ast.FunctionDef):
                        self.assertTrue(hasattr(found, part.name), f"{item.name}.{part.name}")

    def test_forms_and_options(self):
        self.assertEqual(elm.ElmNeuron(3, 1).options["gate"], "scaled")
        neuron = elm.ElmNeuron(
            6, 2, "network", num_memory=np.int64(4), num_branches=3, synapses_per_branch=5, routing=7,
            high_pass_tau=2, branch_tau=None, lambda_=np.float32(4.0), activation="silu",
        )
        options = neuron.options
        self.assertEqual(options["high_pass_tau"], {"ms": 2.0})
        self.assertEqual((options["branch_tau"], options["lambda"], options["num_memory"]), ("off", 4.0, 4))
        self.assertEqual(neuron.state_dict()["input_to_synapse_indices"].dtype, np.int64)
        same = elm.ElmNeuron(3, 1, num_memory=2, seed=5), elm.ElmNeuron(3, 1, num_memory=2, seed=5)
        x = self.rng.normal(size=(2, 5, 3))
        np.testing.assert_array_equal(same[0].forward(x), same[1].forward(x))
        self.assertFalse(np.array_equal(same[0].forward(x), elm.ElmNeuron(3, 1, num_memory=2).forward(x)))

    def test_saved_is_loaded(self):
        neuron = elm.ElmNeuron(4, 2, "v2", num_memory=5)
        x = self.rng.normal(size=(3, 20, 4)).astype(np.float32)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            neuron.save(path)
            again = elm.load(path)
        np.testing.assert_array_equal(again.forward(x), neuron.forward(x))
        self.assertEqual(again.card["config"]["elm"]["num_inputs"], 4)
        self.assertEqual((again.inputs, again.outputs, again.num_trained), (4, 2, neuron.num_trained))
        self.assertIn("4 inputs", repr(again))
        self.assertEqual((again.classes, again.per_step), (None, True))

    def test_arrays_of_any_kind(self):
        neuron = elm.ElmNeuron(3, 1, num_memory=2)
        x = self.rng.integers(0, 2, size=(2, 7, 3))
        expected = neuron.forward(x.astype(np.float32))
        for same in [x, x.astype(bool), x.astype(">f8"), np.asfortranarray(x), x.tolist(), x[::-1][::-1]]:
            np.testing.assert_array_equal(neuron.forward(same), expected)
        # tokens are channels
        tokens = self.rng.integers(0, 3, size=(2, 7))
        np.testing.assert_array_equal(neuron.forward(tokens), neuron.forward(np.eye(3)[tokens]))
        # padding is past the end
        padded = np.concatenate([x, np.zeros((2, 4, 3))], axis=1)
        y = neuron.predict(padded, lengths=[7, 5])
        np.testing.assert_allclose(y[0, :7], expected[0], rtol=0, atol=1e-6)
        self.assertEqual(y.shape, (2, 7, 1))
        np.testing.assert_array_equal(y[1, 5:], 0)

    def test_a_stream_starts_anew(self):
        neuron = elm.ElmNeuron(3, 2, "v2", num_memory=4)
        x = self.rng.normal(size=(1, 30, 3)).astype(np.float32)
        y = neuron.forward(x)[0]
        for raw in [False, True]:
            stream = neuron.stream(raw=raw)
            self.assertEqual((stream.inputs, stream.outputs), (3, 2))
            for _ in range(2):
                steps = np.stack([stream.step(row) for row in x[0]])
                np.testing.assert_allclose(steps, y, rtol=0, atol=1e-5)
                stream.reset()

    def test_threads_share_a_model(self):
        neuron = elm.ElmNeuron(8, 2, num_memory=8)
        x = self.rng.normal(size=(4, 200, 8))
        expected = neuron.forward(x)
        results = [None] * 4

        def work(k):
            results[k] = neuron.forward(x)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        for result in results:
            np.testing.assert_array_equal(result, expected)


class Errors(unittest.TestCase):
    def check(self, kind, words, action, *args, **options):
        with self.assertRaises(kind) as caught:
            action(*args, **options)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_what_was_expected_and_found(self):
        neuron = elm.ElmNeuron(3, 1, num_memory=2)
        wrong = [
            ((np.zeros((2, 5, 4)),), ["3 channels", "found 4"]),
            ((np.zeros((2, 5)),), ["[sample, time, 3]", "[2, 5]"]),
            ((np.zeros(3),), ["[3]"]),
            ((np.array("x"),), ["<U1"]),
            ((np.zeros((0, 5, 3)),), ["at least one sequence"]),
            ((np.zeros((2, 0, 3)),), ["at least one step"]),
            ((np.zeros((2, 5, 3)), [5]), ["one length for each of 2"]),
            ((np.zeros((2, 5, 3)), [5, 6]), ["1 to 5", "found 6"]),
            ((np.array([[0, 3]]),), ["0 to 2", "found 3"]),
            ((np.array([[0, -1]]),), ["found -1"]),
        ]
        for arguments, words in wrong:
            self.check(ValueError, words, neuron.forward, *arguments)
            self.check(ValueError, words, neuron.predict, *arguments)
        stream = neuron.stream()
        self.check(ValueError, ["expected 3 numbers", "[4]"], stream.step, np.zeros(4))
        self.check(ValueError, ["3"], stream.step_events, [(3, 1.0)])
        self.check(ValueError, ["token"], stream.step_token, 0)
        # a step that was refused changed nothing
        y = neuron.forward(np.zeros((1, 1, 3)))[0, 0]
        np.testing.assert_allclose(stream.step(np.zeros(3)), y, rtol=0, atol=1e-6)

    def test_options(self):
        make = elm.ElmNeuron
        self.check(TypeError, ["num_memry", "num_memory"], make, 3, 1, num_memry=4)
        self.check(ValueError, ["v3"], make, 3, 1, "v3")
        self.check(ValueError, ["num_memory", "0"], make, 3, 1, num_memory=0)
        self.check(ValueError, ["num_memory"], make, 3, 1, num_memory=-1)
        self.check(ValueError, ["activation", "tanh", "silu"], make, 3, 1, activation="tanh")
        self.check(ValueError, ["memory_tau_max"], make, 3, 1, memory_tau_max=float("nan"))
        self.check(ValueError, ["routing"], make, 3, 1, routing="all")
        self.check(ValueError, ["num_memory"], make, 3, 1, num_memory=2**40)
        self.check(ValueError, ["num_inputs"], make, 0, 1)

    def test_files(self):
        self.check(FileNotFoundError, ["nowhere"], elm.load, "nowhere.safetensors")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.safetensors"
            path.write_text("<!DOCTYPE html>")
            self.check(ValueError, ["page.safetensors", "web page"], elm.load, path)
            self.check(Exception, ["missing"], elm.ElmNeuron(3, 1).save, Path(folder) / "missing" / "x")
        neuron = elm.ElmNeuron(3, 1, num_memory=2)
        state = neuron.state_dict()
        short = {k: v for k, v in state.items() if k != "w_y.bias"}
        self.check(ValueError, ["w_y.bias"], neuron.load_state_dict, short)
        state["_proto_w_s"] = np.zeros(4)
        self.check(ValueError, ["_proto_w_s", "[4]"], neuron.load_state_dict, state)
        state["_proto_w_s"] = np.array([1.0, np.nan, 0.0])
        self.check(ValueError, ["_proto_w_s", "NaN"], neuron.load_state_dict, state)


if __name__ == "__main__":
    unittest.main()
