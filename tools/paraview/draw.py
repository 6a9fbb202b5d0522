#!/usr/bin/env pvbatch
"""Pictures of a run by ParaView, without a window.

  pvbatch tools/paraview/draw.py DIR [OUT] [WIDTH HEIGHT]

particles.png    particles at the end, coloured by speed                              trajectories.xdmf2
tracks.png       paths of the first particles, coloured by time                       the same
velocity.png     drift at the last time: arrows, streamlines, over the exact density  velocity.xdmf2
animation/       one picture of the particles for each time, coloured by speed        trajectories.xdmf2
animation.gif    the same as one file, where Python has Pillow

OUT is DIR/paraview where none is given. Where there is no display: `xvfb-run -a -s "-screen 0 1280x1024x24 -noreset" pvbatch
...`. Prints one line of JSON: for each file its times, the points of the last one, its arrays with their components, and ranges.
"""
import json
import os
import sys

import numpy as np
from paraview import servermanager
from paraview import simple as pv
from paraview.vtk import vtkCellArray, vtkPoints, vtkPolyData
from paraview.vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

VECTOR = "velocity"  # of both files
TRACKS = 150         # particles whose paths are drawn
ACROSS = 24          # arrows along a side
SPEED, TIME, SHADE = "Viridis (matplotlib)", "Plasma (matplotlib)", "Blues"


def last_time(source):
    source.UpdatePipelineInformation()
    times = list(source.TimestepValues)
    source.UpdatePipeline(times[-1])
    return times


def what(source, times):
    arrays = source.PointData
    info = {name: arrays.GetArray(name) for name in sorted(arrays.keys())}
    return {"times": times, "points": source.GetDataInformation().GetNumberOfPoints(),
            "arrays": {name: array.GetNumberOfComponents() for name, array in info.items()},
            "ranges": {name: array.GetRange(-1 if array.GetNumberOfComponents() > 1 else 0) for name, array in info.items()}}


def numbers(source, time):
    """Places and velocities of the points at a time."""
    source.UpdatePipeline(time)
    data = servermanager.Fetch(source)
    if data.IsA("vtkMultiBlockDataSet"):
        data = data.GetBlock(0)
    places = [data.GetPoint(i) for i in range(data.GetNumberOfPoints())] if data.IsA("vtkImageData") else None
    places = np.array(places) if places else vtk_to_numpy(data.GetPoints().GetData())
    return places, vtk_to_numpy(data.GetPointData().GetArray(VECTOR))


def new_view(size, boxes):
    """A view that sees all boxes (low and high of each axis in turn): from above where they are flat."""
    low = np.min([box[0::2] for box in boxes], axis=0)
    high = np.max([box[1::2] for box in boxes], axis=0)
    view = pv.CreateRenderView()
    view.ViewSize = size
    view.Background = [1, 1, 1]
    view.UseColorPaletteForBackground = 0
    view.OrientationAxesVisibility = 0
    middle, wide = (low + high) / 2, np.maximum(high - low, 1e-12)
    flat = wide[2] < 1e-6 * max(wide)
    view.CameraParallelProjection = int(flat)
    if flat:  # a little to the left, where the bar of colours is not
        scale = 0.54 * max(wide[1], wide[0] * size[1] / (0.78 * size[0]))
        middle[0] += 0.16 * scale * size[0] / size[1]
        view.CameraParallelScale = scale
        view.CameraPosition = middle + [0, 0, 2 * max(wide)]
    else:
        view.CameraPosition = middle + np.array([1.1, -1.9, 1.0]) * np.linalg.norm(wide) * 0.72
        view.CameraViewUp = [0, 0, 1]
    view.CameraFocalPoint = middle
    return view


def coloured(shown, view, array, title, low, high, preset):
    """By an array, or the length of its vectors."""
    pv.ColorBy(shown, ("POINTS", array, "Magnitude") if array == VECTOR else ("POINTS", array))
    table = pv.GetColorTransferFunction(array)
    table.ApplyPreset(preset, True)
    if preset == SHADE:  # it goes from dark to light
        table.InvertTransferFunction()
    table.RescaleTransferFunction(low, max(high, low + 1e-12))
    if not title:
        shown.SetScalarBarVisibility(view, False)
        return
    bar = pv.GetScalarBar(table, view)
    bar.Title, bar.ComponentTitle = title, ""
    bar.TitleColor = bar.LabelColor = [0, 0, 0]
    bar.WindowLocation, bar.Position, bar.ScalarBarLength = "Any Location", [0.88, 0.1], 0.5
    bar.AutomaticLabelFormat, bar.LabelFormat, bar.RangeLabelFormat = 0, "%.3g", "%.3g"
    shown.SetScalarBarVisibility(view, True)


