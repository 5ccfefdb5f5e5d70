"""Writes the tiny NeuronIO pickles beside it (needs numpy): one content, the ways in which Python 3 can write it."""

import collections
import datetime
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

for protocol in (0, 1):
    content = root(simulation(np.int64, np.float16, False), simulation(int, np.float32, True))
    content["Params"]["flags"] = [True, False, None, -1.5, 2**70]
    write(f"protocol{protocol}.p.gz", content, protocol)

for protocol in (2, 4, 5):  # names as numpy texts, needed or not
    content = root(simulation(np.int64, np.float16, False), simulation(int, np.float32, True))
    content["Params"]["allSegmentsType"] = np.array(content["Params"]["allSegmentsType"])
    content["Params"]["notes"] = np.array(["a", "long one"] * 3000)
    content["Params"]["bytes"] = np.array([b"a", b"bcd"])
    content["Params"]["one"] = np.str_("a text")
    content[np.str_("Results")] = content.pop("Results")
    write(f"text{protocol}.p.gz", content, protocol)

for protocol in (0, 2, 4):  # containers of the standard library
    content = root(simulation(np.int64, np.float16, False), simulation(int, np.float32, False))
    first, second = content["Results"]["listOfSingleSimulationDicts"]
    first = collections.OrderedDict(first)
    trains = collections.defaultdict(list)
    for segment, times in second["exInputSpikeTimes"].items():
        trains[segment].extend(times)
    second["exInputSpikeTimes"] = trains
    second["inhInputSpikeTimes"] = {2: frozenset({3, 4})}
    content["Results"]["listOfSingleSimulationDicts"] = collections.deque([first, second])
    content["Params"]["others"] = [{1, 2}, frozenset(), set(), collections.Counter("abba"), range(3), 1j,
                                   datetime.datetime(2020, 1, 2), bytearray(b"abc"), slice(1, 2)]
    write(f"containers{protocol}.p.gz", content, protocol)

# rows of objects, and tuples, where lists are usual
content = root(simulation(np.int64, np.float16, False), simulation(int, np.float32, False))
first, second = content["Results"]["listOfSingleSimulationDicts"]
first["exInputSpikeTimes"] = {k: np.array(v, object) for k, v in first["exInputSpikeTimes"].items()}
second["exInputSpikeTimes"] = {k: tuple(v) for k, v in second["exInputSpikeTimes"].items()}
second["outputSpikeTimes"] = tuple(map(float, second["outputSpikeTimes"]))
content["Results"]["listOfSingleSimulationDicts"] = np.array([first, second], object)
content["Params"]["allSegmentsType"] = np.array(content["Params"]["allSegmentsType"], object)
for protocol in (2, 5):
    write(f"objects{protocol}.p.gz", content, protocol)
