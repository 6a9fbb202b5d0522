#!/usr/bin/env python3
"""tools/to_hdf5.py: each format, whole and broken; files are read back with h5py."""
import glob
import gzip
import os
import struct
import subprocess
import sys
import tempfile

import h5py
import numpy as np

TOOL = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "to_hdf5.py")
SHARED = os.environ.get("SB_TEST_DATA") or os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "data")
folder = tempfile.TemporaryDirectory(dir=os.environ.get("SCRATCH"))
count = failed = 0


def ok(good, what, *notes):
    global count, failed
    count += 1
    failed += not good
    print(("" if good else "not ") + f"ok {count} - {what}")
    for note in notes if not good else ():
        print("# " + str(note).replace("\n", "\n# "))


def skip(why):
    global count
    count += 1
    print(f"ok {count} # skip {why}")


def file(name, content):
    path = os.path.join(folder.name, name)
    with open(path, "wb") as f:
        f.write(content.encode() if isinstance(content, str) else content)
    return path


def npy(name, x):
    path = os.path.join(folder.name, name)
    np.save(path, x)
    return path


def idx(x, kind=8):
    header = struct.pack(">BBBB", 0, 0, kind, x.ndim) + b"".join(struct.pack(">I", n) for n in x.shape)
    return header + x.astype({8: ">u1", 12: ">i4", 13: ">f4"}[kind]).tobytes()


