#!/usr/bin/env pvbatch
"""Pictures of a run by ParaView, without a window.

  pvbatch tools/paraview/draw.py DIR [OUT] [WIDTH HEIGHT]

particles.png    particles at the end, coloured by speed        trajectories.xdmf2
velocity.png     drift at the last time: arrows, streamlines    velocity.xdmf2
animation/       one picture of the particles for each time     trajectories.xdmf2

Where there is no display: `xvfb-run -a -s "-screen 0 1280x1024x24 -noreset" pvbatch ...`. Prints one line of JSON: for
each file its number of times, points of the last one, and names of its arrays.
"""
import json
import os
import sys

from paraview import simple as pv

VECTOR = "velocity"  # of both files


def last_time(source):
    source.UpdatePipelineInformation()
    times = list(source.TimestepValues)
    source.UpdatePipeline(times[-1])
    return times


def what(source, times):
    info = source.GetDataInformation()
    arrays = source.PointData
    return {"times": len(times), "points": info.GetNumberOfPoints(), "arrays": sorted(arrays.keys())}


def new_view(size):
    view = pv.CreateRenderView()
    view.ViewSize = size
    view.Background = [1, 1, 1]
    view.UseColorPaletteForBackground = 0
    view.OrientationAxesVisibility = 0
    return view


def coloured(shown, view, title):
    """By the length of the velocity."""
    pv.ColorBy(shown, ("POINTS", VECTOR, "Magnitude"))
    shown.RescaleTransferFunctionToDataRange(True, False)
    bar = pv.GetScalarBar(pv.GetColorTransferFunction(VECTOR), view)
    bar.Title, bar.ComponentTitle = title, ""
    bar.TitleColor = bar.LabelColor = [0, 0, 0]
    shown.SetScalarBarVisibility(view, True)


def extent(source):
    low_high = source.GetDataInformation().GetBounds()
    return max(low_high[1] - low_high[0], low_high[3] - low_high[2], low_high[5] - low_high[4])


def fixed_camera(view, boxes):
    """A camera that sees all boxes, for every picture of an animation."""
    low = [min(box[2 * k] for box in boxes) for k in range(3)]
    high = [max(box[2 * k + 1] for box in boxes) for k in range(3)]
    view.ResetCamera(low[0], high[0], low[1], high[1], low[2], high[2])


def particles(path, out, size):
    source = pv.OpenDataFile(path)
    times = last_time(source)
    found = what(source, times)
    view = new_view(size)
    shown = pv.Show(source, view)
    shown.SetRepresentationType("Points")
    shown.PointSize = 5
    coloured(shown, view, "speed")
    label = pv.AnnotateTimeFilter(source)
    label.Format = "time {time:.3f}"
    pv.Show(label, view).Color = [0, 0, 0]
    boxes = []
    for t in times:
        source.UpdatePipeline(t)
        boxes.append(source.GetDataInformation().GetBounds())
    folder = os.path.join(out, "animation")
    os.makedirs(folder, exist_ok=True)
    for k, t in enumerate(times):
        view.ViewTime = t
        fixed_camera(view, boxes)
        pv.SaveScreenshot(os.path.join(folder, f"{k:04d}.png"), view)
    pv.SaveScreenshot(os.path.join(out, "particles.png"), view)
    return found


def velocity(path, out, size):
    source = pv.OpenDataFile(path)
    times = last_time(source)
    found = what(source, times)
    view = new_view(size)
    view.ViewTime = times[-1]
    reach = extent(source)
    arrows = pv.Glyph(Input=source, GlyphType="Arrow")
    arrows.OrientationArray = ["POINTS", VECTOR]
    arrows.ScaleArray = ["POINTS", "No scale array"]
    arrows.ScaleFactor = 0.05 * reach
    arrows.GlyphMode = "All Points"
    coloured(pv.Show(arrows, view), view, "drift")
    box = source.GetDataInformation().GetBounds()
    lines = pv.StreamTracer(Input=source, SeedType="Line")
    lines.Vectors = ["POINTS", VECTOR]
    lines.SeedType.Point1, lines.SeedType.Point2 = list(box[0::2]), list(box[1::2])
    lines.SeedType.Resolution = 30
    lines.MaximumStreamlineLength = reach
    shown = pv.Show(lines, view)
    shown.ColorArrayName = ["POINTS", ""]
    shown.DiffuseColor = [0.45, 0.45, 0.45]
    view.ResetCamera()
    pv.SaveScreenshot(os.path.join(out, "velocity.png"), view)
    lines.UpdatePipeline(times[-1])
    found["streamlines"] = lines.GetDataInformation().GetNumberOfCells()
    return found


def main(words):
    if len(words) not in (1, 2, 4):
        sys.exit("usage: pvbatch tools/paraview/draw.py DIR [OUT] [WIDTH HEIGHT]")
    folder = os.path.abspath(words[0])
    out = os.path.abspath(words[1]) if len(words) > 1 else folder
    size = [int(words[2]), int(words[3])] if len(words) == 4 else [1200, 1000]
    os.makedirs(out, exist_ok=True)
    found = {}
    for name, draw in (("trajectories", particles), ("velocity", velocity)):
        path = os.path.join(folder, name + ".xdmf2")
        if os.path.exists(path):
            found[name] = draw(path, out, size)
    if not found:
        sys.exit(f"draw: {folder}: no trajectories.xdmf2 and no velocity.xdmf2")
    print(json.dumps(found))


main(sys.argv[1:])
