/** The map of the border, drawn by MapLibre from data of this machine alone. */

import {
  AttributionControl,
  type GeoJSONSource,
  Map as MapLibre,
  NavigationControl,
  ScaleControl,
  setWorkerUrl,
} from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import type { Alert, Sensor, SeverityName } from "../model";
import { NEEDS_SOMEBODY } from "../picture";
import { COLOURS, style } from "./style";

type Site = GeoJSON.FeatureCollection & { bounds: number[] };

export interface BorderMap {
  showAlerts(alerts: Alert[], selected: string | null): void;
  showSensors(sensors: ReadonlyMap<string, Sensor>): void;
  goTo(alert: Alert): void;
  whole(): void;
  remove(): void;
}

/** The machine cannot draw maps. */
class NoMap extends Error {
  override name = "NoMap";
}

const ICON_PX = 52;
const ICON_RATIO = 2;
const METRES_PER_DEGREE = 111_320;
/** At zoom 0 on the equator, tiles being 512 pixels wide. */
const METRES_PER_PIXEL = 78_271.5;
const ELLIPSE_PX = 60;
/** Closer than this nothing but a line is in sight, and nobody knows where it is. */
const CLOSEST_ZOOM = 13;

export function sectorNames(site: Site): ReadonlyMap<string, string> {
  return new Map(
    site.features
      .filter(({ properties }) => properties?.["layer"] === "sector")
      .map(({ properties }) => [String(properties?.["id"]), String(properties?.["name"])]),
  );
}

export async function makeMap(
  container: HTMLElement,
  site: Site,
  select: (id: string) => void,
): Promise<BorderMap> {
  setWorkerUrl(workerUrl);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const [west = 20.2, south = 43.9, east = 22.7, north = 46.2] = site.bounds;
  const bounds: [number, number, number, number] = [west, south, east, north];
  let turn = 0;
  const fixed: GeoJSON.FeatureCollection = {
    type: "FeatureCollection",
    features: site.features
      .filter(({ properties }) => !["cable", "sensor"].includes(properties?.["layer"]))
      .map((feature) =>
        feature.properties?.["layer"] === "sector"
          ? { ...feature, properties: { ...feature.properties, turn: turn++ } }
          : feature,
      ),
  };
  let map: MapLibre;
  try {
    map = new MapLibre({
      container,
      style: style(location.origin, fixed),
      bounds,
      fitBoundsOptions: { padding: 44 },
      minZoom: 5.5,
      maxZoom: 17,
      maxBounds: [west - 4, south - 2.5, east + 4, north + 2.5],
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      fadeDuration: 0,
      localIdeographFontFamily: false,
    });
  } catch {
    throw new NoMap("WebGL is missing");
  }
  map.touchZoomRotate.disableRotation();
  map.keyboard.disable(); // arrows belong to the list
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new ScaleControl({ unit: "metric" }), "bottom-left");
  map.addControl(new AttributionControl({ compact: false }), "bottom-right");
  map.once("style.load", () => {
    for (const severity of ["danger_to_life", "high", "medium", "low"] as const) {
      for (const hollow of [false, true]) {
        map.addImage(`${severity}${hollow ? "-hollow" : ""}`, icon(severity, hollow), {
          pixelRatio: ICON_RATIO,
        });
      }
    }
    map.addImage("crossing", crossingIcon(), { pixelRatio: ICON_RATIO });
  });
  await new Promise<void>((done) => {
    map.once("load", () => done());
  });
  map.on("click", "alerts", (event) => {
    const id: unknown = event.features?.[0]?.properties["id"];
    if (typeof id === "string") select(id);
  });
  map.on("mouseenter", "alerts", () => (map.getCanvas().style.cursor = "pointer"));
  map.on("mouseleave", "alerts", () => (map.getCanvas().style.cursor = ""));

  const put = (source: string, features: GeoJSON.Feature[]): void => {
    map.getSource<GeoJSONSource>(source)?.setData({ type: "FeatureCollection", features });
  };
  const resize = new ResizeObserver(() => {
    map.resize();
    if (isWhole) map.fitBounds(bounds, { padding: 44, duration: 0 });
  });
  resize.observe(container);
  // The whole border stays whole, whatever becomes of the window, until somebody moves the map.
  let isWhole = true;
  map.on("movestart", (event) => {
    if (event.originalEvent) isWhole = false;
  });
  // What is really drawn can be read from the page, as a reader of screens or a test does.
  map.on("idle", () => {
    const drawn = map.queryRenderedFeatures({ layers: ["alerts"] });
    container.dataset["drawn"] = drawn.map(({ properties }) => properties["id"]).join(" ");
  });
  let drawnAlerts = "";
  let drawnSensors = "";

  return {
    showAlerts(alerts, selected) {
      const live = alerts.filter(({ state, id }) => state !== "ended" || id === selected);
      const key = live.map(({ id, revision, state }) => `${id}/${revision}/${state}`).join();
      if (drawnAlerts === `${key} ${selected}`) return;
      drawnAlerts = `${key} ${selected}`;
      put("alerts", live.map((alert) => point(alert, alert.id === selected)));
      put("ellipses", live.flatMap(ellipse));
    },
    showSensors(sensors) {
      const states = new Map([...sensors.values()].map((one) => [one.sensor, one]));
      const key = [...states.values()]
        .map(({ sensor, state, longitude_deg }) => `${sensor}/${state}/${longitude_deg}`)
        .join();
      if (key === drawnSensors && drawnSensors !== "") return;
      drawnSensors = key;
      const drawn: GeoJSON.Feature[] = [];
      const cables: GeoJSON.Feature[] = [];
      const placed = new Set<string>();
      for (const feature of site.features) {
        const { layer, id, sensor } = feature.properties ?? {};
        if (layer === "cable") {
          const state = states.get(String(sensor))?.state ?? "never_heard";
          cables.push({ ...feature, properties: { name: id, state } });
        } else if (layer === "sensor") {
          const known = states.get(String(id));
          placed.add(String(id));
          const moved =
            known?.longitude_deg != null && known.latitude_deg != null
              ? ({
                  type: "Point",
                  coordinates: [known.longitude_deg, known.latitude_deg],
                } satisfies GeoJSON.Point)
              : feature.geometry;
          drawn.push({
            type: "Feature",
            geometry: moved,
            properties: { name: id, state: known?.state ?? "never_heard" },
          });
        }
      }
      for (const { sensor, state, longitude_deg, latitude_deg } of states.values()) {
        if (placed.has(sensor) || longitude_deg === null || latitude_deg === null) continue;
        drawn.push({
          type: "Feature",
          geometry: { type: "Point", coordinates: [longitude_deg, latitude_deg] },
          properties: { name: sensor, state },
        });
      }
      put("sensors", drawn);
      put("cables", cables);
    },
    goTo({ place }) {
      isWhole = false;
      const to = {
        center: [place.longitude_deg, place.latitude_deg] as [number, number],
        zoom: zoomFor(place.ellipse?.semi_major_m ?? 100, place.latitude_deg),
      };
      if (still) map.jumpTo(to);
      else map.easeTo({ ...to, duration: 600 });
    },
    whole() {
      isWhole = true;
      map.fitBounds(bounds, { padding: 44, duration: still ? 0 : 600 });
    },
    remove() {
      resize.disconnect();
      map.remove();
    },
  };
}

