/** One live feed that comes back by itself. */

import type { Alert, Gateway, Hello, Proof, Sensor, ServiceState } from "./model";

export interface Listener {
  hello(hello: Hello): void;
  alert(id: string | null, alert: Alert): void;
  proof(proof: Proof): void;
  sensor(sensor: Sensor): void;
  gateway(gateway: Gateway): void;
  state(state: ServiceState): void;
  resync(id: string): void;
  lost(): void;
  signedOut(): void;
}

const LONGEST_WAIT_MS = 4_000;
/** A feed that says nothing for this many heartbeats is dead, whatever the browser believes. */
const SILENT_HEARTBEATS = 3;

export class Connection {
  private source: EventSource | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private tries = 0;
  private heartbeat_s = 3;
  private ended = false;

  /**
   * @param place where to go on from at each connection, or null to begin now.
   * @param allowed asked when a connection fails: false when nobody is signed in any more.
   */
  constructor(
    private readonly language: string,
    private readonly place: () => string | null,
    private readonly allowed: () => Promise<boolean>,
    private readonly listener: Listener,
  ) {
    this.open();
  }

  close(): void {
    this.ended = true;
    this.drop();
    clearTimeout(this.retry);
  }

  private open(): void {
    const query = new URLSearchParams({ language: this.language });
    const place = this.place();
    if (place !== null) query.set("after", place);
    const source = new EventSource(`/api/feed?${query}`);
    this.source = source;
    const on = <T>(name: string, take: (data: T, id: string | null) => void): void => {
      source.addEventListener(name, (event) => {
        if (source !== this.source) return;
        this.heard();
        take(JSON.parse(event.data) as T, event.lastEventId || null);
      });
    };
    on<Hello>("hello", (hello) => {
      this.tries = 0;
      this.heartbeat_s = hello.heartbeat_s;
      this.heard();
      this.listener.hello(hello);
    });
    // lastEventId stays that of an earlier event where an event has none of its own.
    on<Alert>("alert", (alert, id) => this.listener.alert(alert.feed === id ? id : null, alert));
    on<Proof>("proof", (proof) => this.listener.proof(proof));
    on<Sensor>("sensor", (sensor) => this.listener.sensor(sensor));
    on<Gateway>("gateway", (gateway) => this.listener.gateway(gateway));
    on<ServiceState>("state", (state) => this.listener.state(state));
    on<{ feed: string }>("resync", ({ feed }) => this.listener.resync(feed));
    on<{ reason: string }>("bye", ({ reason }) => this.again(reason === "signed_out"));
    source.onerror = () => {
      if (source === this.source) this.again(true);
    };
    this.heard();
  }

  private heard(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(
      () => this.again(true),
      this.heartbeat_s * SILENT_HEARTBEATS * 1000,
    );
  }

  private drop(): void {
    clearTimeout(this.silence);
    this.source?.close();
    this.source = null;
  }

  private again(ask: boolean): void {
    this.drop();
    if (this.ended) return;
    this.listener.lost();
    const wait_ms = Math.min(LONGEST_WAIT_MS, 250 * 2 ** this.tries++);
    clearTimeout(this.retry);
    this.retry = setTimeout(async () => {
      if (ask && !(await this.allowed())) {
        if (!this.ended) this.listener.signedOut();
        return;
      }
      if (!this.ended) this.open();
    }, wait_ms);
  }
}
