"""Makes the recordings that the page plays: spikes of one NeuronIO simulation and of spoken digits.

python make.py SIMULATION.p.gz SPOKEN_DIGITS_FOLDER   (needs numpy and h5py)

A recording is 4 bytes with the length of the header (little-endian), the header as JSON, and the body: for each step the
number of spikes, then their channels as differences from the one before, all as LEB128; after the last step the header's
`signals`, each `steps` 16-bit integers, of which `value = offset + scale * integer`.
"""

import gzip
import json
import pathlib
import pickle
import struct
import sys

import h5py
import numpy as np

HERE = pathlib.Path(__file__).parent
EXCITATORY = 639
# where the trunk of the apical dendrite ends and the tuft begins (path from the soma)
TRUNK_UM = 630.0


def leb128(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write(name, header, steps, spikes, signals=()):
    """`spikes`: pairs of step and channel; `signals`: name, unit and the values of each step."""
    by_step = [[] for _ in range(steps)]
    for step, channel in spikes:
        by_step[step].append(int(channel))
    body = bytearray()
    for channels in by_step:
        body += leb128(len(channels))
        before = 0
        for channel in sorted(channels):
            body += leb128(channel - before)
            before = channel
    header = dict(header, steps=steps, signals=[])
    for signal, unit, values in signals:
        offset, scale = float(np.round(values.mean(), 2)), 0.01
        body += np.round((values - offset) / scale).astype("<i2").tobytes()
        header["signals"].append({"name": signal, "unit": unit, "offset": offset, "scale": scale})
    text = json.dumps(header, ensure_ascii=False).encode()
    (HERE / name).write_bytes(struct.pack("<I", len(text)) + text + bytes(body))
    print(name, len(text) + len(body), "bytes")


def simulation(path, index, steps):
    with gzip.open(path) as file:
        data = pickle.load(file, encoding="latin1")
    one = data["Results"]["listOfSingleSimulationDicts"][index]
    spikes = []
    for first, key in ((0, "exInputSpikeTimes"), (EXCITATORY, "inhInputSpikeTimes")):
        for segment, times in one[key].items():
            spikes += {(int(t), first + int(segment)) for t in times if int(t) < steps}
    voltage = np.asarray(one["somaVoltageLowRes"], np.float64)[:steps]
    output = [int(float(t) - 0.5) for t in one["outputSpikeTimes"]]
    header = {
        "title": "A layer-5 pyramidal cell, simulated",
        "kind": "simulation",
        "channels": 2 * EXCITATORY,
        "inhibitory_from": EXCITATORY,
        "step_ms": 1,
        "output_spikes": [t for t in output if t < steps],
        "source": "Simulated for this project with NEURON and the model of Hay et al. (2011), as released with"
        f" Beniaguev et al. (2021); seed 103, simulation {index}, of the test set.",
    }
    write(f"neuron-{index}.rec", header, steps, spikes, [("voltage", "mV", np.minimum(voltage, -30.0))])
    return data["Params"]


def tree(params):
    """The cell's dendrites, section by section. A section's parent is the one that ends where it begins: no two do."""
    kinds = [str(kind) for kind in params["allSectionsType"]]
    starts, lengths = (np.asarray(params[key], float) for key in ("allSections_DistFromSoma", "allSectionsLength"))
    segments = np.asarray(params["allSegments_SectionInd"])
    sections = []
    for i, (kind, start, length) in enumerate(zip(kinds, starts, lengths)):
        ends = np.abs(starts + lengths - start) < 1e-6 * start
        parents = [int(p) for p in np.flatnonzero(ends) if kinds[p] == kind]
        mine = np.flatnonzero(segments == i)
        sections.append(
            {
                "parent": parents[0] if parents else -1,
                "region": "tuft" if kind == "apical" and start > TRUNK_UM else "oblique" if kind == "apical" else kind,
                "length_um": round(float(length), 1),
                "first": int(mine[0]),
                "segments": len(mine),
            }
        )
    (HERE / "tree.json").write_text(json.dumps({"sections": sections}, separators=(",", ":")) + "\n")


def digits(folder, each):
    """The first recordings of each digit in the test set, by different speakers, in bins of 1 ms."""
    with h5py.File(folder / "shd_test.h5") as file:
        labels, speakers = file["labels"][:], file["extra/speaker"][:]
        names = [str(n.decode() if isinstance(n, bytes) else n) for n in file["extra/speaker_names"][:]]
        for digit in range(10):
            seen = []
            for i in np.flatnonzero(labels == digit):
                times = np.asarray(file["spikes/times"][i], np.float64)
                if speakers[i] in seen or times.max() > 0.6:
                    continue
                channels = file["spikes/units"][i]
                steps = int(times.max() * 1000) + 1
                name = f"digit-{digit}-{len(seen)}.rec"
                header = {
                    "title": f"“{digit}”, spoken by {names[speakers[i]]}",
                    "kind": "digit",
                    "label": digit,
                    "channels": 700,
                    "step_ms": 1,
                    "source": "Free Spoken Digit Dataset (Jakobovski et al.), CC BY-SA 4.0; turned into spikes with the"
                    " equations of Cramer et al. (2022); this file is under CC BY-SA 4.0 too.",
                }
                write(name, header, steps, zip((times * 1000).astype(int), channels))
                seen.append(speakers[i])
                if len(seen) == each:
                    break


if __name__ == "__main__":
    for index in (1, 5, 7):
        params = simulation(sys.argv[1], index, 4500)
    tree(params)
    digits(pathlib.Path(sys.argv[2]), 2)
