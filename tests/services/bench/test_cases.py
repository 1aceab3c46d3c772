"""Cases are measured as `straja score` measures, and by the cable besides."""

import json
from pathlib import Path

import numpy as np
import pytest

from geo.errors import ConfigError
from geo.site import Site
from sensors.messages import ObjectClass
from sensors.simulators.cases import Case
from services.bench.cases import case_named, measure_case, scenes_for
from services.bench.nearness import over_cable_ns
from services.bench.seeds import Seeds, SeedSet, shipped_seeds
from services.cli.main import run
from services.run.scoring import pairs_of, score
from services.score.actors import NS, Actor

SITE = """
format = 1
name = "short"
home_party = "RO"
parties = ["RO", "RS"]
area = {lon_min_deg = 20.0, lon_max_deg = 23.0, lat_min_deg = 44.0, lat_max_deg = 47.0}

[[cables]]
id = "fibre-1"
channel_count = 220
route = [[21.1850, 45.2480], [21.1850, 45.2678]]

[[sensors]]
id = "fibre-1"
group = "interrogator-1"
kind = "fibre"
cable = "fibre-1"
"""


@pytest.fixture
def short(tmp_path: Path) -> Path:
    path = tmp_path / "short.toml"
    path.write_text(SITE, encoding="utf-8")
    return path


def test_a_digger_is_measured_on_a_short_cable(short: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told: list[str] = []
    figures = measure_case(Case.DIG, range(7, 8), out, 1, told.append, short)
    assert told == ["case dig: 1 of 1 scenes"]
    assert figures["crossings"] == figures["by_class"]["digging"]["crossings"]
    assert figures["km_days"] is not None
    again, _ = score(pairs_of([], [], [out]), short)
    assert again == {key: figures[key] for key in again}
    alerts = sum(some["alerts"] for some in figures["by_verdict"].values())
    assert alerts == figures["operator_alerts"]
    # One crossing: its shares are those of its own delay and place, or none where it is missed.
    assert figures["crossings"] == 1
    delay, along = figures["median_delay_s"], figures["median_error_along_m"]
    assert figures["pd_in_30_s"] == float(delay is not None and delay <= 30.0)
    assert figures["pd_within_20_m"] == float(along is not None and along <= 20.0)


def walker(*way: tuple[float, float], behind: tuple[tuple[float, float], ...] = ()) -> Actor:
    ways = [one for one in (way, behind) if one]
    east, north = np.moveaxis(np.array(ways), 2, 0).transpose(0, 2, 1)
    return Actor(
        id="walker",
        kind="person",
        object_class=ObjectClass.PERSON,
        count=1,
        own_force=False,
        at_ns=NS * (1_000 + 10 * np.arange(len(way), dtype=np.int64)),
        east_m=east,
        north_m=north,
        near=(("fibre-1",),) * len(way),
    )


def test_moment_over_the_cable_is_between_points() -> None:
    site = Site.parse(SITE, "short.toml")
    cable = site.cable("fibre-1")
    way = [cable.point_at(1_000.0, aside) for aside in (8.0, 6.0, -2.0, 6.0)]
    over = walker(*((float(e), float(n)) for e, n in way))
    # From 6 m to -2 m in ten seconds: over it after 7.5 s.
    assert over_cable_ns(site, over) == pytest.approx(NS * 1_017.5, abs=0.01 * NS)
    early = [cable.point_at(1_000.0, aside) for aside in (4.0, -6.0, -8.0, -9.0)]
    pair = walker(
        *((float(e), float(n)) for e, n in way),
        behind=tuple((float(e), float(n)) for e, n in early),
    )
    assert over_cable_ns(site, pair) == pytest.approx(NS * 1_004.0, abs=0.01 * NS)
    beside = walker(*((float(e), float(n)) for e, n in way[:2]))
    assert over_cable_ns(site, beside) is None


def test_exposure_is_rounded_up_to_whole_scenes() -> None:
    assert scenes_for(60.0) == 231
    assert scenes_for(0.01) == 1


def test_shipped_seeds_give_each_case_a_range_of_its_own() -> None:
    plan = shipped_seeds()
    assert set(plan.cases) == set(Case)
    used: set[int] = set()
    for one in (plan, *plan.cases.values()):
        for name in SeedSet:
            seeds = set(one.of(name).seeds)
            assert not seeds & used
            used |= seeds
            first = 2_000_000 if name is SeedSet.FIGURES else 1_000_000
            assert all(first <= seed < first + 1_000_000 for seed in seeds)
    assert len(plan.cases[Case.CALM].figures.seeds) >= scenes_for(60.0)


def test_seeds_of_a_case_are_kept_as_those_of_drawn_scenes() -> None:
    plan = Seeds.model_validate(
        {
            "difficulties": [0.0],
            "tuning": {"first_seed": 100, "scenes": 20},
            "figures": {"first_seed": 200, "scenes": 30},
            "cases": {
                "walk": {
                    "tuning": {"first_seed": 300, "scenes": 5},
                    "figures": {"first_seed": 400, "scenes": 5},
                }
            },
        }
    )
    assert plan.chosen(SeedSet.TUNING, None, None, Case.WALK) == range(300, 305)
    assert plan.chosen(SeedSet.FIGURES, 2, None, Case.WALK) == range(400, 402)
    with pytest.raises(ConfigError, match="seeds 400 to 404 are kept for figures"):
        plan.chosen(SeedSet.TUNING, 3, 404)
    with pytest.raises(ConfigError, match="case 'dig' has no seeds"):
        plan.chosen(SeedSet.TUNING, 3, None, Case.DIG)
    twice = plan.model_dump() | {"tuning": {"first_seed": 303, "scenes": 1}}
    with pytest.raises(ValueError, match="seed 303 is in two"):
        Seeds.model_validate(twice)


def test_command_measures_a_case(
    short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    given = ["--case", "walk", "--scenes", "1", "--first-seed", "3", "--jobs", "1", "--json"]
    assert run(["bench", "score", *given, "--site", str(short), "--out", str(out)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert json.loads((out / "score.json").read_text(encoding="utf-8")) == printed
    assert set(printed["cases"]) == {"walk"}
    assert printed["cases"]["walk"]["seeds"] == "3-3"
    assert "drawn" not in printed
    assert "case walk, seeds 3-3" in (out / "score.txt").read_text(encoding="utf-8")


def test_what_is_no_case_is_told() -> None:
    with pytest.raises(ConfigError, match="--case is 'swim': wanted all, or one of walk"):
        case_named("swim")
    assert run(["bench", "score", "--site", "short.toml"]) == 2
    assert run(["bench", "score", "--case", "walk", "--km-days", "1"]) == 2


def test_more_scenes_than_there_are_seeds_is_told_before_anything_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["bench", "score", "--case", "cut", "--case", "walk", "--scenes", "200"]
    assert run(given) == 2
    told = capsys.readouterr().err
    assert "--scenes is 200: wanted at most 14" in told
    assert "case cut" not in told
