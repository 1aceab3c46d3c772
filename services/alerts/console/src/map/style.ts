/** How the map looks: dark and quiet, so that what is alive stands out. */

import type {
  ExpressionSpecification,
  LayerSpecification,
  StyleSpecification,
} from "maplibre-gl";

export const COLOURS = {
  danger_to_life: "#ff5fa2",
  high: "#ff9447",
  medium: "#ffd45e",
  low: "#7cc7ff",
  online: "#6fcf9f",
  degraded: "#e8c25a",
  silent: "#ff7a6b",
  offline: "#ff7a6b",
  unregistered: "#b79cff",
  never_heard: "#76879a",
} as const;

const REGULAR = ["Noto Sans Regular"];
const BOLD = ["Noto Sans Bold"];

const is = (layer: string): ExpressionSpecification => ["==", ["get", "layer"], layer];
const zoomed = (...stops: number[]): ExpressionSpecification =>
  ["interpolate", ["linear"], ["zoom"], ...stops] as unknown as ExpressionSpecification;

const stateColour: ExpressionSpecification = [
  "match",
  ["get", "state"],
  "online",
  COLOURS.online,
  "degraded",
  COLOURS.degraded,
  "silent",
  COLOURS.silent,
  "offline",
  COLOURS.offline,
  "unregistered",
  COLOURS.unregistered,
  COLOURS.never_heard,
];
const severityColour: ExpressionSpecification = [
  "match",
  ["get", "severity"],
  "danger_to_life",
  COLOURS.danger_to_life,
  "high",
  COLOURS.high,
  "medium",
  COLOURS.medium,
  COLOURS.low,
];

/** Where the two countries' names stand at the scale of the whole border. */
const COUNTRY_NAMES: [string, number, number][] = [
  ["ROMÂNIA", 21.95, 45.5],
  ["SRBIJA\nСРБИЈА", 20.85, 44.98],
];

const empty = { type: "FeatureCollection" as const, features: [] };

export function style(origin: string, site: GeoJSON.FeatureCollection): StyleSpecification {
  const basemap = (name: string) => `${origin}/map/basemap/${name}.geojson`;
  return {
    version: 8,
    glyphs: `${origin}/map/glyphs/{fontstack}/{range}.pbf`,
    sources: {
      countries: { type: "geojson", data: basemap("countries"), tolerance: 0.2 },
      lines: {
        type: "geojson",
        data: basemap("country_lines"),
        attribution: "© OpenStreetMap contributors (ODbL) · GeoNames (CC BY 4.0)",
      },
      water: { type: "geojson", data: basemap("water") },
      places: { type: "geojson", data: basemap("places") },
      names: {
        type: "geojson",
        data: {
          type: "FeatureCollection",
          features: COUNTRY_NAMES.map(([name, longitude, latitude]) => ({
            type: "Feature",
            geometry: { type: "Point", coordinates: [longitude, latitude] },
            properties: { name },
          })),
        },
      },
      site: { type: "geojson", data: site, tolerance: 0.1 },
      sensors: { type: "geojson", data: empty },
      cables: { type: "geojson", data: empty, tolerance: 0.1 },
      ellipses: { type: "geojson", data: empty },
      alerts: { type: "geojson", data: empty },
    },
    layers: layers(),
  };
}

