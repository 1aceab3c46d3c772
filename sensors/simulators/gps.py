"""Errors of satellite positions: slow ones that hang together, and the receiver's own noise."""

from dataclasses import dataclass

import numpy as np

from sensors.simulators.motion import FloatArray, seeded

_WAVES = 48  # enough that their sum is normal


class Wander:
    """A random error in several directions with an exponential autocorrelation.

    A sum of waves whose frequencies are spread as a Lorentzian, the spectrum of such an error; so
    its value at any moment needs nothing that came before.

    Args:
        seed: the scene's.
        name: of what errs.
        sigma: its standard deviation in each direction.
        time_s: after which its correlation has fallen to 1/e.
        directions: how many.
    """

    def __init__(
        self, seed: int, name: str, sigma: float, time_s: float, directions: int = 2
    ) -> None:
        """Draw the waves, one from each stratum of their distribution."""
        draw = seeded(seed, "wander", name)
        shape = (directions, _WAVES)
        share = (np.arange(_WAVES) + draw.random(shape)) / _WAVES
        self._omega = np.tan(0.5 * np.pi * share) / time_s
        self._phase = draw.uniform(0.0, 2.0 * np.pi, shape)
        self._amplitude = sigma * np.sqrt(2.0 / _WAVES)

    def at(self, t_s: float) -> FloatArray:
        """Give the error at a time, shape (direction,)."""
        waves = np.cos(self._omega * t_s + self._phase)
        return np.asarray(self._amplitude * waves.sum(axis=1))


@dataclass(frozen=True)
class Receiver:
    """A kind of receiver.

    Attributes:
        slow_m: orbits, ionosphere and echoes, each axis.
        slow_s: how long these stay.
        quick_m: noise of each fix, each axis.
        speed_mps: error of each axis of the velocity, from Doppler shifts.
    """

    slow_m: float
    slow_s: float
    quick_m: float
    speed_mps: float = 0.05

    @property
    def accuracy_m(self) -> float:
        """What it states: one sigma, each axis, to the decimetre."""
        return round(float(np.hypot(self.slow_m, self.quick_m)), 1)


# Single-frequency receivers with satellite augmentation err by about a metre in the open; echoes
# and leaves make a hand-held one worse. Errors stay for a minute or some (all assumed).
RECEIVERS = {
    "vehicle": Receiver(1.0, 300.0, 0.3),
    "patrol": Receiver(2.5, 120.0, 0.8),
    "boat": Receiver(1.4, 300.0, 0.4),
    "aerial": Receiver(1.2, 300.0, 0.4),
}


class Gps:
    """One receiver.

    Args:
        seed: the scene's.
        name: whose it is.
        receiver: its kind.
    """

    def __init__(self, seed: int, name: str, receiver: Receiver) -> None:
        """Draw its slow error."""
        self._seed, self._name, self.receiver = seed, name, receiver
        self._slow = Wander(seed, f"gps {name}", receiver.slow_m, receiver.slow_s)

    def error_m(self, t_s: float) -> FloatArray:
        """Error of a fix, (east, north) metres."""
        quick = seeded(self._seed, "gps", self._name, round(t_s * 1_000))
        return self._slow.at(t_s) + quick.normal(0.0, self.receiver.quick_m, 2)

    def velocity_error_mps(self, t_s: float) -> FloatArray:
        """Error of a velocity, (east, north)."""
        draw = seeded(self._seed, "gps speed", self._name, round(t_s * 1_000))
        return draw.normal(0.0, self.receiver.speed_mps, 2)
