/** What the service says; see /docs of a running service. */

export type Mark = "real" | "exercise" | "simulated" | "replay";
export type AlertState = "unacknowledged" | "acknowledged" | "returned_unacknowledged" | "ended";
export type SeverityName = "low" | "medium" | "high" | "danger_to_life";
export type SensorState =
  | "online"
  | "degraded"
  | "silent"
  | "offline"
  | "unregistered"
  | "never_heard";

export interface Text {
  text: string;
  key: string;
  parameters: Record<string, string | number>;
}

export interface Ellipse {
  semi_major_m: number;
  semi_minor_m: number;
  orientation_deg: number;
}

export interface Place {
  longitude_deg: number;
  latitude_deg: number;
  chainage_m: number;
  offset_m: number;
  sector: string | null;
  ellipse: Ellipse | null;
}

export interface Contribution {
  sensor: string;
  kind: string;
  first_at: string;
  last_at: string;
  detections: number;
  best_confidence: number;
}

export interface Change {
  at: string;
  what: string;
  state: AlertState;
  actor: string | null;
  explanation: Text;
}

export interface Alert {
  id: string;
  revision: number;
  stored: boolean;
  feed: string | null;
  mark: Mark;
  state: AlertState;
  severity: number;
  severity_name: SeverityName;
  at: string;
  raised_at: string;
  started_at: string;
  acknowledged_by: string | null;
  acknowledged_at: string | null;
  object_class: string;
  count: number;
  confidence: number;
  direction: "towards" | "away" | "along" | "unknown";
  speed_mps: number;
  place: Place;
  sensors: Contribution[];
  reason: Text;
  change: Change;
  merged_into: string | null;
}

export interface Alerts {
  feed: string | null;
  /** False: there are more (`count`), or the database is away and this is from memory. */
  complete: boolean;
  /** How many there are; `alerts` has the most urgent of them. */
  count: number;
  alerts: Alert[];
}

export interface History {
  alert: Alert;
  complete: boolean;
  history: Alert[];
}

export interface Sensor {
  group: string;
  kind: string;
  sensor: string;
  state: SensorState;
  at: string;
  since: string;
  last_word: string | null;
  faults: string[];
  cover: number | null;
  longitude_deg: number | null;
  latitude_deg: number | null;
}

export interface Gateway {
  group: string;
  state: "online" | "offline" | "unknown";
  at: string;
  sent: number | null;
  received: number;
  journalled: number;
  rejected: number;
}

export interface Proof {
  sensor: string;
  measured_at: string;
  at: string;
  age_s: number;
}

export interface ServiceState {
  now: string;
  database_away_since: string | null;
  broker_away_since: string | null;
  broker_cut_offs: number | null;
  lowered_by_site_memory: number;
  proof: Proof | null;
}

export interface Hello {
  feed: string | null;
  heartbeat_s: number;
  proof_limit_s: number;
  banner: Mark | null;
  state: ServiceState;
}

export interface Session {
  account: string;
  party: string;
  role: string;
  home: boolean;
  may_acknowledge: boolean;
  expires_at: string;
  csrf_token: string;
  banner: Mark | null;
  proof_limit_s: number;
  heartbeat_s: number;
}
