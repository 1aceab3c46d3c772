"""Settings of what is judged of the cable itself, and where their defaults come from."""

import math
from dataclasses import dataclass

_WAVELENGTH_NM = 1550.0
_GROUP_INDEX = 1.468
_PHOTOELASTIC = 0.78
_BAND_SHARE = 0.78
"""Share of a white spectrum up to 250 Hz that the bands from 4 to 200 Hz take."""


@dataclass(frozen=True, slots=True)
class CableStateSettings:
    """When a cable is taken to be cut, bent or let go again.

    Attributes:
        empty_share: of the energy of a phase that is any at each sample (see :func:`empty_energy`)
            from which on a channel may be one from which no light comes back. An interrogator that
            takes means of several pulses shows less than all; assumed.
        empty_jump: or so many times its own usual energy; assumed.
        jump_channels: what only jumped has to be so on so many channels, since a few of them may
            be alike by chance while the ground shakes.
        alike_nats: such channels are equally loud in each band within this: in 2 s six sigmas. The
            ground's coupling alone differs by more (up to 10 dB, assumed).
        alike_spread_nats: and their robust standard deviation is at most this; assumed.
        least_channels: so many to the cable's end have to be so.
        hold_s: for so long, before it is told (assumed).
        common_share: what all channels show alike in time comes from the interrogator.
        bend_least_nats: rise of the noise beyond a bend, in energy. 0.2 dB of loss one way
            (assumed to be the least that hands at a cable make) raise it by 0.09.
        bend_most_nats: 1 dB raises it by 0.46; more is something else.
        bend_sigmas: of the step against the differences between channels.
        bend_later_s: over so long the noise after the step is taken.
        bend_between_s: left out before it, while hands are at the cable.
        bend_seen: successive seconds in which the step has to stand at one place.
        bend_hold_s: a bend that is never seen let go is told for so long; by then fading has
            changed the levels that it was measured by.
        burst_s: for so long a state is told twice a second, so that it is believed soon.
        repeat_s: after that so often while it lasts, so that its alert stands as long.
    """

    empty_share: float = 0.1
    empty_jump: float = 16.0
    jump_channels: int = 30
    alike_nats: float = 0.8
    alike_spread_nats: float = 0.3
    least_channels: int = 3
    hold_s: float = 2.0
    common_share: float = 0.3
    bend_least_nats: float = 0.06
    bend_most_nats: float = 0.6
    bend_sigmas: float = 7.0
    bend_later_s: float = 4.0
    bend_between_s: float = 2.0
    bend_seen: int = 3
    bend_hold_s: float = 3_600.0
    burst_s: float = 5.0
    repeat_s: float = 5.0


def empty_energy(sample_rate_hz: float, gauge_m: float, scale: float) -> float:
    """Energy in the bands of a phase that is spread evenly, in counts squared.

    Strain per radian is wavelength / (4 pi n xi gauge) (fibre data sheets); the phase changes by
    any angle up to pi from one sample to the next.
    """
    radian = _WAVELENGTH_NM / (4.0 * math.pi * _GROUP_INDEX * _PHOTOELASTIC * gauge_m)
    return _BAND_SHARE * (math.pi * radian * sample_rate_hz / scale) ** 2 / 3.0
