/**
 * The hub's REST interface, as far as the page uses it.
 *
 * One client holds one token. Every request ends: by an answer, by its time-out, or by the caller's signal. A 401 from
 * anywhere is reported once through `onUnauthorized`, besides being the result of the request that met it.
 */
import { parseStoredEvent, type StoredEvent, type View } from "./event.ts";
import { parseCamera, type Camera } from "../cameras/camera.ts";
import { parseEdge, type Edge } from "../fleet/edge.ts";
import { parseIncident, type Incident } from "../incidents/incident.ts";
import { hubClock } from "./clock.ts";
import { isRecord } from "./json.ts";
import { failed, success, type Failure, type Result } from "./result.ts";
import type { Session, Unread } from "./types.ts";

const TIMEOUT_MS = 10_000;
/** Some come at once, over a line that may carry 256 kbit/s: that takes 20 s, and what is given up would be asked for again. */
const PICTURE_TIMEOUT_MS = 60_000;

export interface EventQuery {
  readonly stream?: string;
  readonly label?: string;
  readonly before?: string;
  readonly limit: number;
}

/** Newest first. `next` is what to ask `before` of for older ones; null at the end. */
export interface EventPage {
  readonly events: readonly StoredEvent[];
  readonly next: string | null;
}

/** The hub's answer to an offer. `location` is the path that ends the session. */
export interface WhepAnswer {
  readonly sdp: string;
  readonly location: string | null;
}

export class HubClient {
  constructor(
    private readonly token: string,
    private readonly onUnauthorized: () => void,
    private readonly fetcher: typeof fetch = (input, init) => fetch(input, init),
  ) {}

  /** The token for the live WebSocket's first message; a browser cannot set headers there. */
  tokenForSocket(): string {
    return this.token;
  }

  session(signal?: AbortSignal): Promise<Result<Session>> {
    return this.json("/api/v1/session", signal, (body) => {
      const { version }: Unread<"Session"> = isRecord(body) ? body : {};
      return typeof version === "string" ? { version } : null;
    });
  }

  /** One that cannot be read is left out. */
  cameras(signal?: AbortSignal): Promise<Result<readonly Camera[]>> {
    return this.json("/api/v1/cameras", signal, (body) => {
      const { cameras }: Unread<"Cameras"> = isRecord(body) ? body : {};
      return Array.isArray(cameras) ? cameras.map(parseCamera).filter((camera) => camera !== null) : null;
    });
  }

  /** How the edges themselves are. One that cannot be read is left out. */
  edges(signal?: AbortSignal): Promise<Result<readonly Edge[]>> {
    return this.json("/api/v1/edges", signal, (body) => {
      const { edges }: Unread<"Edges"> = isRecord(body) ? body : {};
      return Array.isArray(edges) ? edges.map(parseEdge).filter((edge) => edge !== null) : null;
    });
  }

  /** Events that cannot be read are left out, so that one bad row does not hide the others. */
  events(query: EventQuery, signal?: AbortSignal): Promise<Result<EventPage>> {
    const search = new URLSearchParams({ limit: String(query.limit) });
    if (query.stream !== undefined) search.set("stream", query.stream);
    if (query.label !== undefined) search.set("label", query.label);
    if (query.before !== undefined) search.set("before", query.before);
    return this.json(`/api/v1/events?${search.toString()}`, signal, (body) => {
      const { events, next }: Unread<"Events"> = isRecord(body) ? body : {};
      if (!Array.isArray(events)) return null;
      return {
        events: events.map(parseStoredEvent).filter((event) => event !== null),
        next: typeof next === "string" ? next : null,
      };
    });
  }

  event(id: string, signal?: AbortSignal): Promise<Result<StoredEvent>> {
    return this.json(`/api/v1/events/${encodeURIComponent(id)}`, signal, parseStoredEvent);
  }

  /** The classes that events have been about: what `label` of a query may be. */
  labels(signal?: AbortSignal): Promise<Result<readonly string[]>> {
    return this.json("/api/v1/labels", signal, (body) => {
      const { labels }: Unread<"Labels"> = isRecord(body) ? body : {};
      return Array.isArray(labels) ? labels.filter((label) => typeof label === "string") : null;
    });
  }

  /** What befell the edges, the newest `limit`. One that cannot be read is left out. */
  incidents(limit: number, signal?: AbortSignal): Promise<Result<readonly Incident[]>> {
    return this.json(`/api/v1/incidents?limit=${limit}`, signal, (body) => {
      const { incidents }: Unread<"Incidents"> = isRecord(body) ? body : {};
      return Array.isArray(incidents) ? incidents.map(parseIncident).filter((incident) => incident !== null) : null;
    });
  }

