#!/usr/bin/env python3
"""Makes an HDF5 table for data.file from CSV, NPY, IDX (MNIST) or CIFAR-10 files.

The table has /x [rows, columns] and, where there are labels, /label [rows], each with attributes unit and meaning. The
rows of several input files follow each other. What a file is shows in its first bytes; gzip is unpacked on the way.

  tools/to_hdf5.py points.csv points.h5
  tools/to_hdf5.py snapshots.npy --index 4 day4.h5
  tools/to_hdf5.py train-images-idx3-ubyte.gz --labels train-labels-idx1-ubyte.gz mnist.h5
  tools/to_hdf5.py train-images-idx3-ubyte.gz --labels train-labels-idx1-ubyte.gz --only 2 twos.h5
  tools/to_hdf5.py train-images-idx3-ubyte.gz --average 8x8 mnist8.h5
  tools/to_hdf5.py data_batch_*.bin cifar10.h5

Exit status: 0 done, 1 wrong data or files, 2 wrong command line.
"""
import argparse
import csv
import gzip
import io
import os
import sys
import zlib

try:
    import h5py
    import numpy as np
except ImportError as missing:
    sys.exit(f"to_hdf5: {missing}; `make deps` installs numpy and h5py for {sys.executable} or names what is needed")


class Refused(Exception):
    """What is wrong with the input, for the user."""


def read_bytes(path):
    try:
        with open(path, "rb") as f:
            data = f.read()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}")
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise Refused(f"{path}: not a whole gzip file ({error})")
    if not data:
        raise Refused(f"{path}: empty")
    return data


# --- One reader for each format: bytes -> (array, names of columns or None, labels or None, meaning) --------------------

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
CIFAR_ROW = 1 + 3 * 32 * 32


def guess_format(path, data):
    if data[:6] == b"\x93NUMPY":
        return "npy"
    if data[:2] == b"\0\0" and len(data) >= 4 and data[2] in IDX_TYPES and data[3] in range(1, 5):
        return "idx"
    if path.endswith(".bin") and b"\0" in data:
        return "cifar10"
    if b"\0" in data:
        raise Refused(f"{path}: neither text nor NPY nor IDX; CIFAR-10 files need --format cifar10")
    return "csv"


def read_idx(path, data, options):
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES or not 1 <= data[3] <= 4:
        raise Refused(f"{path}: not an IDX file")
    kind, rank = np.dtype(IDX_TYPES[data[2]]), data[3]
    start = 4 + 4 * rank
    shape = [int(n) for n in np.frombuffer(data[4:start].ljust(4 * rank, b"\0"), ">u4")]
    need = start + int(np.prod(shape, dtype=object)) * kind.itemsize
    if len(data) != need:
        what = "cut off" if len(data) < need else "too long"
        raise Refused(f"{path}: {what}: {len(data)} bytes, but its header says {' x '.join(map(str, shape))}, {need} bytes")
    x = np.frombuffer(data, kind, offset=start).reshape(shape)
    meaning = f"grey levels of {shape[1]} x {shape[2]} pixels, row by row" if rank == 3 else "rows of the table"
    x, meaning = scale_bytes(x.reshape(shape[0], -1) if rank > 2 else x, meaning, options)
    x, meaning = average(path, x, (1, *shape[1:]) if rank == 3 else None, meaning, options)
    return x, None, None, meaning


def read_cifar10(path, data, options):
    if len(data) % CIFAR_ROW:
        raise Refused(f"{path}: {len(data)} bytes are not whole CIFAR-10 rows of {CIFAR_ROW}: cut off, or another format")
    rows = np.frombuffer(data, np.uint8).reshape(-1, CIFAR_ROW)
    wrong = np.flatnonzero(rows[:, 0] > 9)
    if wrong.size:
        raise Refused(f"{path}: row {wrong[0]} has the label {rows[wrong[0], 0]}, not 0 to 9: not a CIFAR-10 file")
    x, meaning = scale_bytes(rows[:, 1:], "red, green and blue planes of 32 x 32 pixels, row by row", options)
    x, meaning = average(path, x, (3, 32, 32), meaning, options)
    return x, None, rows[:, 0].astype(np.int32), meaning


def scale_bytes(x, meaning, options):
    if x.dtype != np.uint8 or options.raw:
        return x, meaning
    return x[: options.limit].astype(np.float32) / np.float32(255), meaning + ", in [0, 1]"


def shares(many, few):
    """[few, many]: how much of each of `many` pixels of a line lies in each of `few`; rows sum to one."""
    edges = np.arange(few + 1)[:, None] * (many / few) - np.arange(many)
    return (np.clip(edges[1:], 0, 1) - np.clip(edges[:-1], 0, 1)) * (few / many)


