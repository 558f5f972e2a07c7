/**
 * A hub that speaks REST and the live WebSocket, and whose answers a test decides. WHEP it only refuses: a picture can't
 * be faked here; `live.test.mjs` plays real ones. It serves the built page under the content security policy that the
 * page is made for.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};
/** The strictest that the page lives with: object URLs for pictures, the WebSocket of the same origin. The hub's allows no less. */
export const POLICY =
  "default-src 'self'; img-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** 64 × 48, grey. */
const JPEG = Buffer.from(
  "/9j/4AAQSkZJRgABAgAAAQABAAD//gAQTGF2YzU5LjM3LjEwMAD/2wBDAAgoKC8oLzc3Nzc3N0E8QUNDQ0FBQUFDQ0NISEhVVVVISEhDQ0hIUFBVVVxfXFdXVVdfX2RkZHh4c3OMjJGsrM//xABWAAEAAwEBAQAAAAAAAAAAAAAABQMEAQcGAQEBAQEBAAAAAAAAAAAAAAAAAQIDBBABAQEAAAAAAAAAAAAAAAAAAAECEQEAAAAAAAAAAAAAAAAAAAAA/8AAEQgAMABAAwESAAISAAMSAP/aAAwDAQACEQMRAD8A8vHYecGmQBF+YlswVEaMxLSAjK+ReAgAAAAADzCJHMQd2WnMS2YKiNOYkYCIsdBAAAAAAAAB8vmJbMBtGiRpBEdAAAAAAAAAAAB//9k=",
  "base64",
);

/** 48 × 48. */
const CROP = Buffer.from(
  "/9j/4AAQSkZJRgABAgAAAQABAAD//gAQTGF2YzU5LjM3LjEwMAD/2wBDAAg+Pkk+SVVVVVVVVWRdZGhoaGRkZGRoaGhwcHCDg4NwcHBoaHBwfHyDg4+Tj4eHg4eTk5ubm7q6srLZ2eD/////xABKAAEAAAAAAAAAAAAAAAAAAAAAAQEAAAAAAAAAAAAAAAAAAAAAEAEAAAAAAAAAAAAAAAAAAAAAEQEAAAAAAAAAAAAAAAAAAAAA/8AAEQgAMAAwAwEiAAIRAAMRAP/aAAwDAQACEQMRAD8AAAAAAAAAAAAAAAAAAA//2Q==",
  "base64",
);

export const TOKEN = "a-token-of-the-fake-hub";

export function camera(stream, rest = {}) {
  const [edge, name] = stream.split(".");
  return { stream, name, edge, edge_online: true, placement: "edge", state: "live", codec: "h264", width: 768, height: 576, reorders: false, ...rest };
}

/** `n` counts up with time, one in four seconds from noon on, and so do the ids: UUIDs of version 7. */
export function event(n, rest = {}) {
  const opened = Date.parse("2026-05-04T12:00:00Z") * 1000 + n * 4_000_000;
  const time = (opened / 1000).toString(16).padStart(12, "0");
  return {
    id: `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${n.toString(16).padStart(12, "0")}`,
    stream: "north.door",
    phase: "closed",
    revision: 3,
    label: "person",
    track: n,
    score: 0.87,
    box: [0.4, 0.3, 0.1, 0.3],
    opened_us: opened,
    best_us: opened + 1_000_000,
    closed_us: opened + 2_500_000,
    place: "edge",
    engine: "tract",
    model: "nanodet-g-256x416",
    picture_revision: 3,
    has_crop: false,
    ...rest,
  };
}

export class FakeHub {
  cameras = [camera("north.door")];
  /** Any order; answered newest first. */
  events = [];
  /** How the edges themselves are. */
  edges = [];
  /** Newest first. */
  incidents = [];
  picture = JPEG;
  crop = CROP;
  /** What WHEP answers. */
  whep = { status: 409, kind: "not_playable", message: "the camera sends B-frames, which WebRTC can't carry" };
  token = TOKEN;
  version = "0.1.0";
  /** Whether pages of older events are refused. */
  forgetful = false;
  /** Whether pictures are refused. */
  blind = false;
  /** Whether it takes no more pages on the WebSocket. */
  crowded = false;
  /** Paths asked for, to see what the page does. */
  asked = [];
  #server = createServer((request, response) => void this.#answer(request, response));
  #sockets = new Set();
  #port = 0;

