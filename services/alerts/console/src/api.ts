/** Questions to the service. */

import type { Alerts, Gateway, History, Sensor, Session } from "./model";

/** An answer that is an error; `code` is short and stable, the message one English sentence. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

let csrfToken = "";

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrfToken;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(10_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem(0, "unreachable", "The service does not answer.");
  }
  if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
  const problem: unknown = await answer.json().catch(() => ({}));
  const { code, detail } = problem as { code?: string; detail?: string };
  throw new Problem(answer.status, code ?? "fault", detail ?? answer.statusText);
}

function keep(session: Session): Session {
  csrfToken = session.csrf_token;
  return session;
}

const inLanguage = (path: string, language: string): string =>
  `${path}?language=${encodeURIComponent(language)}`;

export const api = {
  session: async () => keep(await ask<Session>("GET", "/api/session")),
  signIn: async (name: string, password: string) =>
    keep(await ask<Session>("POST", "/api/session", { name, password })),
  signInOnce: async (token: string) =>
    keep(await ask<Session>("POST", "/api/session/once", { token })),
  signOut: () => ask<void>("DELETE", "/api/session"),
  alerts: (language: string) => ask<Alerts>("GET", inLanguage("/api/alerts", language)),
  history: (id: string, language: string) =>
    ask<History>("GET", inLanguage(`/api/alerts/${encodeURIComponent(id)}`, language)),
  acknowledge: (id: string, command: string, language: string) =>
    ask<History>("POST", inLanguage(`/api/alerts/${encodeURIComponent(id)}/acknowledge`, language), {
      command,
    }),
  sensors: () => ask<Sensor[]>("GET", "/api/sensors"),
  gateways: () => ask<Gateway[]>("GET", "/api/gateways"),
  catalogue: (language: string) =>
    ask<Record<string, string>>("GET", `/api/catalogue/${encodeURIComponent(language)}`),
  site: () => ask<GeoJSON.FeatureCollection & { bounds: number[] }>("GET", "/api/site"),
};