def run(*arguments):
    return subprocess.run([sys.executable, TOOL, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)


out = os.path.join(folder.name, "out.h5")


def makes(what, x, *arguments, label=None, kind=None, attrs=None, near=0):
    """The tool makes a table of these numbers."""
    done = run(*arguments, out, "--overwrite")
    if done.returncode:
        return ok(False, what, done.stderr)
    with h5py.File(out) as f:
        got = f["x"][:]
        good = got.shape == np.shape(x) and np.abs(got - x).max() <= near and f["x"].attrs["unit"] == "1" and f["x"].attrs["meaning"]
        good = good and (kind is None or got.dtype == kind) and ("label" in f) == (label is not None)
        good = good and (label is None or np.array_equal(f["label"][:], label) and f["label"].attrs["meaning"])
        good = good and all(np.array_equal(f["x"].attrs[key], value) for key, value in (attrs or {}).items())
        ok(bool(good), what, got.dtype, got, dict(f["x"].attrs), list(f))


def refuses(what, text, *arguments, status=1):
    """The tool says what is wrong in one line, and leaves nothing."""
    target = os.path.join(folder.name, "none.h5")
    done = run(*arguments, target)
    one = status == 2 or done.stderr.count("\n") == 1 and done.stderr.startswith("to_hdf5: ")
    left = glob.glob(target + "*")
    ok(done.returncode == status and text in done.stderr and one and not left, f"refused: {what}", done.returncode, done.stderr, left)


# --- CSV ---
points = [[1.5, 2], [-3, 4e-3], [5, 6]]
makes("CSV", points, file("a.csv", "1.5,2\n-3,4e-3\n5,6\n"), kind="f8")
makes("CSV with a header", points, file("b.csv", "x,y\n1.5,2\n-3,4e-3\n5,6\n"), attrs={"columns": ["x", "y"]})
for name, delimiter in ("semicolons", "; "), ("tabs", "\t"), ("bars", "|"), ("blanks", "  "):
    text = "".join(delimiter.join(map(str, row)) + "\r\n" for row in points)
    makes(f"{name}, comments, blank lines", points, file("c.csv", "# made by hand\n\n" + text + "\n"))
makes("one column", [[1], [2]], file("d.csv", "1\n2\n"))
makes("a file with a byte order mark", [[1, 2]], file("e.csv", "\ufeff1,2\n"))
makes("CSV, gzip", points, file("a.csv.gz", gzip.compress(b"1.5,2\n-3,4e-3\n5,6\n")))
labelled = file("l.csv", "x,class,y\n1,7,2\n3,8,4\n")
makes("a column of labels by name", [[1, 2], [3, 4]], labelled, "--label-column", "class", label=[7, 8], attrs={"columns": ["x", "y"]})
makes("and by number", [[1, 2], [3, 4]], labelled, "--label-column", "1", label=[7, 8])
makes("several files, --limit, --type", points[:2] + points[:2], file("f.csv", "1.5,2\n-3,4e-3\n"), file("g.csv", "1.5,2\n-3,4e-3\n5,6\n"), "--limit", "4")
makes("f32", np.float32(points), file("a.csv", "1.5,2\n-3,4e-3\n5,6\n"), "--type", "f32", kind="f4")
makes("meaning", points, file("a.csv", "1.5,2\n-3,4e-3\n5,6\n"), "--meaning", "places", attrs={"meaning": "places"})
refuses("an empty field", "row 1, column 1 (y) (counted from 0) is nan", file("h.csv", "x,y\n1,2\n3,\n"))
refuses("NaN", "row 0, column 1 (counted from 0) is nan", file("i.csv", "1,NaN\n3,4\n"))
refuses("infinity", "row 1, column 0", file("j.csv", "1,2\n-inf,4\n"))
refuses("a word", "line 3, column 1 (counted from 0): 'four' is not a number", file("k.csv", "x,y\n1,2\n3,four\n"))
refuses("a decimal comma", "a decimal comma?", file("m.csv", "1;2\n1,5;2,0\n"))
refuses("a short line", "line 2 has 1 fields, the first has 2", file("n.csv", "1,2\n3\n"))
refuses("a header only", "no rows", file("o.csv", "x,y\n"))
refuses("an empty file", "empty", file("p.csv", ""))
refuses("comments only", "no rows", file("q.csv", "# nothing\n"))
refuses("another width", "3 columns", file("r.csv", "1,2\n"), file("s.csv", "1,2,3\n"))
refuses("a file that is not there", "No such file", os.path.join(folder.name, "nothing.csv"))
refuses("a label that is no integer", "the label of row 1 is 2.5", file("t.csv", "1,1\n2,2.5\n"), "--label-column", "1")
refuses("a label column that is not there", "no column 'kind'", labelled, "--label-column", "kind")
refuses("a f32 that is too large", "too large", file("u.csv", "1e60,2\n"), "--type", "f32")
refuses("text that is not UTF-8", "not UTF-8", file("v.csv", b"1,2\n\xff\xfe,3\n"))
refuses("other binary data", "neither text", file("w.dat", b"\x7fELF\0\0\1\2"))

# --- NPY ---
cube = np.arange(24.0).reshape(4, 3, 2) / 7
whole = npy("cube.npy", cube)
makes("NPY, --index", cube[2], whole, "--index", "2", kind="f8")
makes("NPY, --flatten", cube.reshape(4, 6), whole, "--flatten")
makes("NPY of one dimension", [[1], [2]], npy("line.npy", np.array([1, 2], np.int16)), kind="f4")
makes("NPY, float32, the other byte order", np.float32([[1.25, 2]]), npy("swap.npy", np.array([[1.25, 2]], ">f4")), kind="f4")
makes("NPY, integers", [[2**40, 1]], npy("long.npy", np.array([[2**40, 1]])), kind="f8")
makes("labels from NPY, with --limit", cube[2][:2], whole, "--index", "2", "--limit", "2", "--labels", npy("k.npy", np.array([4, 5, 6])), label=[4, 5])
refuses("three dimensions without --index", "4 x 3 x 2 is not a table", whole)
refuses("an index beyond the end", "has 4 elements", whole, "--index", "4")
refuses("an index of a line", "two or more", npy("line.npy", np.array([1, 2])), "--index", "0")
refuses("NPY cut off", "not a whole NPY", file("cut.npy", open(whole, "rb").read()[:-5]))
refuses("objects", "not a whole NPY", npy("object.npy", np.array([{}], dtype=object)))
refuses("complex numbers", "complex", npy("complex.npy", np.array([[1j]])))
refuses("a single number", "single number", npy("one.npy", np.float64(3)))
refuses("no rows", "nothing to write", npy("zero.npy", np.zeros((0, 3))))
bad = np.ones((5, 3))
bad[3, 1] = bad[4, 0] = np.nan
refuses("NaN in NPY", "row 3, column 1", npy("nan.npy", bad))
refuses("too few labels", "3 labels for 4 rows", npy("four.npy", np.ones((4, 2))), "--labels", npy("k.npy", np.array([4, 5, 6])))

# --- IDX ---
pixels = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5) * 4
images, labels = file("i-idx3", idx(pixels)), file("l-idx1.gz", gzip.compress(idx(np.array([7, 0, 9]))))
grey = pixels.reshape(3, 20).astype(np.float32) / np.float32(255)
makes("IDX images", grey, images, kind="f4", attrs={"meaning": "grey levels of 4 x 5 pixels, row by row, in [0, 1]"})
makes("IDX, gzip, with labels", grey, file("i.gz", gzip.compress(idx(pixels))), "--labels", labels, label=[7, 0, 9])
makes("IDX --raw", pixels.reshape(3, 20), images, "--raw", kind="u1")
makes("IDX of floats", np.float32([[0.5, 2]]), file("f-idx2", idx(np.array([[0.5, 2]]), 13)), kind="f4")
makes("rows of a label", grey[[1]], images, "--labels", labels, "--only", "0", label=[0])
refuses("a label of no rows", "nothing to write", images, "--labels", labels, "--only", "5")
refuses("a label of rows without labels", "no labels", images, "--only", "5")
makes("IDX, --limit", grey[:2], images, "--limit", "2", "--labels", labels, label=[7, 0])
halves = np.repeat(grey.reshape(3, 4, 5), 2, axis=2).reshape(3, 2, 2, 2, 5).mean(axis=(2, 4)).reshape(3, 4)
says = "grey levels of 4 x 5 pixels, row by row, in [0, 1], averaged to 2 x 2 pixels"
makes("IDX --average, pixels in part", np.float32(halves), images, "--average", "2x2", kind="f4", attrs={"meaning": says}, near=1e-6)
makes("to what they are", grey, images, "--average", "4x5", kind="f4", near=1e-7)
refuses("more pixels than there are", "4 x 5 pixels", images, "--average", "8x8")
refuses("averages of bytes", "--raw", images, "--average", "2x2", "--raw")
refuses("averages of a table", "--average is for pictures", file("a.csv", "1.5,2\n"), "--average", "1x1")
ok(run(images, out, "--average", "2").returncode == 2, "half a size is a wrong command line")
refuses("IDX cut off", "cut off", file("cut-idx", idx(pixels)[:-1]))
refuses("IDX cut off in its header", "cut off", file("head-idx", idx(pixels)[:9]))
refuses("IDX too long", "too long", file("long-idx", idx(pixels) + b"\0"))
refuses("gzip cut off", "gzip", file("cut.gz", gzip.compress(idx(pixels))[:-20]))
refuses("IDX of an unknown type", "not an IDX file", file("type-idx", b"\0\0\7\1\0\0\0\0"), "--format", "idx")
refuses("labels of another number", "3 labels for 2 rows", file("two-idx", idx(pixels[:2])), "--labels", labels)
refuses("images as labels", "labels have one column", images, "--labels", images)

