/** What one signed-in page keeps open towards its hub. Whoever opened it owes it a `close()`. */
import type { HubClient } from "../api/client.ts";
import { CameraPoll } from "../cameras/poll.ts";
import { Pictures } from "../events/pictures.ts";
import { LiveSocket, socketUrl } from "../events/socket.ts";
import { FleetPoll } from "../fleet/poll.ts";
import { IncidentPoll } from "../incidents/poll.ts";

export class Session {
  readonly socket: LiveSocket;
  readonly cameras: CameraPoll;
  readonly pictures: Pictures;
  readonly incidents: IncidentPoll;
  readonly fleet: FleetPoll;

  constructor(
    readonly hub: HubClient,
    /** The hub's. */
    readonly version: string,
  ) {
    this.socket = new LiveSocket(socketUrl(location.href), hub.tokenForSocket());
    this.cameras = new CameraPoll(hub);
    this.pictures = new Pictures(hub);
    this.incidents = new IncidentPoll(hub);
    this.fleet = new FleetPoll(hub);
  }

  close(): void {
    this.socket.stop();
    this.cameras.stop();
    this.incidents.stop();
    this.fleet.stop();
  }
}
