# ruff: noqa: INP001 - a script beside the page whose pictures it draws
"""Draws the pictures of cameras-and-units.md: ``python docs/simulators/draw_cameras_and_units.py``.

The picture beside a real frame, and the figure of the noise, need the real recordings beside the
clone; where these are missing both stay as they are.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geo.crs import convergence_deg
from geo.default_site import default_site_path
from geo.site import Site
from geo.site_rows import Sensor
from sensors.scenes import ActorClass, Behaviour, Weather
from sensors.simulators.eye import Look
from sensors.simulators.figures import Warmth, figure
from sensors.simulators.motion import Body
from sensors.simulators.motion import Path as Way
from sensors.simulators.painting import paint
from sensors.simulators.radar import GroundRadar, detection_probability
from sensors.simulators.rawthermal import FRAME_S, RawCamera
from sensors.simulators.seeing import sees_with_probability
from sensors.simulators.thermal import ThermalCamera, Watcher
from sensors.simulators.world import Snapshot, World

mpl.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).resolve().parent
REAL = HERE.parents[2] / "shared" / "data" / "thermal"
CAMERA = "thermal-002"
CAST = (
    (450.0, -20.0, ActorClass.PERSON, Behaviour.WALK, 1.4),
    (300.0, -8.0, ActorClass.PERSON, Behaviour.RUN, 3.5),
    (620.0, 5.0, ActorClass.VEHICLE, Behaviour.DRIVE, 8.0),
    (350.0, 14.0, ActorClass.ANIMAL, Behaviour.WALK, 1.0),
    (1_000.0, -45.0, ActorClass.TRUCK, Behaviour.DRIVE, 8.0),
    (400.0, 3.0, ActorClass.PERSON, Behaviour.CRAWL, 0.4),
    (420.0, 22.0, ActorClass.PERSON, Behaviour.DIG, 0.0),
)
"""Metres ahead and to the right, class, behaviour and speed to the right."""


class Alone(World):
    """A world of some bodies and nothing else."""

    def __init__(self, bodies: list[Body]) -> None:
        """Take the bodies."""

        def at(t_s: float) -> Snapshot:
            places = np.array([one.at(t_s) for one in bodies]).reshape(-1, 2)
            speeds = np.array([one.path.velocity(t_s) for one in bodies]).reshape(-1, 2)
            return Snapshot(tuple(bodies), places[:, 0], places[:, 1], speeds[:, 0], speeds[:, 1])

        self.at = at


def camera(site: Site, weather: Weather) -> ThermalCamera:
    """The camera all pictures are taken with."""
    place = site.sensor_place(CAMERA) or (0.0, 0.0)
    return ThermalCamera(site.sensor(CAMERA), *place, 5, weather)


def cast(site: Site, row: Sensor, t_s: float) -> list[Body]:
    """Everyone before the camera, at their places at a time."""
    east, north = site.sensor_place(row.id) or (0.0, 0.0)
    yaw = 0.0 if row.orientation is None else row.orientation.yaw_deg
    angle = np.deg2rad(yaw - convergence_deg(*(row.position or (0.0, 0.0))))
    ahead, right = (
        np.array([np.sin(angle), np.cos(angle)]),
        np.array([np.cos(angle), -np.sin(angle)]),
    )
    found = []
    for index, (far, aside, actor_class, behaviour, speed) in enumerate(CAST):
        start = np.array([east, north]) + far * ahead + (aside - speed * t_s) * right
        end = start + 1_000.0 * speed * right
        way = Way(np.array([0.0, 1_000.0]), *np.column_stack((start, end)))
        found.append(Body(f"a{index}", f"a{index}/0", actor_class, behaviour, way, 3))
    return found


def kelvin(site: Site, weather: Weather, *, with_cast: bool) -> NDArray[np.float64]:
    """One frame in degrees Celsius, shape (row, column)."""
    one = camera(site, weather)
    t_s = one.flat_field.begins_s(1) + 20.0
    raw = RawCamera(one, 5)
    world = Alone(cast(site, site.sensor(CAMERA), t_s) if with_cast else [])
    image = raw.image(int(t_s / FRAME_S), t_s, world)
    return np.asarray(image * raw.core.kelvin_per_count - 273.15)


def show(axes: plt.Axes, picture: NDArray[np.float64], title: str) -> None:
    """Draw a picture as operators see it: cold dark, warm bright, ends cut off."""
    low, high = np.percentile(picture, (1.0, 99.8))
    axes.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()


def save(name: str) -> None:
    """Write a picture in 64 colours, small enough for a repository."""
    plt.tight_layout()
    path = HERE / name
    plt.savefig(path, dpi=75)
    plt.close()
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    sys.stdout.write(f"{name}: {path.stat().st_size // 1_000} kB\n")


def draw_real_and_simulated(site: Site) -> None:
    """A frame of a real camera of this kind beside a simulated one; both 640 x 512, 16 bits."""
    path = REAL / "flirpy_frame_000000_512x640_u16.npy"
    if not path.is_file():
        sys.stdout.write("real-and-simulated.png stays: there are no real recordings\n")
        return
    real = np.load(path).astype(float)
    simulated = kelvin(site, Weather(wind_mps=3.0, temperature_c=12.0), with_cast=True)
    _, axes = plt.subplots(2, 2, figsize=(10.0, 5.6), height_ratios=(3.2, 1.0))
    show(axes[0, 0], real, "real: an uncooled core, 640 x 512, 16 bits (flirpy, MIT)")
    show(axes[0, 1], simulated, "simulated: thermal-002, a clear night, wind 3 m/s")
    for column, picture in enumerate((real, np.rint((simulated + 273.15) / 0.01))):
        # What is left of a pixel against its neighbours: noise, pattern and fine texture.
        rest = (2.0 * picture[:, 1:-1] - picture[:, :-2] - picture[:, 2:]) / np.sqrt(6.0)
        bins = np.arange(-61.5, 62.0, 3.0) / np.sqrt(6.0)
        axes[1, column].hist(rest.ravel(), bins=bins, color="0.3", density=True)
        axes[1, column].set_xlabel("pixel against its neighbours, counts", fontsize=8)
        axes[1, column].tick_params(labelsize=7)
    save("real-and-simulated.png")


def draw_weather(site: Site) -> None:
    """The same moment in four weathers."""
    weathers = {
        "clear, calm, 5 C": Weather(temperature_c=5.0),
        "wind 12 m/s, 5 C": Weather(temperature_c=5.0, wind_mps=12.0),
        "rain 10 mm/h, visibility 2 km": Weather(
            temperature_c=5.0, rain_mm_h=10.0, visibility_m=2_000.0
        ),
        "fog, visibility 300 m": Weather(temperature_c=5.0, visibility_m=300.0),
    }
    _, axes = plt.subplots(2, 2, figsize=(8.6, 7.2))
    for one, (title, weather) in zip(axes.flat, weathers.items(), strict=True):
        show(one, kelvin(site, weather, with_cast=True)[100:], title)
    save("weather.png")


def draw_figures() -> None:
    """Who is seen, walking by, at four ranges with the 50 mm lens."""
    warmth = Warmth.of(Weather(temperature_c=5.0))
    who = (
        ("person walks", ActorClass.PERSON, Behaviour.WALK, 1.4),
        ("person crawls", ActorClass.PERSON, Behaviour.CRAWL, 0.4),
        ("person digs", ActorClass.PERSON, Behaviour.DIG, 0.0),
        ("animal", ActorClass.ANIMAL, Behaviour.RUN, 4.0),
        ("vehicle", ActorClass.VEHICLE, Behaviour.DRIVE, 8.0),
        ("truck", ActorClass.TRUCK, Behaviour.DRIVE, 8.0),
    )
    ranges = (100.0, 300.0, 600.0, 1_200.0)
    _, axes = plt.subplots(len(ranges), len(who), figsize=(9.0, 5.2))
    noise = np.random.default_rng(1)
    still = Way(np.array([0.0, 10.0]), np.zeros(2), np.zeros(2))
    for row, range_m in enumerate(ranges):
        for column, (name, actor_class, behaviour, speed) in enumerate(who):
            body = Body(name, f"{name}/0", actor_class, behaviour, still, 3)
            strokes, size = figure(body, 1.2, 0.35, speed, warmth)
            scale = 4_166.7 / range_m
            high, wide = (
                round(1.3 * scale * size.height_m) + 4,
                round(1.3 * scale * size.length_m) + 4,
            )
            picture = noise.normal(warmth.ground, 0.07, (high, wide)).astype(np.float32)
            foot = (0.5 * wide, high - 2.0 - 0.1 * scale * size.height_m)
            paint(picture, strokes, foot, scale, 1.0, 0.15)
            axes[row, column].imshow(picture, cmap="gray", vmin=-4.0, vmax=warmth.skin)
            axes[row, column].set_xticks([])
            axes[row, column].set_yticks([])
            if row == 0:
                axes[row, column].set_title(name, fontsize=8)
            if column == 0:
                axes[row, column].set_ylabel(f"{range_m:g} m", fontsize=8)
    save("figures.png")


def draw_detection(site: Site) -> None:
    """How probably a look of a camera, or a turn of a radar, reports somebody."""
    ranges = np.linspace(50.0, 6_000.0, 240)
    weathers = {
        "clear": Weather(temperature_c=5.0),
        "rain 10 mm/h": Weather(temperature_c=5.0, rain_mm_h=10.0),
        "visibility 500 m": Weather(temperature_c=5.0, visibility_m=500.0),
    }
    classes = {ActorClass.PERSON: "-", ActorClass.VEHICLE: "--"}
    row, vehicle = site.sensor(CAMERA), site.sensor("vehicle-1")
    if row.lens is None or vehicle.radar is None:
        return
    _, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.4))
    for shade, (title, weather) in zip(("k", "tab:blue", "tab:red"), weathers.items(), strict=True):
        watcher = Watcher(1, CAMERA, weather)
        radar = GroundRadar(vehicle.radar, 1, "vehicle-1", weather)
        for actor_class, style in classes.items():
            behaviour = Behaviour.WALK if actor_class is ActorClass.PERSON else Behaviour.DRIVE
            body = Body("a", "a/0", actor_class, behaviour, Way(*np.zeros((3, 2))), 1)
            seen = []
            for range_m in ranges:
                scale = row.lens.focal_length_px / range_m
                look = Look(
                    body, (300.0, 200.0, 302.0, 204.0), range_m, 0.0, 1.0, (301.0, 204.0), scale
                )
                seen.append(float(sees_with_probability(watcher.pixels(look, row.lens))))
            left.plot(ranges, seen, color=shade, ls=style, label=f"{actor_class}, {title}")
            noise = radar.noise_m2(ranges, np.full(ranges.size, 1.2), np.zeros(ranges.size))
            signal = np.array([radar.signal_m2(body, float(one)) for one in ranges])
            right.plot(ranges, detection_probability(signal / noise), color=shade, ls=style)
    left.set_title("camera, 50 mm lens, one look a second", fontsize=9)
    right.set_title("radar of 5 km, one turn a second, 1.2 m/s", fontsize=9)
    left.legend(fontsize=6)
    for axes in (left, right):
        axes.set_xlabel("range, m", fontsize=8)
        axes.set_ylabel("probability", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    save("detection.png")


def main() -> None:
    """Draw all pictures beside this file."""
    site = Site.load(default_site_path())
    draw_figures()
    draw_detection(site)
    draw_weather(site)
    draw_real_and_simulated(site)


if __name__ == "__main__":
    main()
