"""Compile all kernels into their cache: ``python -m services.run.compile``."""

from sensors.simulators.fibre import compile_kernels as compile_simulators
from sensors.simulators.rawthermal import compile_kernels as compile_cameras
from services.detect.camera import compile_kernels as compile_camera
from services.detect.fibre import compile_kernels as compile_fibre
from services.detect.thermal import compile_kernels as compile_thermal


def main() -> None:
    """Compile what the service and the simulators run."""
    compile_camera()
    compile_fibre()
    compile_thermal()
    compile_simulators(seed=1)
    compile_cameras()


if __name__ == "__main__":
    main()
