/** What to say of an edge itself. Pure. */
import type { Configuration, Edge, Health } from "./edge.ts";

export interface EdgeWords {
  readonly tone: "good" | "busy" | "bad" | "off";
  /** The one thing that matters most. */
  readonly words: string;
  /** Everything else, each with its unit. */
  readonly rows: readonly (readonly [label: string, value: string])[];
}

const HOT_C = 80;
/** Of the disk. */
const SHORT = 0.05;

export function describeEdge(edge: Edge, nowMs: number): EdgeWords {
  const { health } = edge;
  const rows: [string, string][] = [];
  const row = (label: string, value: string | null): void => void (value === null || rows.push([label, value]));
  row("Version", edge.agent);
  if (health !== null) {
    row("Heard", `${span(nowMs / 1000 - health.heardUs / 1e6)} ago`);
    row("Up for", span(health.uptimeS));
    row("Temperature", unit(health.temperatureC, "°C", 0));
    row("Disk", freeOf(health.diskFreeMb, health.diskTotalMb));
    row("Memory", health.memoryAvailableMb === null ? null : `${megabytes(health.memoryAvailableMb)} available`);
    row("Its own memory", ownMemory(health));
    row("Load", unit(health.load, "processes", 1));
    row("Clock", clock(edge, health));
    row("Outbox", outbox(health));
    row("Unclean ends", health.uncleanEnds === 0 ? null : String(health.uncleanEnds));
    row("Crash reports", health.crashReports === 0 ? null : String(health.crashReports));
  }
  row("Cameras", describeConfiguration(edge.configuration));
  for (const reason of edge.configuration.reasons) row("", reason);
  return { ...headline(edge, nowMs), rows };
}

function headline(edge: Edge, nowMs: number): Pick<EdgeWords, "tone" | "words"> {
  const { health, configuration } = edge;
  if (!edge.online) return { tone: "off", words: "Edge is offline" };
  if (configuration.state === "rolled_back") return { tone: "bad", words: "New cameras cut it off" };
  if (configuration.state === "refused") return { tone: "bad", words: "New cameras refused" };
  if (health === null) return { tone: "off", words: "Edge has not said how it is" };
  if (health.stale) return { tone: "off", words: `Edge last heard ${span(nowMs / 1000 - health.heardUs / 1e6)} ago` };
  if (!health.clockPlausible) return { tone: "bad", words: "Edge has no date" };
  if (health.outboxGivenUp > 0) return { tone: "bad", words: `Edge gave up ${count(health.outboxGivenUp, "record")}` };
  if (health.diskFreeMb !== null && health.diskTotalMb !== null && health.diskFreeMb < health.diskTotalMb * SHORT) {
    return { tone: "bad", words: "Edge’s disk is nearly full" };
  }
  if (health.temperatureC !== null && health.temperatureC >= HOT_C) {
    return { tone: "bad", words: `Edge is hot: ${Math.round(health.temperatureC)} °C` };
  }
  if (configuration.state === "trial" || configuration.state === "pending") return { tone: "busy", words: "New cameras on their way" };
  return { tone: "good", words: "Edge is well" };
}

const CONFIGURATIONS: Readonly<Record<string, string>> = {
  pending: "set at the hub, not yet taken by the edge",
  file: "of the edge’s own file",
  trial: "set anew, on trial",
  applied: "set from afar",
  refused: "as before: the new ones have faults",
  rolled_back: "as before: the new ones cut the edge off",
};

function describeConfiguration({ state }: Configuration): string | null {
  if (state === null) return null;
  return Object.hasOwn(CONFIGURATIONS, state) ? (CONFIGURATIONS[state] ?? null) : state.replaceAll("_", " ");
}

/** `45 s`, `12 min`, `7 h`, `3 days`. Never negative: clocks of hub and browser differ. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 2 * 86_400) return `${Math.floor(whole / 3600)} h`;
  return `${Math.floor(whole / 86_400)} days`;
}

/** `18 MB`, `24.5 GB`. */
export function megabytes(mb: number): string {
  return mb < 1000 ? `${Math.round(mb)} MB` : `${(mb / 1000).toFixed(1)} GB`;
}

function freeOf(free: number | null, total: number | null): string | null {
  if (free === null) return null;
  return total === null ? `${megabytes(free)} free` : `${megabytes(free)} of ${megabytes(total)} free`;
}

function ownMemory({ residentMb, memoryMaxMb }: Health): string | null {
  if (residentMb === null) return null;
  return memoryMaxMb === null ? megabytes(residentMb) : `${megabytes(residentMb)} of at most ${megabytes(memoryMaxMb)}`;
}

function clock({ clockOffsetMs }: Edge, { clockPlausible }: Health): string | null {
  if (!clockPlausible) return "not set";
  if (clockOffsetMs === null) return null;
  const ms = Math.round(clockOffsetMs);
  return ms === 0 ? "as the hub’s" : `${Math.abs(ms)} ms ${ms > 0 ? "ahead of" : "behind"} the hub’s`;
}

function outbox({ outboxWaiting, outboxGivenUp, outboxSetAside }: Health): string {
  const parts = [outboxWaiting === 0 ? "empty" : `${count(outboxWaiting, "record")} waiting`];
  if (outboxGivenUp > 0) parts.push(`${outboxGivenUp} given up`);
  if (outboxSetAside > 0) parts.push(`${outboxSetAside} set aside`);
  return parts.join(", ");
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

function unit(value: number | null, name: string, digits: number): string | null {
  return value === null ? null : `${value.toFixed(digits)} ${name}`;
}
