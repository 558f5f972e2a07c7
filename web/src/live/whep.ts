/**
 * One viewing session: WHEP (one offer, one answer, all candidates in them), a video track that is only received, and
 * the data channel `omma` beside it, unordered and without retransmission, because a late box is worth nothing.
 *
 * Whoever opened a session owes it a `close()`.
 */
import type { HubClient } from "../api/client.ts";
import { failed, success, type Result } from "../api/result.ts";
import { encode, parseHubMessage, type BrowserMessage, type HubMessage, type Mode } from "./wire.ts";

/** Host candidates are there within milliseconds; a browser that waits for more is not waited for. */
const GATHER_MS = 1000;
/** Browsers throw at more. */
const LONGEST_DELAY_MS = 4000;
/** A connection that has lost its way may find it again within this. */
const GRACE_MS = 2500;

export interface WhepHandlers {
  onStream(stream: MediaStream): void;
  /** May come before `open()` has returned the session. */
  onChannelOpen(): void;
  onMessage(message: HubMessage): void;
  /** The session is of no more use; comes once at most, and not after `close()`. */
  onLost(reason: string): void;
}

export class WhepSession {
  private location: string | null = null;
  private grace: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  private constructor(
    private readonly hub: HubClient,
    private readonly connection: RTCPeerConnection,
    private readonly channel: RTCDataChannel,
    private readonly receiver: RTCRtpReceiver,
    private readonly handlers: WhepHandlers,
  ) {
    connection.addEventListener("track", ({ track }) => handlers.onStream(new MediaStream([track])));
    connection.addEventListener("connectionstatechange", () => this.connectionChanged());
    channel.addEventListener("open", () => handlers.onChannelOpen());
    channel.addEventListener("close", () => this.lost("The hub has ended the session."));
    channel.addEventListener("message", ({ data }) => {
      const message = parseHubMessage(data);
      if (message !== null && !this.closed) handlers.onMessage(message);
    });
  }

  static async open(
    hub: HubClient,
    stream: string,
    mode: Mode,
    handlers: WhepHandlers,
    signal: AbortSignal,
  ): Promise<Result<WhepSession>> {
    let connection: RTCPeerConnection;
    try {
      connection = new RTCPeerConnection();
    } catch (error) {
      // Forbidden by who set this browser up, or there are too many.
      return failed({ kind: "refused", status: 0, code: "no_connection", message: `this browser allows no WebRTC connection: ${messageOf(error)}` });
    }
    const { receiver } = connection.addTransceiver("video", { direction: "recvonly" });
    const channel = connection.createDataChannel("omma", { ordered: false, maxRetransmits: 0 });
    const session = new WhepSession(hub, connection, channel, receiver, handlers);
    const result = await session.negotiate(stream, mode, signal);
    if (result.kind !== "success") session.close();
    return result;
  }

  get isOpen(): boolean {
    return this.channel.readyState === "open";
  }

  /** False while the channel is not open. What is sent may get lost. */
  send(message: BrowserMessage): boolean {
    if (!this.isOpen) return false;
    this.channel.send(encode(message));
    return true;
  }

  /** How long the browser holds pictures back, ms, where it does not heed what the hub writes beside each; null for not. */
  delayPictures(ms: number | null): void {
    if ("jitterBufferTarget" in this.receiver) this.receiver.jitterBufferTarget = ms === null ? null : Math.min(ms, LONGEST_DELAY_MS);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.grace !== null) clearTimeout(this.grace);
    this.channel.close();
    this.connection.close();
    if (this.location !== null) this.hub.endWhep(this.location);
  }

  private async negotiate(stream: string, mode: Mode, signal: AbortSignal): Promise<Result<WhepSession>> {
    try {
      await this.connection.setLocalDescription(await this.connection.createOffer());
      await gathered(this.connection);
      if (signal.aborted) return { kind: "aborted" };
      const answer = await this.hub.whep(stream, mode, this.connection.localDescription?.sdp ?? "", signal);
      if (answer.kind !== "success") return answer;
      this.location = answer.value.location;
      await this.connection.setRemoteDescription({ type: "answer", sdp: answer.value.sdp });
      return success(this as WhepSession);
    } catch (error) {
      if (signal.aborted) return { kind: "aborted" };
      return failed({ kind: "malformed", message: messageOf(error) });
    }
  }

  private connectionChanged(): void {
    if (this.grace !== null) clearTimeout(this.grace);
    this.grace = null;
    switch (this.connection.connectionState) {
      case "failed":
        this.lost("The connection to the hub failed.");
        break;
      case "disconnected":
        this.grace = setTimeout(() => this.lost("The connection to the hub was lost."), GRACE_MS);
        break;
      default:
    }
  }

  private lost(reason: string): void {
    if (this.closed) return;
    this.close();
    this.handlers.onLost(reason);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function gathered(connection: RTCPeerConnection): Promise<void> {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      if (connection.iceGatheringState === "complete") resolve();
    };
    connection.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, GATHER_MS);
  });
}
