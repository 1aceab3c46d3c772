# ruff: noqa: INP001 - a script beside the page whose pictures it draws
"""Draws the pictures of fibre.md: ``python docs/simulators/draw_fibre.py``.

The pictures beside recordings need the real ones beside the clone; where these are missing they
stay as they are.
"""

import io
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import signal

from geo.cable import Cable
from geo.default_site import default_site_path
from geo.site import Site
from sensors.scenes import ActorClass, Behaviour, CableEvent
from sensors.simulators.fibre import RATE_HZ, FibreSimulator, Surroundings
from sensors.simulators.gait import mass_kg
from sensors.simulators.motion import Body
from sensors.simulators.motion import Path as Way
from sensors.simulators.tiles import BLOCK
from sensors.simulators.weather import Sky
from services.bench.noise import pieces, read, synthetic
from services.bench.unrest import Record, log_energy, scores

mpl.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).resolve().parent
REAL = HERE.parents[2] / "shared" / "data" / "das"
RECORDINGS = {
    "geofon_1D_HSF.mseed": "GEOFON 1D, one channel, 30 min",
    "geofon_9N_HSF.mseed": "GEOFON 9N, one channel, 12 min",
    "decimated_optodas.hdf5": "OptoDAS, sea bed, 10 s",
    "prodml_2.0.h5": "PRODML sample, 12 s",
    "valencia_febus_example.h5": "Febus, 5 s",
}
BAND_HZ = (12.0, 45.0)
SEED = 5
MIDDLE = 1_030  # channel about which things happen


def cable() -> Cable:
    """The default site's first."""
    return Site.load(default_site_path()).cable("fibre-1")


def body(
    kind: ActorClass,
    behaviour: Behaviour,
    begin: tuple[float, float],
    end: tuple[float, float],
    duration_s: float,
    name: str = "a/0",
    actor: str = "a",
) -> Body:
    """Somebody who goes from one (channel, offset) to another."""
    line = cable()
    (east, north), (to_east, to_north) = (
        line.point_at(line.channel_distance(channel), offset) for channel, offset in (begin, end)
    )
    path = Way(
        np.array([0.0, duration_s]),
        np.array([float(east), float(to_east)]),
        np.array([float(north), float(to_north)]),
    )
    return Body(actor, name, kind, behaviour, path, SEED)


def samples(
    bodies: list[Body], window: tuple[int, int], seconds: float, about: Surroundings | None = None
) -> NDArray[np.float64]:
    """Counts of 1 nanostrain/s, shape (time, channel)."""
    simulator = FibreSimulator(
        SEED, "fibre-1", cable(), lambda _from, _to: bodies, 0.0, window, about
    )
    blocks = range(int(seconds * RATE_HZ / BLOCK))
    return np.concatenate([simulator.samples(n * BLOCK, BLOCK) for n in blocks]).astype(np.float64)


def _weighs(actor: str) -> float:
    return mass_kg(
        body(ActorClass.ANIMAL, Behaviour.STAND, (0, 0.0), (0, 0.0), 1.0, f"{actor}/0", actor)
    )


