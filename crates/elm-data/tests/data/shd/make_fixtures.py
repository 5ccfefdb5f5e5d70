"""Writes the tiny SHD files beside it: one content, the ways in which h5py and PyTables can write it.

Needs numpy, h5py, and for one file tables (PyTables, which the published files were written with).
src/shd/tests/ computes the same content.
"""

import contextlib
import gzip
import pathlib
import tempfile

import h5py
import numpy as np

here = pathlib.Path(__file__).parent

SAMPLES = 7


def times(i):  # unsorted, some after 1 s, exact in 16 bits; sample 0 is empty
    return [(k * 37 % 70) / 64 for k in range(i * 11)]


def units(i):
    return [(k * 101 + i) % 700 for k in range(i * 11)]


LABELS = [(i * 3) % 20 for i in range(SAMPLES)]
SPEAKERS = [i % 4 for i in range(SAMPLES)]
KEYS = ["zero", "one", "neun"]


def fill(file, time_type, unit_type, label_type, variable_keys=False, **storage):
    spikes = file.create_group("spikes")
    for name, kind, rows in (("times", time_type, times), ("units", unit_type, units)):
        data = spikes.create_dataset(name, (SAMPLES,), dtype=h5py.vlen_dtype(np.dtype(kind)), **storage)
        for i in range(SAMPLES):
            data[i] = np.array(rows(i), kind)
    file.create_dataset("labels", data=np.array(LABELS, label_type), **storage)
    extra = file.create_group("extra")
    extra.create_dataset("speaker", data=np.array(SPEAKERS, label_type), **storage)
    extra.create_dataset("keys", data=KEYS if variable_keys else np.array(KEYS, "S8"))


@contextlib.contextmanager
def zipped(name):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / name
        yield path
        with gzip.GzipFile(here / (name + ".gz"), "wb", mtime=0) as file:
            file.write(path.read_bytes())


def write(name, *kinds, libver="earliest", userblock=None, **options):
    with zipped(name) as path, h5py.File(path, "w", libver=libver, userblock_size=userblock) as file:
        fill(file, *kinds, **options)


write("f16.h5", "<f2", "<u2", "<u1")
write("f32_latest.h5", "<f4", "<i8", "<i8", libver="latest", variable_keys=True)
write("hdf5_2_gz.h5", "<f4", "<i8", "<i8", libver="latest", chunks=(3,), compression="gzip")
write("f64_gz.h5", "<f8", "<i4", "<i4", chunks=(3,), compression="gzip", shuffle=True)
write("big_endian_gz_v114.h5", ">f2", ">i2", ">u2", libver=("v114", "v114"), chunks=(2,), maxshape=(None,),
      compression="gzip", shuffle=True)
write("userblock.h5", "<f4", "<u4", "<i1", userblock=512)


def pytables():
    import tables

    with zipped("pytables.h5") as path, tables.open_file(path, "w", title="spikes") as file:
        group = file.create_group("/", "spikes")
        for name, atom, rows in (("times", tables.Float16Atom(), times), ("units", tables.UInt16Atom(), units)):
            array = file.create_vlarray(group, name, atom)
            for i in range(SAMPLES):
                array.append(np.array(rows(i), atom.dtype))
        file.create_array("/", "labels", np.array(LABELS, "u2"))
        extra = file.create_group("/", "extra")
        file.create_array(extra, "speaker", np.array(SPEAKERS, "u2"))
        file.create_array(extra, "keys", np.array(KEYS, "S8"))


pytables()


def move(file, external):
    """Puts everything behind soft links: to a dataset, to a group, relative, and two in a row."""
    file.create_group("store/deep")
    file.move("labels", "store/deep/lab")
    file["labels"] = h5py.SoftLink("/first")
    file["first"] = h5py.SoftLink("store/second")
    file["store/second"] = h5py.SoftLink("deep/lab")
    file.move("spikes", "store/s")
    file["spikes"] = h5py.SoftLink("/store/./s")
    file.move("store/s/times", "store/s/t")
    file["store/s/times"] = h5py.SoftLink("t")
    if external:
        file.move("extra/keys", "store/keys")
        file["extra/keys"] = h5py.ExternalLink("other.h5", "/extra/keys")
        file.move("extra/speaker", "store/speaker")
        file["extra/speaker"] = h5py.SoftLink("/gone/speaker")
        file["circle"] = h5py.SoftLink("/circle")


def linked(name, libver, external=False):
    with zipped(name) as path, h5py.File(path, "w", libver=libver) as file:
        fill(file, "<f2", "<u2", "<u1")
        move(file, external)


with zipped("small/indexed.h5") as path:
    path.parent.mkdir()
    with h5py.File(path, "w", libver=("v110", "v114")) as file:
        fill(file, "<f2", "<u2", "<u1")
        file.move("labels", "lab")
        file["labels"] = h5py.SoftLink("/lab")
        for i in range(20):
            file.create_group(f"other{i}")

linked("links_earliest.h5", "earliest")
linked("links_v114.h5", ("v110", "v114"))
linked("links_bad_earliest.h5", "earliest", external=True)
linked("links_bad_v114.h5", ("v110", "v114"), external=True)


def small(name, times=((0.0,), (0.25, 0.5)), units=((0,), (1, 1)), labels=(3, 19), change=lambda file: None):
    """A file of two samples unless told otherwise, with something wrong in it."""
    with zipped(f"small/{name}") as path:
        path.parent.mkdir()
        with h5py.File(path, "w", libver="earliest") as file:
            for key, kind, rows in (("times", "<f2", times), ("units", "<u2", units)):
                data = file.create_dataset(f"spikes/{key}", (len(rows),), dtype=h5py.vlen_dtype(np.dtype(kind)))
                for i, row in enumerate(rows):
                    data[i] = np.array(row, kind)
            file["labels"] = np.array(labels, "<u1")
            change(file)


def replace(key, value):
    def change(file):
        del file[key]
        if value is not None:
            file[key] = value

    return change


(here / "small").mkdir(exist_ok=True)
small("plain.h5")
small("one.h5", [(0.0,)], [(0,)], [5])
small("none.h5", [], [], [])
small("label_20.h5", labels=[0, 20])
small("more_labels.h5", labels=[1, 2, 3])
small("fewer_units.h5", units=[(0,)])
small("two_times.h5", times=[(0.0, 0.5), (0.25, 0.5)])
small("unit_700.h5", units=[(700,), (1, 1)])
small("negative.h5", times=[(-0.5,), (0.25, 0.5)])
small("nan.h5", times=[(np.nan,), (0.25, 0.5)])
small("infinite.h5", times=[(-np.inf,), (0.25, 0.5)])
small("no_labels.h5", change=replace("labels", None))
small("float_labels.h5", change=replace("labels", np.zeros(2, "<f2")))
small("no_times.h5", change=replace("spikes/times", None))
small("flat_times.h5", change=replace("spikes/times", np.zeros(2, "<f2")))
