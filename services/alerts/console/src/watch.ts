/** Keeps what the console knows, and tells the page when it changed. */

import { Problem, api } from "./api";
import { Connection } from "./connection";
import type { Alert, Gateway, Hello, History, Mark, Proof, Sensor, ServiceState, Session } from "./model";
import { NEEDS_SOMEBODY, NOTHING, after, type Happening, type Picture } from "./picture";
import type { Language } from "./texts";
import { parseTime } from "./times";
import { judge, type Moment, type Proven, type Verdict } from "./trust";

const ENDED_IN_VIEW_MS = 5 * 60_000;
const RETRY_MS = 2_000;
/** How soon an answer that had no room for all is asked for again: it is the largest there is. */
const BEYOND_MS = 30_000;

export function moment(): Moment {
  return { steady_ms: performance.now(), wall_ms: Date.now() };
}

function commandId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Watch {
  picture: Picture = NOTHING;
  readonly sensors = new Map<string, Sensor>();
  readonly gateways = new Map<string, Gateway>();
  readonly sending = new Set<string>();
  service: ServiceState | null = null;
  banner: Mark | null;
  /** What went wrong with the last command, as a code and a sentence. */
  problem: Problem | null = null;
  /** Service's clock minus this machine's, in ms. */
  clockAhead_ms = 0;

  private proven: Proven | null = null;
  private lost: Moment | null = moment();
  private readonly begun = moment();
  private connection: Connection | null = null;
  private limit_s: number;
  private readonly commands = new Map<string, string>();
  private asking = false;
  private outdated = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lookTimer: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;

  constructor(
    private readonly session: Session,
    private language: Language,
    private readonly changed: () => void,
    private readonly raised: (alerts: Alert[]) => void,
    private readonly signedOut: () => void,
  ) {
    this.banner = session.banner;
    this.limit_s = session.proof_limit_s;
    void this.refresh();
  }

  stop(): void {
    this.stopped = true;
    this.connection?.close();
    clearTimeout(this.timer);
    clearTimeout(this.lookTimer);
  }

  /** Ask for everything again in another language. */
  speak(language: Language): void {
    if (language === this.language) return;
    this.language = language;
    this.connection?.close();
    this.connection = null;
    this.picture = { ...NOTHING, place: null };
    void this.refresh();
  }

  verdict(): Verdict {
    return judge(this.proven, this.lost, this.begun, moment(), this.limit_s);
  }

  /** The present by the service's clock, in ms. */
  now(): number {
    return Date.now() + this.clockAhead_ms;
  }

  /** Leave ended alerts in view for a while, but not for ever. */
  tidy(keep: string | null): void {
    const ids = [...this.picture.alerts.values()]
      .filter(({ id, state }) => state === "ended" && id !== keep)
      .filter(({ at }) => this.now() - parseTime(at) > ENDED_IN_VIEW_MS)
      .map(({ id }) => id);
    if (ids.length > 0) this.happen({ kind: "forget", ids });
  }

  async acknowledge(id: string): Promise<void> {
    const alert = this.picture.alerts.get(id);
    if (!alert || !NEEDS_SOMEBODY.has(alert.state) || this.sending.has(id)) return;
    // A command that may have been taken is sent again under its own id: it takes effect once.
    const command = this.commands.get(id) ?? commandId();
    this.commands.set(id, command);
    this.sending.add(id);
    this.problem = null;
    this.changed();
    try {
      const { alert: now } = await api.acknowledge(id, command, this.language);
      this.commands.delete(id);
      this.happen({ kind: "alert", id: null, alert: now });
    } catch (error) {
      this.problem = asProblem(error);
      if (this.problem.status >= 400 && this.problem.status < 500) this.commands.delete(id);
      if (this.problem.status === 401) this.signedOut();
    } finally {
      this.sending.delete(id);
      this.changed();
    }
  }

  history(id: string): Promise<History> {
    return api.history(id, this.language);
  }

  private happen(happening: Happening): void {
    const before = this.picture;
    this.picture = after(before, happening);
    if (this.picture === before) return;
    if (before.current && happening.kind === "alert") {
      const { alert } = happening;
      const known = before.alerts.get(alert.id);
      const waits = NEEDS_SOMEBODY.has(alert.state);
      const grown = known !== undefined && alert.severity > known.severity;
      if (waits && (known === undefined || grown || !NEEDS_SOMEBODY.has(known.state))) {
        this.raised([alert]);
      }
    }
    this.changed();
  }

  /** Ask for what is current, then listen from there on. */
  private async refresh(): Promise<void> {
    if (this.stopped) return;
    if (this.asking) {
      // What is on its way may have been answered before what made us ask.
      this.outdated = true;
      return;
    }
    this.asking = true;
    this.outdated = false;
    clearTimeout(this.timer);
    const { language } = this;
    let again = false;
    let wait_ms = RETRY_MS;
    try {
      const answer = await api.alerts(language);
      if (language === this.language && !this.stopped) this.happen({ kind: "snapshot", answer });
      again = !answer.complete || language !== this.language;
      if (answer.feed !== null && answer.count > answer.alerts.length) wait_ms = BEYOND_MS;
    } catch (error) {
      const problem = asProblem(error);
      if (problem.status === 401) this.signedOut();
      again = problem.status !== 401;
    } finally {
      this.asking = false;
    }
    if (this.stopped) return;
    this.connect();
    if (this.outdated) void this.refresh();
    // Where the answer is not the whole, it is asked for again until it is.
    else if (again) this.timer = setTimeout(() => void this.refresh(), wait_ms);
  }

  private connect(): void {
    if (this.connection !== null) return;
    this.connection = new Connection(
      this.language,
      () => this.picture.place,
      () => this.allowed(),
      {
        hello: (hello) => this.greet(hello),
        alert: (id, alert) => this.happen({ kind: "alert", id, alert }),
        proof: (proof) => this.prove(proof),
        sensor: (sensor) => this.keepSensor(sensor),
        gateway: (gateway) => {
          this.gateways.set(gateway.group, gateway);
          this.changed();
        },
        state: (state) => this.see(state),
        resync: (id) => {
          this.happen({ kind: "resync", id });
          void this.refresh();
        },
        lost: () => {
          this.lost ??= moment();
          this.changed();
        },
        signedOut: () => this.signedOut(),
      },
    );
  }

  private greet(hello: Hello): void {
    this.lost = null;
    this.banner = hello.banner;
    this.limit_s = hello.proof_limit_s;
    this.see(hello.state);
    if (!this.picture.current) void this.refresh();
    if (this.session.home) void this.look();
  }

  /** Ask for all sensors: what changed while the feed was away was not told. */
  private async look(): Promise<void> {
    if (this.stopped) return;
    try {
      const [sensors, gateways] = await Promise.all([api.sensors(), api.gateways()]);
      for (const sensor of sensors) this.keepSensor(sensor);
      for (const gateway of gateways) this.gateways.set(gateway.group, gateway);
      this.changed();
    } catch {
      clearTimeout(this.lookTimer);
      this.lookTimer = setTimeout(() => void this.look(), RETRY_MS);
    }
  }

  private keepSensor(sensor: Sensor): void {
    const key = `${sensor.group}/${sensor.sensor}`;
    const known = this.sensors.get(key);
    if (known !== undefined && known.at > sensor.at) return;
    this.sensors.set(key, sensor);
    this.changed();
  }

  private see(state: ServiceState): void {
    const back = this.service?.database_away_since != null && state.database_away_since === null;
    this.service = state;
    this.clockAhead_ms = parseTime(state.now) - Date.now();
    if (state.proof !== null) this.prove(state.proof);
    if (back) void this.refresh();
    this.changed();
  }

  private prove(proof: Proof): void {
    const come: Proven = { age_s: proof.age_s, reached: moment() };
    // An older proof that is told again must not make the screen look fresher than it is.
    const now = moment();
    if (this.proven === null || age(come, now) <= age(this.proven, now)) this.proven = come;
    this.changed();
  }

  private async allowed(): Promise<boolean> {
    try {
      await api.session();
      return true;
    } catch (error) {
      return asProblem(error).status !== 401;
    }
  }
}

function age(proven: Proven, now: Moment): number {
  return proven.age_s + Math.max(0, now.steady_ms - proven.reached.steady_ms) / 1000;
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, "fault", error instanceof Error ? error.message : String(error));
}