def waterfalls() -> None:
    """What sources look like: log energy of 50 ms in a band, time against channel."""
    cut = CableEvent(at_cable="fibre-1", distance_m=10.0 * MIDDLE, t_s=12.0, kind="cut")
    deer = next(one for one in (f"h{n}" for n in range(99)) if _weighs(one) > 110.0)
    herd = [
        body(
            ActorClass.ANIMAL,
            Behaviour.WALK,
            (MIDDLE + 1.5 * n - 6, -14.0 - n),
            (MIDDLE + 1.5 * n - 4, 12.0 - n),
            24.0,
            f"{deer}/{n}",
            deer,
        )
        for n in range(9)
    ]
    walker = body(ActorClass.PERSON, Behaviour.WALK, (MIDDLE, -14.0), (MIDDLE + 1, 16.0), 24.0)
    digger = body(ActorClass.PERSON, Behaviour.DIG, (MIDDLE, 3.0), (MIDDLE, 3.0), 24.0)
    car = body(ActorClass.VEHICLE, Behaviour.DRIVE, (MIDDLE - 12, 25.0), (MIDDLE + 12, 25.0), 24.0)
    train = body(
        ActorClass.TRAIN, Behaviour.DRIVE, (MIDDLE - 25, 150.0), (MIDDLE + 25, 150.0), 24.0
    )
    saw = body(ActorClass.PERSON, Behaviour.SAW, (MIDDLE, 0.3), (MIDDLE, 0.3), 24.0)
    storm = Surroundings(sky=Sky(wind_mps=15.0, rain_mm_h=15.0))
    panels = (
        ("walker", [walker], None, BAND_HZ, 30),
        ("digger, 3 m aside", [digger], None, BAND_HZ, 30),
        ("nine red deer", herd, None, BAND_HZ, 30),
        ("car, 25 m aside", [car], None, BAND_HZ, 30),
        ("freight train, 150 m aside, 2-12 Hz", [train], None, (2.0, 12.0), 120),
        ("saw on the cable, 100-200 Hz", [saw], None, (100.0, 200.0), 30),
        ("walker in a storm of 15 m/s", [walker], storm, BAND_HZ, 30),
        ("cable cut at 12 s", [walker], Surroundings(events=(cut,)), BAND_HZ, 30),
    )
    figure, axes = plt.subplots(2, 4, figsize=(13, 7), layout="constrained")
    for axis, (title, bodies, about, band, half) in zip(axes.flat, panels, strict=True):
        made = samples(bodies, (MIDDLE - half, 2 * half), 24.0, about)
        sos = signal.butter(2, band, "bandpass", fs=RATE_HZ, output="sos")
        heard = signal.sosfilt(sos, made, axis=0)
        rows = 50
        power = (heard[: len(heard) // rows * rows] ** 2).reshape(-1, rows, heard.shape[1])
        level = 10.0 * np.log10(power.mean(axis=1) + 1.0)
        axis.imshow(
            level,
            aspect="auto",
            origin="lower",
            extent=(-10.0 * half, 10.0 * half, 0.0, 24.0),
            vmin=np.percentile(level, 5),
            vmax=np.percentile(level, 5) + 35.0,
            cmap="viridis",
            interpolation="nearest",
        )
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("metres along the cable", fontsize=8)
        axis.set_ylabel("seconds", fontsize=8)
    _save(figure, "fibre-sources.png", 70)


def weather() -> None:
    """Spectra of calm, wind and rain."""
    figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for label, sky in (
        ("calm", Sky()),
        ("wind 6 m/s", Sky(6.0, 0.0)),
        ("wind 10 m/s", Sky(10.0, 0.0)),
        ("wind 16 m/s", Sky(16.0, 0.0)),
        ("rain 5 mm/h", Sky(0.0, 5.0)),
        ("rain 40 mm/h", Sky(0.0, 40.0)),
    ):
        made = samples([], (900, 300), 30.0, Surroundings(sky=sky))
        frequency, power = signal.welch(made, RATE_HZ, nperseg=1_000, axis=0)
        axis.loglog(frequency[1:], np.sqrt(power.mean(axis=1))[1:], label=label)
    axis.set_xlabel("hertz")
    axis.set_ylabel("nanostrain/s per square root of hertz")
    axis.legend(fontsize=8)
    axis.grid(visible=True, alpha=0.3)
    _save(figure, "fibre-weather.png", 90)


def beside_recordings() -> None:
    """Tails and spectra of recordings and of synthetic noise."""
    made = synthetic()
    ours = ((made, "synthetic, 10 min"), (pieces(made), "synthetic, pieces of 10 s"))
    records = [(read(REAL / name), label) for name, label in RECORDINGS.items()]
    figure, (tails, spectra) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    over = np.arange(2.0, 12.1, 0.25)
    for record, label in (*records, *ours):
        style = {"linewidth": 2.5, "color": "black"} if record.name == "synthetic" else {}
        if "pieces" in label:
            style["linestyle"] = "--"
        found = scores(log_energy(record.samples[:, :: record.stride], record.rate_hz, BAND_HZ))
        hours = found.size * 0.5 / 3_600.0
        often = np.array([(found > score).sum() / hours for score in over])
        tails.semilogy(over, np.where(often > 0.0, often, np.nan), label=label, **style)
        if "pieces" not in label:
            spectra.loglog(*_spectrum(record), label=label, **style)
    tails.set_xlabel(f"deviations over the running median, {BAND_HZ[0]:g}-{BAND_HZ[1]:g} Hz")
    tails.set_ylabel("half seconds above it, an hour and channel")
    tails.legend(fontsize=8)
    spectra.set_xlabel("hertz")
    spectra.set_ylabel("amplitude, by the one at 16 Hz")
    for axis in (tails, spectra):
        axis.grid(visible=True, alpha=0.3)
    _save(figure, "fibre-tails.png", 90)


def _spectrum(record: Record) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    segment = min(int(2.0 * record.rate_hz), len(record.samples))
    frequency, power = signal.welch(record.samples, record.rate_hz, nperseg=segment, axis=0)
    level = np.sqrt(np.median(power, axis=1))
    about = (frequency > 11.0) & (frequency < 23.0)
    shown = (frequency >= 1.0) & (frequency < 0.45 * record.rate_hz)
    return frequency[shown], level[shown] / level[about].mean()


def _save(figure: plt.Figure, name: str, dpi: int) -> None:
    # Without the library's version in it, the same results give the same file.
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=dpi, metadata={"Software": None})
    plt.close(figure)
    # A palette keeps pictures of noise small.
    Image.open(drawn).convert("RGB").quantize(48).save(HERE / name, optimize=True)


def main() -> None:
    """Draw what can be drawn."""
    waterfalls()
    weather()
    if REAL.is_dir():
        beside_recordings()
    else:
        sys.stderr.write(
            "fibre-tails.png stays as it is: the recordings are not beside this clone\n"
        )


if __name__ == "__main__":
    main()
