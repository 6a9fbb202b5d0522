#!/usr/bin/env python3
"""The recipe for Spack does what the Makefile understands. Spack itself is tried where it is; else a stand-in for its
directives goes through the recipe."""

import os
import shutil
import subprocess
import sys
import types

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
from program import SCRATCH, TOP, done, ok, skip

REPOSITORY = TOP / "tools" / "packaging" / "spack"
RECIPE = REPOSITORY / "packages" / "sbridge" / "package.py"
DIRECTIVES = "license version depends_on".split()
said, made = [], []


class Package:
    """Dependencies are below this folder."""

    prefix = types.SimpleNamespace(include="/there/include", bin="/there/bin")
    mpicc = "mpicc"
    libs = types.SimpleNamespace(search_flags="-L/there/lib")


class Spec(dict):
    def __missing__(self, name):
        if not any(d[0] == "depends_on" and d[1].split("@")[0].split("+")[0] == name for d in said):
            raise KeyError(name)
        return Package


module = types.ModuleType("spack.package")
for directive in DIRECTIVES:
    setattr(module, directive, lambda *a, directive=directive, **k: said.append((directive, *a)))
module.MakefilePackage = type("MakefilePackage", (), {"spec": Spec()})
module.make = lambda *words: made.append(words)
module.__all__ = [*DIRECTIVES, "MakefilePackage", "make"]
sys.modules.update({"spack": types.ModuleType("spack"), "spack.package": module})
names = {"__name__": "package"}
exec(compile(RECIPE.read_text(), RECIPE, "exec"), names)
recipe = names["Sbridge"]()
paths = []
recipe.setup_build_environment(types.SimpleNamespace(prepend_path=lambda name, path: paths.append((name, path))))
recipe.install(recipe.spec, SCRATCH / "spack")
ok(paths == [("PATH", "/there/bin")], "h5pcc of the dependency is found", paths)
ok(len(made) == 1 and f"PREFIX={SCRATCH}/spack" in made[0], "the recipe installs", made)
needs = {d[1].split("@")[0].split("+")[0] for d in said if d[0] == "depends_on"}
wanted = {"mpi", "hdf5", "openblas", "netlib-scalapack", "libyaml", "random123"}
ok(wanted <= needs, "the recipe names what the build needs", wanted - needs)

# The words that it gives to make, with the libraries of this machine.
words = [w for w in made[0] if not w.startswith("BUILD=")] + [f"BUILD={SCRATCH}/build"]
run = subprocess.run(["make", "-s", *words], cwd=TOP, capture_output=True, text=True, check=False)
ok(run.returncode == 0 and (SCRATCH / "spack" / "bin" / "sbridge").exists(), "and make obeys", run.stdout, run.stderr)

if shutil.which("spack"):
    environment = {**os.environ, "SPACK_USER_CONFIG_PATH": str(SCRATCH / "config")}
    subprocess.run(["spack", "repo", "add", REPOSITORY], env=environment, check=False)
    run = subprocess.run(["spack", "spec", "sbridge"], env=environment, capture_output=True, text=True, check=False)
    ok(run.returncode == 0, "Spack resolves it", run.stderr)
else:
    skip("spack is not here")
done()