  async start() {
    const live = new WebSocketServer({ noServer: true });
    this.#server.on("upgrade", (request, socket, head) => {
      if (request.url !== "/api/v1/live") return socket.destroy();
      live.handleUpgrade(request, socket, head, (channel) => this.#join(channel));
    });
    await this.#listen();
    return this;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Pages that have signed in on the WebSocket. */
  get listeners() {
    return this.#sockets.size;
  }

  /** Says something to every page. */
  say(message) {
    for (const socket of this.#sockets) socket.send(JSON.stringify(message));
  }

  /** Closes every page's WebSocket, and says why. */
  hangUp(reason) {
    for (const socket of this.#sockets) {
      socket.send(JSON.stringify({ type: "error", reason }));
      socket.close(1013);
    }
  }

  happen(event) {
    const { picture_revision: _, has_crop: __, ...message } = event;
    this.events = [...this.events.filter((known) => known.id !== event.id), event];
    this.say({ type: "event", ...message });
  }

  /** Goes away, with every connection. */
  async stop() {
    for (const socket of this.#sockets) socket.terminate();
    this.#sockets.clear();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Comes back on the same port. */
  async comeBack() {
    await this.#listen();
  }

  #listen() {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#port, "127.0.0.1", () => {
        this.#port = this.#server.address().port;
        resolve();
      });
    });
  }

  #join(socket) {
    socket.once("message", (data) => {
      const message = JSON.parse(data.toString());
      if (message.type !== "auth" || message.token !== this.token) {
        socket.send(JSON.stringify({ type: "error", reason: "the sign-in token is wrong" }));
        return socket.close(1008);
      }
      this.#sockets.add(socket);
      if (this.crowded) this.hangUp("too many pages are open: close another one");
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("message", (data) => {
        const { type, id } = JSON.parse(data.toString());
        if (type === "clock") socket.send(JSON.stringify({ type, id, stream_us: Date.now() * 1000 }));
      });
    });
  }

  async #answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.url);
    const json = (status, body) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const refuse = (status, kind, message) => json(status, { error: { kind, message } });
    if (!pathname.startsWith("/api/")) return this.#file(pathname, response);
    this.asked.push(`${request.method} ${request.url}`);
    if (request.headers.authorization !== `Bearer ${this.token}`) return refuse(401, "unauthorized", "sign in first");
    if (pathname === "/api/v1/session") return json(200, { version: this.version });
    if (pathname === "/api/v1/cameras") return json(200, { cameras: this.cameras });
    if (pathname === "/api/v1/edges") return json(200, { edges: this.edges });
    if (pathname === "/api/v1/incidents") return json(200, { incidents: this.incidents });
    if (pathname === "/api/v1/labels") return json(200, { labels: [...new Set(this.events.map(({ label }) => label))].sort() });
    if (this.forgetful && searchParams.has("before")) return refuse(503, "busy", "the store is busy");
    if (pathname === "/api/v1/events") return json(200, this.#page(searchParams));
    const one = /^\/api\/v1\/events\/([^/]+)$/.exec(pathname)?.[1];
    if (one !== undefined) {
      const found = this.events.find(({ id }) => id === one);
      return found === undefined ? refuse(404, "not_found", "there is no such event") : json(200, found);
    }
    const view = /^\/api\/v1\/events\/[^/]+\/(picture|crop)$/.exec(pathname)?.[1];
    if (view !== undefined && this.blind) return refuse(503, "busy", "the store is busy");
    if (view !== undefined) {
      response.writeHead(200, { "content-type": "image/jpeg" });
      return response.end(this[view]);
    }
    if (pathname.endsWith("/whep")) return refuse(this.whep.status, this.whep.kind, this.whep.message);
    return refuse(404, "not_found", "there is no such thing");
  }

  #page(query) {
    const limit = Number(query.get("limit") ?? 50);
    const before = query.get("before");
    const asked = (event) => ["stream", "label"].every((key) => [null, event[key]].includes(query.get(key)));
    const all = this.events
      .filter((event) => (before === null || event.id < before) && asked(event))
      .toSorted((a, b) => (a.id < b.id ? 1 : -1));
    const events = all.slice(0, limit);
    return { events, next: all.length > limit ? events.at(-1).id : null };
  }

  async #file(pathname, response) {
    const path = join(DIST, normalize(pathname === "/" ? "/index.html" : pathname));
    try {
      const body = await readFile(path);
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream", "content-security-policy": POLICY });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  }
}
