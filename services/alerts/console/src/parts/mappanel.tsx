import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api";
import type { BorderMap } from "../map/map";
import type { Alert, Sensor } from "../model";
import { useSay, type Language } from "../texts";

interface Properties {
  alerts: Alert[];
  sensors: ReadonlyMap<string, Sensor>;
  selected: string | null;
  shown: { id: string | null; turn: number };
  language: Language;
  select: (id: string) => void;
  siteRead: (sectors: ReadonlyMap<string, string>) => void;
}

const SITE_RETRY_MS = 3_000;

/** The map. Its code and data come after the list: no alert ever waits for a map. */
export function MapPanel(properties: Properties) {
  const { alerts, sensors, selected, shown } = properties;
  const say = useSay();
  const frame = useRef<HTMLDivElement>(null);
  const [map, setMap] = useState<BorderMap | null>(null);
  const [failed, setFailed] = useState(false);
  const select = useRef(properties.select);
  select.current = properties.select;

  useEffect(() => {
    let ended = false;
    let made: BorderMap | null = null;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const begin = async (): Promise<void> => {
      try {
        const [site, module] = await Promise.all([api.site(), import("../map/map")]);
        if (ended || !frame.current) return;
        properties.siteRead(module.sectorNames(site));
        const come = await module.makeMap(frame.current, site, (id) => select.current(id));
        made = come;
        if (ended) come.remove();
        else setMap(come);
      } catch (error) {
        if (ended) return;
        if (error instanceof Error && error.name === "NoMap") setFailed(true);
        else retry = setTimeout(() => void begin(), SITE_RETRY_MS);
      }
    };
    void begin();
    return () => {
      ended = true;
      clearTimeout(retry);
      made?.remove();
    };
  }, []);

  useEffect(() => map?.showAlerts(alerts, selected));
  useEffect(() => map?.showSensors(sensors));
  useEffect(() => {
    const alert = alerts.find(({ id }) => id === shown.id);
    if (map && alert) map.goTo(alert);
  }, [map, shown]);

  return (
    <section class="map" aria-label={say("map.title")} data-ready={map !== null}>
      <div ref={frame} class="frame" />
      {failed && <p class="failed">{say("map.failed")}</p>}
      {map && (
        <button class="whole" onClick={() => map.whole()}>
          {say("map.whole")}
        </button>
      )}
    </section>
  );
}