def average(path, x, shape, meaning, options):
    """Pictures of --average pixels, each the mean over the area that it covers; shape: planes, rows, columns."""
    if not options.average:
        return x, meaning
    few = options.average
    if shape is None or options.raw:
        raise Refused(f"{path}: --average is for pictures (IDX of three dimensions, CIFAR-10), and not with --raw")
    if few[0] > shape[1] or few[1] > shape[2]:
        raise Refused(f"{path}: --average {few[0]}x{few[1]}, but pictures have {shape[1]} x {shape[2]} pixels")
    down, across = shares(shape[1], few[0]), shares(shape[2], few[1])
    x = down.astype(np.float32) @ x.reshape(-1, *shape) @ across.T.astype(np.float32)
    return x.reshape(len(x), -1), f"{meaning}, averaged to {few[0]} x {few[1]} pixels"


def read_npy(path, data, options):
    try:
        x = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise Refused(f"{path}: not a whole NPY file of numbers ({error})")
    if options.index is not None:
        if x.ndim < 2:
            raise Refused(f"{path}: --index needs an array of two or more dimensions, this one has {x.ndim}")
        if not 0 <= options.index < x.shape[0]:
            raise Refused(f"{path}: --index {options.index}, but the first dimension has {x.shape[0]} elements, from 0")
        x = x[options.index]
    if x.ndim > 2 and not options.flatten:
        shape = " x ".join(map(str, x.shape))
        raise Refused(f"{path}: {shape} is not a table: --index K takes element K of the first dimension, --flatten makes rows of it")
    if x.ndim > 2:
        x = x.reshape(x.shape[0], -1)
    return x, None, None, "rows of the table"


def number(text, path, line, column):
    if not text.strip():
        return float("nan")
    try:
        return float(text)
    except ValueError:
        hint = " (a decimal comma?)" if text.count(",") == 1 else ""
        raise Refused(f"{path}: line {line}, column {column} (counted from 0): {text.strip()!r} is not a number{hint}")


def is_number(text):
    try:
        float(text)
        return True
    except ValueError:
        return not text.strip()