  async picture(event: string, view: View, signal?: AbortSignal): Promise<Result<Blob>> {
    const path = `/api/v1/events/${encodeURIComponent(event)}/${view}`;
    return this.request(path, { headers: { accept: "image/jpeg" } }, signal, (response) => response.blob(), PICTURE_TIMEOUT_MS);
  }

  /** Offers to receive a stream (WHEP): the body is the SDP offer, the answer is the hub's SDP. */
  async whep(stream: string, mode: string, offer: string, signal: AbortSignal): Promise<Result<WhepAnswer>> {
    const path = `/api/v1/streams/${encodeURIComponent(stream)}/whep?mode=${encodeURIComponent(mode)}`;
    const init = { method: "POST", headers: { "content-type": "application/sdp", accept: "application/sdp" }, body: offer };
    return this.request(path, init, signal, async (response) => ({
      sdp: await response.text(),
      location: response.headers.get("location"),
    }));
  }

  /**
   * Ends a WHEP session. `keepalive` has it sent even while the page is being left (see `live/leaving.ts`); the hub's own
   * time-out covers a browser that was killed.
   */
  endWhep(location: string): void {
    const url = addressOf(location);
    if (url?.origin !== window.location.origin) return; // The token goes to the hub and to nobody else.
    this.fetcher(url, { method: "DELETE", headers: this.headers(), keepalive: true }).catch(() => {
      // The hub is gone, and the session with it.
    });
  }

  private headers(extra: Record<string, string> = {}): Record<string, string> {
    return { authorization: `Bearer ${this.token}`, ...extra };
  }

  private json<T>(path: string, signal: AbortSignal | undefined, read: (body: unknown) => T | null): Promise<Result<T>> {
    return this.request(path, { headers: { accept: "application/json" } }, signal, async (response) => {
      const value = read(await response.json());
      if (value === null) throw new SyntaxError(`unexpected content at ${path.split("?")[0]}`);
      return value;
    });
  }

  private async request<T>(
    path: string,
    init: RequestInit & { headers: Record<string, string> },
    signal: AbortSignal | undefined,
    read: (response: Response) => Promise<T>,
    timeoutMs = TIMEOUT_MS,
  ): Promise<Result<T>> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const either = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const askedMs = Date.now();
    try {
      const response = await this.fetcher(path, { ...init, headers: this.headers(init.headers), signal: either, cache: "no-store" });
      hubClock.heard(response.headers.get("date"), askedMs, Date.now());
      if (response.ok) return success(await read(response));
      const failure = readFailure(response.status, await response.text());
      if (failure.kind === "unauthorized" && !signal?.aborted) this.onUnauthorized();
      return failed(failure);
    } catch (error) {
      if (signal?.aborted) return { kind: "aborted" };
      if (error instanceof SyntaxError) return failed({ kind: "malformed", message: error.message });
      const message = timeout.aborted
        ? `The hub did not answer within ${timeoutMs / 1000} seconds.`
        : "The hub cannot be reached.";
      return failed({ kind: "unreachable", message });
    }
  }
}

/** Null for what is no address: a proxy between may write anything. (Chrome has `URL.canParse` from version 120 on.) */
function addressOf(location: string): URL | null {
  try {
    return new URL(location, document.baseURI);
  } catch {
    return null;
  }
}

/** A refusal as the hub writes it, `{"error":{"kind","message"}}`; a proxy between may write anything. */
export function readFailure(status: number, body: string): Failure {
  if (status === 401) return { kind: "unauthorized" };
  const error = readErrorBody(body);
  if (error !== null) return { kind: "refused", status, ...error };
  if (status >= 502 && status <= 504) return { kind: "unreachable", message: `The hub cannot be reached (HTTP ${status}).` };
  return { kind: "refused", status, code: "unknown", message: `The hub answered HTTP ${status}.` };
}

function readErrorBody(body: string): { code: string; message: string } | null {
  try {
    const parsed: unknown = JSON.parse(body);
    const { error }: Unread<"Error"> = isRecord(parsed) ? parsed : {};
    const { kind, message }: Unread<"Reason"> = isRecord(error) ? error : {};
    return typeof kind === "string" && typeof message === "string" ? { code: kind, message } : null;
  } catch {
    return null;
  }
}
