"""The site on the map, health, the console's files, and what every answer carries."""

import asyncio
import gzip
import re
from pathlib import Path

import httpx
import pytest

from geo.errors import ConfigError
from geo.resources import data_root
from sensors.messages import Mark, time_to_text
from services.alerts.app import AppSettings
from services.alerts.app.files import _map_file
from services.events import GatewayHealth, LoweredCount, Proof
from tests.services.alerts.app.ears import ear
from tests.services.alerts.app.fakes import NOW_NS, S, World, make_alert, silent_sensor
from tests.services.alerts.app.serving import serving


async def test_the_site_is_drawn_with_every_layer_inside_its_area(world: World) -> None:
    async with world.browser() as client:
        answer = await client.get("/api/site")
        assert answer.headers["content-type"] == "application/geo+json"
        site = answer.json()
        again = await client.get("/api/site", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
    layers: dict[str, int] = {}
    area = world.site.area
    for feature in site["features"]:
        layer = feature["properties"]["layer"]
        layers[layer] = layers.get(layer, 0) + 1
        line = feature["geometry"]["coordinates"]
        points = [line] if feature["geometry"]["type"] == "Point" else line
        if feature["geometry"]["type"] != "Polygon":
            assert all(area.contains(lon, lat) for lon, lat in points), layer
    assert layers["border"] == 2
    assert layers["cable"] == len(world.site.cables) == 8
    assert layers["sector"] == layers["sector-name"] == len(world.site.sectors)
    assert layers["crossing"] == len(world.site.crossings)
    assert layers["chainage"] == 55
    assert layers["sensor"] >= 60
    cables = [f["properties"] for f in site["features"] if f["properties"]["layer"] == "cable"]
    assert {one["sensor"] for one in cables} <= {row.id for row in world.site.sensors}
    west, south, east, north = site["bounds"]
    assert west < 20.27
    assert east > 22.6
    assert south < 44.5
    assert north > 46.12


async def test_what_site_memory_lowered_is_told_by_class_and_stretch_to_the_home_party_alone(
    world: World,
) -> None:
    world.picture.lowered = [
        LoweredCount("vehicle", 60_000.0, 60_250.0, 3),
        LoweredCount("vehicle", 61_000.0, 61_250.0, 4),
    ]
    async with world.browser() as client:
        told = (await client.get("/api/lowered")).json()
        assert [(one["object_class"], one["start_m"], one["count"]) for one in told] == [
            ("vehicle", 60_000.0, 3),
            ("vehicle", 61_000.0, 4),
        ]
        assert (await client.get("/api/state")).json()["lowered_by_site_memory"] == 7
        assert (await client.get("/health")).json()["state"]["lowered_by_site_memory"] == 7
    async with world.browser("rs-1") as client:
        assert (await client.get("/api/lowered")).status_code == 403


async def test_sensors_and_gateways_are_told_as_last_heard(world: World) -> None:
    world.picture.sensor_states.append(silent_sensor())
    world.picture.gateway_states.append(GatewayHealth("gw-1", "online", NOW_NS, 9, 8, 7, 1))
    async with world.browser() as client:
        (sensor,) = (await client.get("/api/sensors")).json()
        assert sensor["state"] == "silent"
        assert sensor["last_word"] == "2026-11-21T23:58:00.000000000Z"
        (gateway,) = (await client.get("/api/gateways")).json()
        assert (gateway["sent"], gateway["received"], gateway["journalled"]) == (9, 8, 7)


async def test_texts_are_given_in_each_language_and_no_other(world: World) -> None:
    async with world.browser(None) as client:
        english = (await client.get("/api/catalogue/en")).json()
        for language in ("ro", "sr-Latn", "sr-Cyrl"):
            texts = (await client.get(f"/api/catalogue/{language}")).json()
            assert texts.keys() == english.keys()
        assert (await client.get("/api/catalogue/tlh")).status_code == 422


async def test_it_is_ready_only_while_the_whole_way_works(world: World) -> None:
    async with world.browser(None) as client:
        assert (await client.get("/health/live")).json() == {"live": True}
        assert (await client.get("/health/ready")).status_code == 200
        world.now_ns += 60 * S
        answer = await client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["why_not"] == ["no test item has come the whole way for 61 s"]
        world.picture.last_proof = Proof("proof-1", world.now_ns, world.now_ns)
        world.picture.database_away = world.picture.broker_away = NOW_NS
        health = await client.get("/health")
        assert health.status_code == 200
        assert len(health.json()["why_not"]) == 2
        world.picture.last_proof = world.picture.database_away = world.picture.broker_away = None
        reasons = (await client.get("/health/ready")).json()["why_not"]
        assert reasons == ["no test item has come the whole way yet"]


async def test_every_answer_forbids_what_is_not_ours(world: World) -> None:
    async with world.browser(None) as client:
        for path in ("/", "/docs", "/health", "/api/alerts", "/nothing", "/map/basemap/x.geojson"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy, path
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
        assert (await client.get("/api/alerts")).headers["cache-control"] == "no-store"


async def test_the_docs_page_names_every_route_and_loads_nothing_foreign(world: World) -> None:
    async with world.browser(None) as client:
        page = (await client.get("/docs")).text
        description = (await client.get("/openapi.json")).json()
        for path in description["paths"]:
            assert path in page
        for link in re.findall(r"(?:href|src)='([^']*)'", page):
            assert link.startswith(("/", "#"))
        assert "<script" not in page
        assert (await client.get("/docs.css")).headers["content-type"].startswith("text/css")


async def test_map_data_is_served_from_this_machine(world: World) -> None:
    async with world.browser(None) as client:
        for name in ("countries", "country_lines", "places", "water"):
            answer = await client.get(f"/map/basemap/{name}.geojson")
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.json()["type"] == "FeatureCollection"
        plain = await client.get(
            "/map/basemap/countries.geojson", headers={"Accept-Encoding": "identity"}
        )
        assert "content-encoding" not in plain.headers
        assert plain.json()["type"] == "FeatureCollection"
        glyphs = await client.get("/map/glyphs/Noto%20Sans%20Regular/1024-1279.pbf")
        assert len(glyphs.content) > 10_000
        unshipped = await client.get("/map/glyphs/Noto%20Sans%20Regular/60000-60255.pbf")
        assert (unshipped.status_code, unshipped.content) == (200, b"")
        for path in (
            "/map/basemap/../ATTRIBUTION.md",
            "/map/basemap/%2e%2e%2fATTRIBUTION.md",
            "/map/glyphs/..%2f..%2fro_rs_land_border.geojson",
            "/map/basemap/none.geojson",
        ):
            assert (await client.get(path)).status_code == 404, path


async def test_the_console_is_served_from_its_folder_and_nothing_beside_it(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>here")
    (folder / "assets" / "one.mjs").write_text("export {};")
    (tmp_path / "secret.txt").write_text("secret")
    world = World(AppSettings(console=folder))
    async with world.browser(None) as client:
        index = await client.get("/")
        assert index.text == "<!doctype html>here"
        assert index.headers["cache-control"] == "no-cache"
        part = await client.get("/assets/one.mjs")
        assert part.headers["content-type"].startswith("text/javascript")
        assert "immutable" in part.headers["cache-control"]
        for path in ("/%2e%2e/secret.txt", "/..%2fsecret.txt", "//etc/passwd", "/assets"):
            answer = await client.get(path)
            assert answer.status_code == 404, path
            assert answer.json()["code"] == "not-found"


async def test_without_a_built_console_the_page_says_what_to_do(tmp_path: Path) -> None:
    world = World(AppSettings(console=tmp_path))
    async with world.browser(None) as client:
        answer = await client.get("/")
        assert answer.status_code == 503
        assert "make setup" in answer.text


async def test_a_fault_of_ours_is_one_sentence_without_our_inside(world: World) -> None:
    def broken() -> Proof | None:
        raise RuntimeError("inside")

    world.picture.proof = broken  # type: ignore[method-assign]
    transport = httpx.ASGITransport(app=world.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://straja") as client:
        answer = await client.get("/health")
    assert answer.status_code == 500
    assert answer.json()["code"] == "fault"
    assert "inside" not in answer.text


async def test_the_server_ends_promptly_with_a_feed_open(world: World) -> None:
    chunks: list[str] = []

    async def listen(address: str, begun: asyncio.Event) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=30) as client:
            await client.post("/api/session/once", json={"token": "token-op-7"})
            async with client.stream("GET", "/api/feed") as stream:
                async for line in stream.aiter_lines():
                    chunks.append(line)
                    begun.set()

    begun = asyncio.Event()
    async with serving(world) as address:
        listening = asyncio.create_task(listen(address, begun))
        async with asyncio.timeout(20):
            await begun.wait()
    async with asyncio.timeout(20):
        await listening
    assert "event: bye" in chunks
    assert world.feed.listeners == 0


async def test_hello_says_where_the_feed_begins_and_whose_mark_the_run_has() -> None:
    world = World(AppSettings(banner=Mark.EXERCISE))
    async with ear(world) as one:
        hello = await one.next("hello")
        assert hello.data["banner"] == "exercise"
        assert hello.data["feed"] == "e1:0"


@pytest.mark.parametrize("name", ["heartbeat_s", "catch_up_limit", "proof_limit_s"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_settings_that_cannot_be_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"app.{name}"):
        AppSettings(**{name: value})  # type: ignore[arg-type]


def test_basemap_compresses_to_what_it_was() -> None:
    raw = data_root().joinpath("basemap", "water.geojson").read_bytes()
    packed = _map_file("basemap", ("water.geojson",))
    assert packed is not None
    assert gzip.decompress(packed) == raw
    assert len(packed) < len(raw) / 2


async def test_in_a_replay_everything_but_sessions_goes_by_the_replays_time(world: World) -> None:
    night_ns = NOW_NS - 200 * 86_400 * S
    world.replayed_ns = night_ns
    world.happen(make_alert(1, at_ns=night_ns - S))
    world.picture.last_proof = Proof("proof-1", night_ns - 2 * S, night_ns)
    async with world.browser() as client:
        state = (await client.get("/api/state")).json()
        assert state["now"] == time_to_text(night_ns)
        assert state["proof"]["age_s"] == 2.0
        body = {"command": "command-1"}
        answer = await client.post("/api/alerts/inc-1/acknowledge", json=body)
        assert answer.status_code == 200
    assert [command.at_ns for command in world.commands.seen] == [night_ns]
