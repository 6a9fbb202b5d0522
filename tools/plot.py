#!/usr/bin/env python3
"""Pictures of a run, from the files of its folder.

  tools/plot.py DIR [--out DIR] [--format png|pdf] [--axes I,J,...]

  density       data, draws after stage 1 and after stage 2; the exact ones         samples.h5, velocity.h5
  corner        marginals of three or four coordinates, draws over data (d > 2)     samples.h5
  samples       draws, and draws beside their nearest training rows (of pictures)   samples.h5
  trajectories  paths of particles, coloured by stage and time                      trajectories.h5, .p0001.h5 ...
  evolution     particles at five times of each stage (d > 1)                       the same
  velocity      exact and learned drift at the end of each stage, and the error     velocity.h5
  loss          training and validation loss of each network                        checkpoint.h5

A picture whose file is not there is left out, and a line says so. report.json, where it is there, adds distances.
The code is in tools/plot/.

Exit status: 0 done, 1 wrong data or files, 2 wrong command line.
"""
import sys

sys.dont_write_bytecode = True
from plot.command import main

main()