def split_lines(path, data):
    """The delimiter's fields of each line that is neither blank nor a comment, with the number of the line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(f"{path}: not UTF-8 text")
    lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise Refused(f"{path}: no rows")
    delimiter = next((d for d in "\t;|," if d in lines[0][1]), None)
    if delimiter is None:
        return [(i, line.split()) for i, line in lines]
    return [(i, next(csv.reader([line], delimiter=delimiter))) for i, line in lines]


def read_csv(path, data, options):
    lines = split_lines(path, data)
    names = None
    if not all(is_number(field) for field in lines[0][1]):
        names = [field.strip() for field in lines.pop(0)[1]]
    if not lines:
        raise Refused(f"{path}: a header, but no rows")
    width = len(names or lines[0][1])
    for i, fields in lines:
        if len(fields) != width:
            raise Refused(f"{path}: line {i} has {len(fields)} fields, the first has {width}")
    x = np.array([[number(f, path, i, j) for j, f in enumerate(fields)] for i, fields in lines])
    return x, names, None, "rows of the table"


READERS = {"csv": read_csv, "npy": read_npy, "idx": read_idx, "cifar10": read_cifar10}


def read(path, options):
    data = read_bytes(path)
    kind = options.format or guess_format(path, data)
    if options.average and kind in ("csv", "npy"):
        raise Refused(f"{path}: --average is for pictures of IDX and CIFAR-10 files")
    x, names, label, meaning = READERS[kind](path, data, options)
    if x.dtype.kind not in "fiub":
        raise Refused(f"{path}: its numbers are of type {x.dtype}; reals, integers or logicals are needed")
    if x.ndim == 0:
        raise Refused(f"{path}: a single number; a table has rows and columns")
    return (x.reshape(-1, 1) if x.ndim == 1 else x), names, label, meaning


# --- The table --------------------------------------------------------------------------------------------------------


def read_all(options):
    parts = [read(path, options) for path in options.input]
    for path, (x, _, _, _) in zip(options.input, parts):
        if x.shape[1] != parts[0][0].shape[1]:
            raise Refused(f"{path}: {x.shape[1]} columns, but {options.input[0]} has {parts[0][0].shape[1]}")
    x, names, label, meaning = parts[0]
    if len(parts) > 1:
        x = np.concatenate([part[0] for part in parts])
        label = None if label is None else np.concatenate([part[2] for part in parts])
    return x, names, label, meaning


def read_labels(path, rows, options):
    plain = argparse.Namespace(raw=True, average=None, limit=None, index=None, flatten=False, format=None)
    x = read(path, plain)[0]
    if x.shape[1] != 1:
        raise Refused(f"{path}: labels have one column, not {x.shape[1]}")
    if options.limit is None and x.shape[0] != rows or x.shape[0] < rows:
        raise Refused(f"{path}: {x.shape[0]} labels for {rows} rows")
    return as_labels(path, x[:, 0])


def as_labels(path, x):
    wrong = np.flatnonzero((x != np.floor(x)) | (np.abs(x.astype(float)) > 2**31 - 1) | ~np.isfinite(x.astype(float)))
    if wrong.size:
        raise Refused(f"{path}: the label of row {wrong[0]} is {x[wrong[0]]}, not an integer")
    return x.astype(np.int32)


def take_label_column(x, names, options):
    which, path = options.label_column, options.input[0]
    if names and which in names:
        column = names.index(which)
    elif which.isdigit() and int(which) < x.shape[1]:
        column = int(which)
    else:
        raise Refused(f"{path}: no column {which!r}; there are {', '.join(names) if names else f'0 to {x.shape[1] - 1}'}")
    names = names and names[:column] + names[column + 1 :]
    return np.delete(x, column, axis=1), names, as_labels(path, x[:, column])


def check_finite(x, names):
    if x.dtype.kind != "f":
        return
    good = np.isfinite(x)
    if good.all():
        return
    row, column = np.argwhere(~good)[0]
    name = f" ({names[column]})" if names else ""
    raise Refused(f"row {row}, column {column}{name} (counted from 0) is {x[row, column]}: remove or mend the row")


def kind_of(x, options):
    if options.type:
        return {"f32": np.float32, "f64": np.float64}[options.type]
    if x.dtype == np.uint8:
        return np.uint8
    return np.float32 if x.dtype.itemsize < 4 or (x.dtype.kind, x.dtype.itemsize) == ("f", 4) else np.float64


def make_table(options):
    x, names, label, meaning = read_all(options)
    x = x[: options.limit]
    label = None if label is None else label[: options.limit]
    if options.labels:
        label = read_labels(options.labels, x.shape[0], options)[: x.shape[0]]
    if options.label_column is not None:
        x, names, label = take_label_column(x, names, options)
    if options.only is not None:
        if label is None:
            raise Refused(f"{options.input[0]}: --only {options.only}, but the rows have no labels")
        x, label = x[label == options.only], label[label == options.only]
    if 0 in x.shape:
        raise Refused(f"{options.input[0]}: {x.shape[0]} rows of {x.shape[1]} columns: nothing to write")
    check_finite(x, names)
    kind = kind_of(x, options)
    if kind == np.float32 and x.dtype.kind == "f" and np.abs(x).max() > np.finfo(np.float32).max:
        raise Refused(f"{options.input[0]}: numbers too large for --type f32")
    return x.astype(kind), names, label, options.meaning or meaning


def write_table(path, x, names, label, meaning, unit):
    part = path + ".part"
    try:
        with h5py.File(part, "w") as f:
            table = f.create_dataset("x", data=x)
            table.attrs["unit"] = unit
            table.attrs["meaning"] = meaning
            if names:
                table.attrs["columns"] = names
            if label is not None:
                f.create_dataset("label", data=label)
                f["label"].attrs["unit"] = "1"
                f["label"].attrs["meaning"] = "class of the row"
        os.replace(part, path)
    except OSError as error:
        if os.path.exists(part):
            os.remove(part)
        raise Refused(f"{path}: cannot be written ({error.strerror or error})")


def pixels(text):
    rows, _, columns = text.partition("x")
    if not (rows.isdigit() and columns.isdigit() and int(rows) and int(columns)):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 8x8")
    return int(rows), int(columns)


def parse(arguments):
    about, _, example = __doc__.partition("\n\n")
    p = argparse.ArgumentParser(
        prog="to_hdf5", description=about, epilog=example, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    p.add_argument("input", nargs="+", help="files whose rows follow each other")
    p.add_argument("output", help="HDF5 file to make")
    p.add_argument("--format", choices=sorted(READERS), help="of the input, where its first bytes do not tell")
    p.add_argument("--index", type=int, metavar="K", help="element K (from 0) of the first dimension of an NPY array")
    p.add_argument("--flatten", action="store_true", help="rows of an NPY array are what follows its first dimension")
    p.add_argument("--raw", action="store_true", help="keep bytes (IDX, CIFAR-10) as they are instead of scaling to [0, 1]")
    p.add_argument("--average", type=pixels, metavar="RxC", help="pictures of R rows and C columns, by averages over areas")
    p.add_argument("--labels", metavar="FILE", help="IDX, NPY or CSV file of integers that becomes /label")
    p.add_argument("--label-column", metavar="C", help="column, by name or number from 0, that becomes /label")
    p.add_argument("--only", type=int, metavar="L", help="take the rows of label L only")
    p.add_argument("--limit", type=int, metavar="N", help="look at the first N rows only")
    p.add_argument("--type", choices=["f32", "f64"], help="of the numbers; else as precise as the input")
    p.add_argument("--unit", default="1", help="attribute of /x (1: dimensionless)")
    p.add_argument("--meaning", help="attribute of /x")
    p.add_argument("--overwrite", action="store_true", help="replace an existing output")
    options = p.parse_intermixed_args(arguments)
    if options.limit is not None and options.limit < 1:
        p.error("--limit must be at least 1")
    if options.labels and options.label_column is not None:
        p.error("--labels and --label-column are both given")
    return options


def main(arguments):
    options = parse(arguments)
    try:
        if os.path.exists(options.output) and not options.overwrite:
            raise Refused(f"{options.output} exists; --overwrite replaces it")
        x, names, label, meaning = make_table(options)
        write_table(options.output, x, names, label, meaning, options.unit)
    except Refused as what:
        print(f"to_hdf5: {what}", file=sys.stderr)
        return 1
    print(f"{options.output}: /x [{x.shape[0]}, {x.shape[1]}] {x.dtype}" + ("" if label is None else f", /label [{len(label)}]"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
