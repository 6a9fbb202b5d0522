# Spack: `spack repo add tools/packaging/spack`, then in the sources `spack dev-build sbridge@main`.

from spack.package import *


class Sbridge(MakefilePackage):
    """Learns and samples Schroedinger bridges with MPI: the same bits on any number of ranks."""

    maintainers = []
    license("BSD-3-Clause")

    version("main")

    depends_on("c", type="build")
    depends_on("gmake", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("random123", type="build")
    depends_on("mpi@3.1:")
    depends_on("hdf5@1.10:1.14+mpi")
    depends_on("openblas@0.3:")
    depends_on("netlib-scalapack")
    depends_on("libyaml")

    def setup_build_environment(self, env):
        env.prepend_path("PATH", self.spec["hdf5"].prefix.bin)  # h5pcc

    @property
    def build_targets(self):
        spec = self.spec
        search = " ".join([spec[name].libs.search_flags for name in ("netlib-scalapack", "openblas")])
        return [
            f"MPICC={spec['mpi'].mpicc}",
            f"CPPFLAGS=-isystem {spec['random123'].prefix.include}",
            f"LDFLAGS={search}",
            "BUILD=build-spack",
        ]

    def install(self, spec, prefix):
        make("install", f"PREFIX={prefix}", *self.build_targets)
