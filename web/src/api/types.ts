/** Names for the parts of the hub's OpenAPI document that the page uses. */

export interface Session {
  readonly version: string;
}

export interface Camera {
  readonly stream: string;
  readonly name: string;
  readonly edge: string;
  readonly edge_online: boolean;
  readonly placement: "edge" | "hub" | "none";
  readonly state: "live" | "connecting" | "failed" | "offline";
  readonly reason?: string | null;
  readonly codec?: string | null;
  readonly width?: number | null;
  readonly height?: number | null;
  readonly reorders?: boolean | null;
}
