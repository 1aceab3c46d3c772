/** Times as people read them. */

/** Read RFC 3339 with nanoseconds, which browsers read with milliseconds. */
export function parseTime(text: string): number {
  return Date.parse(text.replace(/(\.\d{3})\d+Z$/, "$1Z"));
}

export const LOCAL_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

function clock(at_ms: number, zone: string): string {
  return new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).format(at_ms);
}

/** "00:33:17". */
export function utc(at_ms: number): string {
  return clock(at_ms, "UTC");
}

/** "02:33:17". */
export function local(at_ms: number): string {
  return clock(at_ms, LOCAL_ZONE);
}

/** "2026-11-22" in UTC. */
export function utcDate(at_ms: number): string {
  return new Date(at_ms).toISOString().slice(0, 10);
}

/** Short name of the local zone, such as "Bucharest". */
export function zoneName(): string {
  return LOCAL_ZONE.split("/").pop()?.replaceAll("_", " ") ?? LOCAL_ZONE;
}

/** A speed as people on watch think of it: "4 km/h". */
export function kmh(speed_mps: number): string {
  return `${Math.round(speed_mps * 3.6)} km/h`;
}

/** An age as "12 s", "4 min 05 s", "3 h 12 min", "2 d 4 h". */
export function age(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