# --- CIFAR-10 ---
rows = np.random.default_rng(1).integers(0, 256, (4, 3073), dtype=np.uint8)
rows[:, 0] = [3, 0, 9, 1]
first, second = file("data_1.bin", rows[:2].tobytes()), file("data_2.bin", rows[2:].tobytes())
makes("CIFAR-10, two files", rows[:, 1:].astype(np.float32) / np.float32(255), first, second, label=[3, 0, 9, 1], kind="f4")
makes("CIFAR-10 --raw --limit", rows[:3, 1:], first, second, "--raw", "--limit", "3", label=[3, 0, 9], kind="u1")
refuses("CIFAR-10 cut off", "not whole CIFAR-10 rows", file("cut.bin", rows.tobytes()[:-7]))
refuses("a label beyond 9", "row 1 has the label 200", file("wrong.bin", rows[:1].tobytes() + b"\xc8" + bytes(3072)))

# --- The command line, and what stands in the way ---
refuses("no such option", "unrecognized", images, "--fast", status=2)
refuses("a limit of 0", "at least 1", images, "--limit", "0", status=2)
refuses("two kinds of labels", "both", images, "--labels", labels, "--label-column", "0", status=2)
done = run(images, out)
ok(done.returncode == 1 and "--overwrite" in done.stderr, "an existing output stays", done.stderr)
with h5py.File(out) as f:
    ok(f["x"].shape == (3, 3072), "as it was")
done = run(images, os.path.join(folder.name, "no", "folder.h5"))
ok(done.returncode == 1 and "cannot be written" in done.stderr and done.stderr.count("\n") == 1, "no folder for the output", done.stderr)
ok(run("--help").returncode == 0, "help")
makes("the same input makes", grey, images)
before = open(out, "rb").read()
makes("the same file", grey, images)
ok(before == open(out, "rb").read(), "byte for byte")

# --- Real data, where it is at hand ---
if os.path.isdir(SHARED):
    makes_mnist = run(f"{SHARED}/mnist/t10k-images-idx3-ubyte.gz", "--labels", f"{SHARED}/mnist/t10k-labels-idx1-ubyte.gz", out, "--overwrite")
    with h5py.File(out) as f:
        x, label = f["x"][:], f["label"][:]
    good = x.shape == (10000, 784) and x.max() == 1 and 0.12 < x.mean() < 0.15 and np.bincount(label).min() > 800
    ok(makes_mnist.returncode == 0 and good, "MNIST", makes_mnist.stderr)
    makes_cifar = run(f"{SHARED}/cifar10/test_2000.bin", out, "--overwrite")
    with h5py.File(out) as f:
        good = f["x"].shape == (2000, 3072) and np.array_equal(np.bincount(f["label"][:]), [200] * 10)
    ok(makes_cifar.returncode == 0 and good, "CIFAR-10", makes_cifar.stderr)
    x = np.load(f"{SHARED}/snapshots/eb_data.npy")
    makes("a snapshot", x[4].astype(x.dtype), f"{SHARED}/snapshots/eb_data.npy", "--index", "4")
else:
    for what in "MNIST", "CIFAR-10", "snapshots":
        skip(f"no {what} here")

print(f"1..{count}")
sys.exit(failed > 0)
