/** What one signed-in page keeps open towards its hub. Whoever opened it owes it a `close()`. */
import type { HubClient } from "../api/client.ts";
import { pollCameras } from "../cameras/poll.ts";
import { Labels } from "../events/labels.ts";
import { Pictures } from "../events/pictures.ts";
import { LiveSocket, socketUrl } from "../events/socket.ts";
import { pollFleet } from "../fleet/poll.ts";
import { pollIncidents } from "../incidents/poll.ts";
import type { Readable } from "./store.ts";
import { hubVersion } from "./version.ts";

export class Session {
  readonly socket: LiveSocket;
  readonly cameras: ReturnType<typeof pollCameras>;
  readonly pictures: Pictures;
  readonly labels: Labels;
  readonly incidents: ReturnType<typeof pollIncidents>;
  readonly fleet: ReturnType<typeof pollFleet>;
  /** The hub's. */
  readonly version: Readable<string>;

  constructor(
    readonly hub: HubClient,
    /** The hub's at sign-in, and so the page's own. */
    readonly ownVersion: string,
  ) {
    this.socket = new LiveSocket(socketUrl(location.href), hub.tokenForSocket());
    this.cameras = pollCameras(hub);
    this.pictures = new Pictures(hub);
    this.labels = new Labels(hub, this.socket);
    this.incidents = pollIncidents(hub);
    this.fleet = pollFleet(hub);
    this.version = hubVersion(hub, this.socket, ownVersion);
  }

  close(): void {
    this.socket.stop();
    this.cameras.stop();
    this.incidents.stop();
    this.fleet.stop();
  }
}
