"""Pictures of runs and studies: what tools/plot.py and tools/plot_study.py are made of."""
import sys

try:
    import h5py
    import matplotlib
    import numpy

    matplotlib.use("Agg")
except ImportError as missing:
    sys.exit(f"plot: {missing}; `make deps` installs it for {sys.executable} or names what is needed")