def save(view, *names):
    pv.SaveScreenshot(os.path.join(*names), view)


def producer(data):
    """Data as a source."""
    source = pv.TrivialProducer()
    source.GetClientSideObject().SetOutput(data)
    source.UpdatePipeline()
    return source


def lines_of(places, times):
    """Paths of places [times, particles, 3] as lines with the time at their points."""
    count, particles = places.shape[:2]
    points, cells, lines = vtkPoints(), vtkCellArray(), vtkPolyData()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(places.transpose(1, 0, 2)).reshape(-1, 3), deep=True))
    for p in range(particles):
        cells.InsertNextCell(count)
        for k in range(count):
            cells.InsertCellPoint(p * count + k)
    lines.SetPoints(points)
    lines.SetLines(cells)
    array = numpy_to_vtk(np.tile(times, particles), deep=True)
    array.SetName("time")
    lines.GetPointData().AddArray(array)
    return lines


def tracks(places, times, boxes, out, size):
    view = new_view(size, boxes)
    source = producer(lines_of(places, times))
    shown = pv.Show(source, view)
    shown.SetRepresentationType("Surface")
    shown.LineWidth, shown.Opacity = 1.2, 0.8
    coloured(shown, view, "time", "time", times[0], times[-1], TIME)
    save(view, out, "tracks.png")
    pv.Delete(view)
    return source.GetDataInformation().GetNumberOfCells()


def film(folder, names, out):
    """All pictures as one file that every browser shows."""
    try:
        from PIL import Image
    except ImportError:
        return
    frames = [Image.open(os.path.join(folder, name)).convert("RGB").quantize(64) for name in names]
    each = max(40, 8000 // len(frames))
    frames[0].save(os.path.join(out, "animation.gif"), save_all=True, append_images=frames[1:], loop=0,
                   duration=[each] * (len(frames) - 1) + [1500])


def particles(path, out, size):
    source = pv.OpenDataFile(path)
    times = last_time(source)
    found = what(source, times)
    boxes, speeds, places = [], [], []
    for t in times:
        at, vectors = numbers(source, t)
        boxes.append(source.GetDataInformation().GetBounds())
        speeds.append(np.quantile(np.linalg.norm(vectors, axis=1), 0.98))
        places.append(at[:TRACKS])
    found["tracks"] = tracks(np.array(places), np.array(times), boxes, out, size)
    view = new_view(size, boxes)
    shown = pv.Show(source, view)
    shown.SetRepresentationType("Points")
    shown.PointSize = 5
    coloured(shown, view, VECTOR, "speed", 0, np.quantile(speeds, 0.9), SPEED)
    label = pv.AnnotateTimeFilter(source)
    label.Format = "time {time:.3f}"
    words = pv.Show(label, view)
    words.Color, words.FontSize = [0, 0, 0], 18
    folder = os.path.join(out, "animation")
    os.makedirs(folder, exist_ok=True)
    names = [f"{k:04d}.png" for k in range(len(times))]
    for name in set(os.listdir(folder)) - set(names):  # of an earlier run
        if name[:-4].isdigit() and name.endswith(".png"):
            os.unlink(os.path.join(folder, name))
    for name, t in zip(names, times):
        view.ViewTime = t
        save(view, folder, name)
    film(folder, names, out)
    coloured(shown, view, VECTOR, "speed", 0, speeds[-1], SPEED)
    save(view, out, "particles.png")
    pv.Delete(view)
    return found


def points_of(places, vectors):
    """A source of points with their vectors."""
    points, cloud, cells = vtkPoints(), vtkPolyData(), vtkCellArray()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(places), deep=True))
    for i in range(len(places)):
        cells.InsertNextCell(1)
        cells.InsertCellPoint(i)
    cloud.SetPoints(points)
    cloud.SetVerts(cells)
    array = numpy_to_vtk(np.ascontiguousarray(vectors), deep=True)
    array.SetName(VECTOR)
    cloud.GetPointData().AddArray(array)
    return producer(cloud)


