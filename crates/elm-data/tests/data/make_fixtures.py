"""Writes the tiny NeuronIO pickles beside it (needs numpy): one content, the ways in which Python 3 can write it."""

import gzip
import pathlib
import pickle

import numpy as np

here = pathlib.Path(__file__).parent


def simulation(integer, float_type, as_arrays, output=(4.5, 12.0)):
    shared = integer(3)  # one object in two lists: a memo reference
    excitatory = {integer(0): [integer(0), shared, integer(19)], integer(638): [shared, integer(7)], integer(5): []}
    inhibitory = {integer(2): [shared, integer(4)]}
    if as_arrays:
        excitatory = {k: np.array(v, dtype=integer) for k, v in excitatory.items()}
    return {
        "somaVoltageHighRes": np.zeros(3000, np.float16),  # large and not needed
        "exInputSpikeTimes": excitatory,
        "inhInputSpikeTimes": inhibitory,
        "outputSpikeTimes": np.array(output, float_type),
        "somaVoltageLowRes": np.array([-76.0 + 0.5 * t for t in range(20)], float_type),
    }


def root(*simulations):
    params = {"totalSimDurationInSec": 0.02, "allSegmentsType": ["basal"] * 262 + ["apical"] * 377}
    return {"Params": params, "Results": {"listOfSingleSimulationDicts": list(simulations)}}


def write(name, content, protocol):
    with gzip.GzipFile(here / name, "wb", mtime=0) as file:
        pickle.dump(content, file, protocol)


write("protocol2.p.gz", root(simulation(np.int64, np.float16, False), simulation(int, np.float32, False)), 2)
write("protocol3.p.gz", root(simulation(np.int32, np.float64, False), simulation(np.uint16, ">f4", True)), 3)
write("protocol4.p.gz", root(simulation(np.int64, ">f2", False), simulation(np.int16, np.float64, True)), 4)
write("protocol5.p.gz", root(simulation(np.int64, np.float32, True), simulation(int, np.float16, False)), 5)
write("silent2.p.gz", root(simulation(np.int64, np.float16, False, output=())), 2)  # no bytes: `bytes()` is called
