"""Other libraries as oracles: they do the same as each other, so their times can be compared."""

import importlib.util

import numpy as np
import pytest

from geo.errors import ConfigError
from services.bench import peers

RATE_HZ = 500.0
# Importing obspy warns of what it uses of the standard library; that is its own matter.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
_HAVE = {name: bool(importlib.util.find_spec(name)) for name in ("xdas", "obspy", "dascore")}


def samples() -> peers.F32:
    noise = np.random.default_rng(3).normal(0.0, 300.0, (3, 6_000))
    noise[1, 5_400:5_600] *= 8.0
    return noise.astype(np.float32)


@pytest.mark.parametrize("name", ["xdas", "obspy"])
def test_the_streaming_ratio_is_the_same_in_each_library(name: str) -> None:
    if not _HAVE[name]:
        pytest.skip(f"{name} is not installed: pip install 'straja[peers]'")
    own = peers.PEERS["scipy"].work(samples(), RATE_HZ)()
    other = peers.PEERS[name].work(samples(), RATE_HZ)()
    full = round(peers.LONG_S * RATE_HZ) + 1  # before, the others say 0
    assert np.allclose(other[:, full:], own[:, full:], rtol=1e-3)
    assert own[1, 5_600] > 5.0


def test_the_running_means_of_dascore_show_the_same_burst() -> None:
    if not _HAVE["dascore"]:
        pytest.skip("dascore is not installed: pip install 'straja[peers]'")
    ratio = peers.PEERS["dascore"].work(samples(), RATE_HZ)()
    assert ratio.shape == (3, 6_000)
    assert int(np.nanargmax(np.nanmax(ratio, axis=1))) == 1


def test_a_missing_peer_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    one = peers.Peer("nothing", peers.PEERS["scipy"].work, 1, ("no_such_package",))
    monkeypatch.setattr(peers, "PEERS", {"one": one})
    with pytest.raises(ConfigError, match=r"no_such_package: pip install 'straja\[peers\]'"):
        peers.check()


def test_speeds_are_by_sample_and_ours_are_set_against_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = peers.Peer("half of the channels", peers.PEERS["scipy"].work, 3)
    monkeypatch.setattr(peers, "PEERS", {"scipy": own})
    figures = peers.measure(np.repeat(samples(), 2, axis=0), RATE_HZ, {"chain": 100.0})["scipy"]
    assert figures["channels"] == 3
    speed = figures["msample_per_s"]
    assert figures["chain_times"] == pytest.approx(100.0 / speed, rel=0.01)
