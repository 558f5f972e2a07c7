/** How an edge itself is, as the hub tells of it over REST. */
import { isFinite, isInteger, isRecord } from "../api/json.ts";
import type { Unread } from "../api/types.ts";

export interface Edge {
  readonly edge: string;
  readonly online: boolean;
  /** Program and version. */
  readonly agent: string | null;
  /** Its clock minus the hub's. */
  readonly clockOffsetMs: number | null;
  /** Null where it has not said anything since the hub started. */
  readonly health: Health | null;
  readonly configuration: Configuration;
}

/** What its machine does not tell is null. Megabytes are 10⁶ bytes. */
export interface Health {
  /** µs since the epoch on the hub's clock. */
  readonly heardUs: number;
  /** It is no word of now. */
  readonly stale: boolean;
  readonly uptimeS: number;
  readonly temperatureC: number | null;
  readonly diskFreeMb: number | null;
  readonly diskTotalMb: number | null;
  readonly memoryAvailableMb: number | null;
  readonly residentMb: number | null;
  readonly memoryMaxMb: number | null;
  readonly load: number | null;
  readonly clockPlausible: boolean;
  readonly outboxWaiting: number;
  readonly outboxGivenUp: number;
  readonly outboxSetAside: number;
  readonly uncleanEnds: number;
  readonly crashReports: number;
}

export interface Configuration {
  /** A word; later hubs may know more of them. Null where nothing is known. */
  readonly state: string | null;
  readonly reasons: readonly string[];
}

/** Null for what is no edge. Unknown keys are ignored, so that later hubs may add some. */
export function parseEdge(value: unknown): Edge | null {
  if (!isRecord(value)) return null;
  const { edge, online, agent, clock_offset_ms, health, configuration }: Unread<"Edge"> = value;
  if (typeof edge !== "string" || typeof online !== "boolean") return null;
  return {
    edge,
    online,
    agent: typeof agent === "string" ? agent : null,
    clockOffsetMs: figure(clock_offset_ms),
    health: parseHealth(health),
    configuration: parseConfiguration(configuration),
  };
}

function parseHealth(value: unknown): Health | null {
  if (!isRecord(value)) return null;
  const health: Unread<"Health"> = value;
  const { heard_us, uptime_s } = health;
  if (!isInteger(heard_us) || !isInteger(uptime_s)) return null;
  return {
    heardUs: heard_us,
    stale: health.stale === true,
    uptimeS: uptime_s,
    temperatureC: figure(health.temperature_c),
    diskFreeMb: figure(health.disk_free_mb),
    diskTotalMb: figure(health.disk_total_mb),
    memoryAvailableMb: figure(health.memory_available_mb),
    residentMb: figure(health.resident_mb),
    memoryMaxMb: figure(health.memory_max_mb),
    load: figure(health.load),
    clockPlausible: health.clock_plausible !== false,
    outboxWaiting: figure(health.outbox_waiting) ?? 0,
    outboxGivenUp: figure(health.outbox_given_up) ?? 0,
    outboxSetAside: figure(health.outbox_set_aside) ?? 0,
    uncleanEnds: figure(health.unclean_ends) ?? 0,
    crashReports: figure(health.crash_reports) ?? 0,
  };
}

function parseConfiguration(value: unknown): Configuration {
  const { state, reasons }: Unread<"Configuration"> = isRecord(value) ? value : {};
  return {
    state: typeof state === "string" ? state : null,
    reasons: Array.isArray(reasons) ? reasons.filter((reason) => typeof reason === "string") : [],
  };
}

function figure(value: unknown): number | null {
  return isFinite(value) ? value : null;
}