function layers(): LayerSpecification[] {
  return [
    { id: "land", type: "background", paint: { "background-color": "#0c1117" } },
    {
      id: "countries",
      type: "fill",
      source: "countries",
      paint: {
        "fill-color": ["match", ["get", "iso3"], "ROU", "#151d26", "SRB", "#121922", "#0e141b"],
      },
    },
    {
      id: "water",
      type: "fill",
      source: "water",
      paint: { "fill-color": "#1c3348", "fill-antialias": true },
    },
    {
      id: "water-edge",
      type: "line",
      source: "water",
      paint: { "line-color": "#24425c", "line-width": 0.6 },
    },
    {
      id: "lines",
      type: "line",
      source: "lines",
      paint: { "line-color": "#3a4a5a", "line-width": 1, "line-dasharray": [4, 3] },
    },
    {
      id: "zones",
      type: "fill",
      source: "site",
      filter: is("zone"),
      paint: { "fill-color": "#8fa6bd", "fill-opacity": 0.1 },
    },
    {
      id: "border-glow",
      type: "line",
      source: "site",
      filter: is("border"),
      layout: { "line-cap": "round", "line-join": "round" },
      paint: {
        "line-color": "#d8e4ef",
        "line-width": zoomed(6, 5, 11, 12),
        "line-opacity": 0.08,
      },
    },
    {
      id: "sectors",
      type: "line",
      source: "site",
      filter: is("sector"),
      paint: {
        "line-color": ["match", ["%", ["get", "turn"], 2], 0, "#a9bccd", "#6e8295"] as never,
        "line-width": zoomed(6, 1.4, 11, 2.4),
      },
    },
    {
      id: "border",
      type: "line",
      source: "site",
      filter: is("border"),
      paint: { "line-color": "#c9d7e4", "line-width": 0.8, "line-opacity": 0.7 },
    },
    {
      id: "cables",
      type: "line",
      source: "cables",
      paint: {
        "line-color": stateColour,
        "line-width": zoomed(6, 2, 10, 2.5, 14, 3.5),
        "line-offset": zoomed(6, -3.5, 11, -2, 14, 0),
        "line-opacity": 0.85,
      },
    },
    {
      id: "cable-names",
      type: "symbol",
      source: "cables",
      minzoom: 10.2,
      layout: {
        "symbol-placement": "line",
        "symbol-spacing": 320,
        "text-field": ["get", "name"],
        "text-font": REGULAR,
        "text-size": 10.5,
        "text-offset": [0, -0.9],
      },
      paint: { "text-color": stateColour, "text-halo-color": "#0c1117", "text-halo-width": 1.3 },
    },
    {
      id: "places",
      type: "symbol",
      source: "places",
      filter: [
        "<=",
        ["get", "rank"],
        ["step", ["zoom"], 1, 7, 2, 8.4, 3, 9.6, 4, 11, 5],
      ] as unknown as ExpressionSpecification,
      layout: {
        "text-field": ["get", "name"],
        "text-font": REGULAR,
        "text-size": ["match", ["get", "rank"], 1, 13, 2, 12, 11],
        "text-padding": 6,
        "symbol-sort-key": ["-", 0, ["get", "pop"]],
      },
      paint: {
        "text-color": "#93a6b8",
        "text-halo-color": "#0c1117",
        "text-halo-width": 1.4,
      },
    },
    {
      id: "country-names",
      type: "symbol",
      source: "names",
      maxzoom: 10,
      layout: {
        "text-field": ["get", "name"],
        "text-font": BOLD,
        "text-size": zoomed(6, 12, 9, 19),
        "text-letter-spacing": 0.35,
        "text-allow-overlap": true,
      },
      paint: { "text-color": "#4d6174", "text-halo-color": "#0c1117", "text-halo-width": 1.2 },
    },
    {
      id: "sector-names",
      type: "symbol",
      source: "site",
      filter: is("sector-name"),
      minzoom: 7.2,
      layout: {
        "text-field": ["get", "name"],
        "text-font": BOLD,
        "text-size": 11,
        "text-letter-spacing": 0.08,
        "text-transform": "uppercase",
        "text-padding": 10,
        "text-max-width": 8,
      },
      paint: { "text-color": "#7f95a9", "text-halo-color": "#0c1117", "text-halo-width": 1.5 },
    },
    {
      id: "chainages",
      type: "symbol",
      source: "site",
      filter: is("chainage"),
      minzoom: 7.8,
      layout: {
        "text-field": ["concat", "km ", ["get", "name"]],
        "text-font": REGULAR,
        "text-size": 10,
        "text-anchor": "right",
        "text-offset": [-0.9, 0],
      },
      paint: { "text-color": "#8195a8", "text-halo-color": "#0c1117", "text-halo-width": 1.2 },
    },
    {
      id: "crossings",
      type: "symbol",
      source: "site",
      filter: is("crossing"),
      layout: {
        "icon-image": "crossing",
        "icon-size": zoomed(6, 0.55, 10, 0.8),
        "icon-allow-overlap": true,
        "text-field": ["step", ["zoom"], "", 9.2, ["get", "name"]],
        "text-font": REGULAR,
        "text-size": 11,
        "text-anchor": "top",
        "text-offset": [0, 0.8],
        "text-optional": true,
      },
      paint: { "text-color": "#c2d0dd", "text-halo-color": "#0c1117", "text-halo-width": 1.3 },
    },
    {
      id: "sensors",
      type: "circle",
      source: "sensors",
      layout: {
        // What is in trouble is drawn over what is not.
        "circle-sort-key": ["match", ["get", "state"], "online", 0, "never_heard", 1, 2],
      },
      paint: {
        "circle-radius": [
          "interpolate",
          ["linear"],
          ["zoom"],
          6,
          ["match", ["get", "state"], ["online", "never_heard"], 1.8, 3],
          10,
          ["match", ["get", "state"], ["online", "never_heard"], 3.6, 5],
        ],
        "circle-color": stateColour,
        "circle-stroke-color": "#0c1117",
        "circle-stroke-width": 1.2,
      },
    },
    {
      id: "sensor-names",
      type: "symbol",
      source: "sensors",
      minzoom: 10.2,
      layout: {
        "text-field": ["get", "name"],
        "text-font": REGULAR,
        "text-size": 10.5,
        "text-anchor": "left",
        "text-offset": [0.7, 0],
      },
      paint: { "text-color": stateColour, "text-halo-color": "#0c1117", "text-halo-width": 1.3 },
    },
    {
      id: "ellipses",
      type: "fill",
      source: "ellipses",
      paint: { "fill-color": severityColour, "fill-opacity": 0.16 },
    },
    {
      id: "ellipse-edges",
      type: "line",
      source: "ellipses",
      paint: { "line-color": severityColour, "line-width": 1.5 },
    },
    {
      // Below the signs, and so placed after them: no label stands on a sign.
      id: "alert-names",
      type: "symbol",
      source: "alerts",
      minzoom: 8.5,
      layout: {
        "text-field": ["get", "label"],
        "text-font": BOLD,
        "text-size": 12,
        "text-variable-anchor": ["left", "right", "top", "bottom"],
        "text-radial-offset": 1.9,
        "symbol-sort-key": ["-", 0, ["get", "order"]],
      },
      paint: {
        "text-color": severityColour,
        "text-halo-color": "#0c1117",
        "text-halo-width": 1.6,
      },
    },
    {
      id: "chosen",
      type: "circle",
      source: "alerts",
      filter: ["get", "chosen"] as unknown as ExpressionSpecification,
      paint: {
        "circle-radius": 19,
        "circle-color": "rgba(0,0,0,0)",
        "circle-stroke-color": "#ffffff",
        "circle-stroke-width": 2,
      },
    },
    {
      id: "alerts",
      type: "symbol",
      source: "alerts",
      layout: {
        "icon-image": ["get", "icon"],
        // Smaller from afar, so that neighbours stay apart.
        "icon-size": [
          "interpolate",
          ["linear"],
          ["zoom"],
          6.5,
          ["case", ["get", "waits"], 0.75, 0.6],
          10,
          ["case", ["get", "waits"], 1, 0.8],
        ],
        "icon-allow-overlap": true,
        "symbol-sort-key": ["get", "order"],
      },
    },
  ];
}