def some(sides, across):
    """Numbers of the points of a grid of these sides, x first, about `across` along each side, and none at its very edge."""
    steps = [max(1, round(side / across)) for side in sides]
    kept = [np.arange((side - 1) % step // 2, side, step) for side, step in zip(sides, steps)]
    return (kept[2][:, None, None] * sides[1] + kept[1][:, None]) * sides[0] + kept[0]


def arrows_and_lines(source, view, reach, places, vectors):
    """Arrows thinned to ACROSS along a side; streamlines from a coarser net of seeds."""
    shape = source.GetDataInformation().GetExtent()
    sides = [shape[2 * k + 1] - shape[2 * k] + 1 for k in range(3)]
    across = ACROSS if sides[2] == 1 else ACROSS // 3
    kept = some(sides, across).ravel()
    arrows = pv.Glyph(Input=points_of(places[kept], vectors[kept]), GlyphType="Arrow")
    arrows.OrientationArray, arrows.ScaleArray = ["POINTS", VECTOR], ["POINTS", "No scale array"]
    arrows.ScaleFactor, arrows.GlyphMode = 0.8 * reach / min(across, max(sides)), "All Points"
    arrows.GlyphType.TipRadius, arrows.GlyphType.ShaftRadius = 0.16, 0.05
    top = np.quantile(np.linalg.norm(vectors, axis=1), 0.9)
    coloured(pv.Show(arrows, view), view, VECTOR, "drift", 0, top, SPEED)
    kept = some(sides, 10 if sides[2] == 1 else 5).ravel()
    lines = pv.StreamTracerWithCustomSource(Input=source, SeedSource=points_of(places[kept], vectors[kept]))
    lines.Vectors = ["POINTS", VECTOR]
    lines.MaximumStreamlineLength = 0.5 * reach
    shown = pv.Show(lines, view)
    shown.ColorArrayName = ["POINTS", ""]
    shown.DiffuseColor = shown.AmbientColor = [0.4, 0.4, 0.4]
    return lines


def velocity(path, out, size):
    source = pv.OpenDataFile(path)
    times = last_time(source)
    found = what(source, times)
    box = source.GetDataInformation().GetBounds()
    reach = max(box[1] - box[0], box[3] - box[2], box[5] - box[4])
    view = new_view(size, [box])
    view.ViewTime = times[-1]
    lines = arrows_and_lines(source, view, reach, *numbers(source, times[-1]))
    if "density" in found["arrays"] and box[4] == box[5]:
        shown = pv.Show(source, view)
        shown.SetRepresentationType("Surface")
        shown.Position = [0, 0, -0.1 * reach]  # behind the arrows
        shown.Opacity, shown.Interpolation = 0.6, "Flat"
        shown.Ambient, shown.Diffuse = 1, 0
        coloured(shown, view, "density", "", *found["ranges"]["density"], SHADE)
    save(view, out, "velocity.png")
    lines.UpdatePipeline(times[-1])
    found["streamlines"] = lines.GetDataInformation().GetNumberOfCells()
    return found


def main(words):
    if len(words) not in (1, 2, 4):
        sys.exit("usage: pvbatch tools/paraview/draw.py DIR [OUT] [WIDTH HEIGHT]")
    folder = os.path.abspath(words[0])
    out = os.path.abspath(words[1]) if len(words) > 1 else os.path.join(folder, "paraview")
    size = [int(words[2]), int(words[3])] if len(words) == 4 else [1200, 1000]
    files = {name: os.path.join(folder, name + ".xdmf2") for name in ("trajectories", "velocity")}
    if not any(map(os.path.exists, files.values())):
        sys.exit(f"draw: {folder}: no trajectories.xdmf2 and no velocity.xdmf2")
    os.makedirs(out, exist_ok=True)
    found = {}
    for name, draw in (("trajectories", particles), ("velocity", velocity)):
        if os.path.exists(files[name]):
            found[name] = draw(files[name], out, size)
    print(json.dumps(found))


main(sys.argv[1:])