/** The zoom at which an ellipse is a hand's breadth on the screen, within what the map is good for. */
function zoomFor(semi_major_m: number, latitude_deg: number): number {
  const metresPerPixel = Math.max(semi_major_m, 1) / ELLIPSE_PX;
  const atEquator = METRES_PER_PIXEL * Math.cos((latitude_deg * Math.PI) / 180);
  return Math.min(CLOSEST_ZOOM, Math.max(10.5, Math.log2(atEquator / metresPerPixel)));
}

function point(alert: Alert, chosen: boolean): GeoJSON.Feature {
  const waits = NEEDS_SOMEBODY.has(alert.state);
  const km = (alert.place.chainage_m / 1000).toFixed(1);
  return {
    type: "Feature",
    geometry: {
      type: "Point",
      coordinates: [alert.place.longitude_deg, alert.place.latitude_deg],
    },
    properties: {
      id: alert.id,
      icon: `${alert.severity_name}${waits ? "" : "-hollow"}`,
      severity: alert.severity_name,
      label: `km ${km}`,
      order: (chosen ? 100 : 0) + (waits ? 10 : 0) + alert.severity,
      waits,
      chosen,
    },
  };
}

/** The 95 % ellipse as a polygon; flat-earth is exact to a millimetre at its size. */
function ellipse({ place, severity_name }: Alert): GeoJSON.Feature[] {
  if (place.ellipse === null) return [];
  const { semi_major_m, semi_minor_m, orientation_deg } = place.ellipse;
  const turn = (orientation_deg * Math.PI) / 180;
  const perLongitude = METRES_PER_DEGREE * Math.cos((place.latitude_deg * Math.PI) / 180);
  const ring = Array.from({ length: 49 }, (_, index) => {
    const angle = (index / 48) * 2 * Math.PI;
    const along = semi_major_m * Math.cos(angle);
    const across = semi_minor_m * Math.sin(angle);
    const east = along * Math.sin(turn) + across * Math.cos(turn);
    const north = along * Math.cos(turn) - across * Math.sin(turn);
    return [
      place.longitude_deg + east / perLongitude,
      place.latitude_deg + north / METRES_PER_DEGREE,
    ];
  });
  return [
    {
      type: "Feature",
      geometry: { type: "Polygon", coordinates: [ring] },
      properties: { severity: severity_name },
    },
  ];
}

function canvas(draw: (pen: CanvasRenderingContext2D) => void): ImageData {
  const sheet = document.createElement("canvas");
  sheet.width = sheet.height = ICON_PX;
  const pen = sheet.getContext("2d");
  if (!pen) throw new NoMap("the canvas is missing");
  draw(pen);
  return pen.getImageData(0, 0, ICON_PX, ICON_PX);
}

const SHAPES: Record<SeverityName, string> = {
  danger_to_life: "M26 4 48 26 26 48 4 26z",
  high: "M26 6 48 45H4z",
  medium: "M8 8h36v36H8z",
  low: "M26 6a20 20 0 1 1 0 40a20 20 0 1 1 0-40z",
};

function icon(severity: SeverityName, hollow: boolean): ImageData {
  return canvas((pen) => {
    const path = new Path2D(SHAPES[severity]);
    pen.lineJoin = "round";
    pen.strokeStyle = "#0c1117";
    pen.lineWidth = 9;
    pen.stroke(path);
    pen.fillStyle = hollow ? "#0c1117" : COLOURS[severity];
    pen.fill(path);
    pen.strokeStyle = COLOURS[severity];
    pen.lineWidth = 4;
    pen.stroke(path);
  });
}

function crossingIcon(): ImageData {
  return canvas((pen) => {
    pen.fillStyle = "#0c1117";
    pen.strokeStyle = "#c2d0dd";
    pen.lineWidth = 4;
    pen.beginPath();
    pen.roundRect(8, 8, 36, 36, 6);
    pen.fill();
    pen.stroke();
    pen.beginPath();
    for (const y of [20, 32]) {
      pen.moveTo(15, y);
      pen.lineTo(37, y);
    }
    pen.stroke();
  });
}
