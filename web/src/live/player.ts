/**
 * Plays one stream into a video element, and keeps at it: connects, plays, and connects again by itself.
 *
 * While it plays it owns one `WhepSession` at a time, the `Screen`, and its timers; what `play()` returns ends them all.
 * While nobody sees the page it owns no session.
 */
import type { HubClient } from "../api/client.ts";
import { explain, sentence } from "../api/result.ts";
import { Store, type Readable } from "../ui/store.ts";
import { backoffMs } from "../api/backoff.ts";
import { nextQuestionMs, StreamClock } from "./clock.ts";
import { whileHere } from "./leaving.ts";
import type { Size } from "./letterbox.ts";
import { Measure } from "./measure.ts";
import { hasStopped } from "./rhythm.ts";
import { Screen, type Elements } from "./screen.ts";
import { lacking } from "./support.ts";
import { attemptOf, step, type Happening, type LiveState, type Setback } from "./state.ts";
import { WhepSession } from "./whep.ts";
import type { Spread } from "./window.ts";
import type { Boxes, HubMessage, Mode } from "./wire.ts";

const TICK_MS = 500;
/** Pictures have stopped when none came for this long; of a camera that gives one more seldom, for twice as long as that takes. */
const SILENT_MS = 2000;
/** The hub is gone when neither a picture nor the answer to a clock question came for this long. */
const DEAD_MS = 10_000;

/** What is in force may have been told and lost: in exact mode it is asked for again when it is so old. */
const MODE_MS = 3000;
const NO_WAY: Setback = {
  kind: "no-way",
  message:
    "The hub answers, but nothing comes through on its UDP port for live video. A firewall may be in between, or the hub may name an address (live.udp, live.announce) that can’t be reached from here.",
};

/** Who made the boxes, as the newest of them say. */
export type Analysis = Pick<Boxes, "place" | "engine" | "model">;

export interface LiveStats {
  readonly latency: Spread | null;
  readonly framesPerSecond: number | null;
  readonly looksPerSecond: number | null;
  readonly picture: Size | null;
  readonly analysis: Analysis | null;
  readonly onTheirFrame: number | null;
  /** False where the browser does not say which frame it shows. */
  readonly matches: boolean;
}

interface InForce {
  readonly mode: Mode;
  readonly delayMs: number;
  readonly holdMs: number;
}

export interface LiveView {
  readonly state: LiveState;
  /** What the hub has confirmed; null before it has. */
  readonly mode: InForce | null;
  readonly stats: LiveStats;
}

const NO_STATS: LiveStats = {
  latency: null,
  framesPerSecond: null,
  looksPerSecond: null,
  picture: null,
  analysis: null,
  onTheirFrame: null,
  matches: true,
};

const BEFORE: LiveView = { state: { kind: "connecting", attempt: 0, because: null }, mode: null, stats: NO_STATS };

export class LivePlayer {
  readonly measure = new Measure();
  readonly clock = new StreamClock();
  private readonly store = new Store<LiveView>(BEFORE);
  private wanted: Mode = "live";
  private screen: Screen | null = null;
  private video: HTMLVideoElement | null = null;
  private session: WhepSession | null = null;
  private attempt = new AbortController();
  private retry: ReturnType<typeof setTimeout> | undefined;
  private question: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;
  /** Whether the session's channel has opened. */
  private connected = false;
  private blocked = false;
  private lastPictureMs = 0;
  private lastAnswerMs = 0;
  /** When the hub last said which mode is in force. */
  private lastModeMs = 0;
  private picture: Size | null = null;
  private analysis: Analysis | null = null;

  constructor(
    private readonly hub: HubClient,
    readonly stream: string,
  ) {}

  get view(): Readable<LiveView> {
    return this.store;
  }

  /** Asks for another mode. The picture goes on; the hub confirms. */
  setMode(mode: Mode): void {
    if (mode === this.wanted) return;
    this.wanted = mode;
    this.measure.reset();
    this.applyMode();
  }

  /** The camera is known to be there: don't wait for the next attempt. */
  nudge(): void {
    if (this.store.get().state.kind === "retrying") void this.connect();
  }

  /** The person wants it to play: to be called from what was pressed, or the browser refuses it as before. */
  press(): void {
    void this.start();
  }

  /** Plays into these elements until what is returned is called. */
  play(elements: Elements): () => void {
    const { video } = elements;
    const screen = new Screen(elements, this.clock, this.measure, (picture) => this.pictureShown(picture));
    screen.setMode(this.wanted);
    this.screen = screen;
    this.video = video;
    const ticker = setInterval(() => this.tick(), TICK_MS);
    const stay = whileHere(
      () => this.leave(),
      () => void this.connect(),
    );
    void this.connect();
    return () => {
      stay();
      clearInterval(ticker);
      this.drop();
      screen.close();
      video.srcObject = null;
      this.screen = null;
      this.video = null;
      this.store.set(BEFORE);
    };
  }

  private async connect(): Promise<void> {
    this.drop();
    // The hub may be another, and the edge behind it may have started anew: neither owes the old time, nor the old detector.
    this.clock.clear();
    this.analysis = null;
    this.happened({ kind: "connect" });
    const lacks = lacking();
    if (lacks !== null) return this.again({ kind: "refused", message: lacks });
    const attempt = new AbortController();
    this.attempt = attempt;
    const handlers = {
      onStream: (stream: MediaStream) => this.show(stream),
      onChannelOpen: () => this.channelOpened(),
      onMessage: (message: HubMessage) => this.received(message),
      onLost: (message: string) => this.again(this.connected ? { kind: "lost", message } : NO_WAY),
    };
    const result = await WhepSession.open(this.hub, this.stream, this.wanted, handlers, attempt.signal);
    if (attempt.signal.aborted) {
      if (result.kind === "success") result.value.close();
      return;
    }
    if (result.kind === "success") {
      this.session = result.value;
      this.lastAnswerMs = performance.now();
      if (result.value.isOpen) this.channelOpened();
    } else if (result.kind === "error") {
      const { failure } = result;
      this.again({ kind: failure.kind === "refused" ? "refused" : "lost", message: explain(failure) });
    }
  }

  /** Ends what there is of a session or an attempt at one. */
  private drop(): void {
    clearTimeout(this.retry);
    clearTimeout(this.question);
    this.attempt.abort();
    this.session?.close();
    this.session = null;
    this.connected = false;
  }

  /** What was shown last is not left there: it would be of long ago when somebody looks again. */
  private leave(): void {
    this.drop();
    this.screen?.begin(null);
    this.happened({ kind: "left" });
  }

  private again(because: Setback): void {
    this.drop();
    const now = performance.now();
    const wait = backoffMs(attemptOf(this.store.get().state, now), Math.random());
    this.happened({ kind: "setback", because, nowMs: now, atMs: now + wait });
    this.retry = setTimeout(() => void this.connect(), wait);
  }

  private show(stream: MediaStream): void {
    if (this.video === null) return;
    this.screen?.begin(stream.getVideoTracks()[0] ?? null);
    this.video.srcObject = stream;
    void this.start();
  }

  /** Some browsers refuse even what is muted: on a phone that saves power, or as the person has set it. */
  private async start(): Promise<void> {
    const { video } = this;
    const stream = video?.srcObject;
    this.blocked = false;
    try {
      await video?.play();
    } catch (error) {
      // Else the element was given another stream meanwhile, or the tab is being closed.
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError" || video?.srcObject !== stream) return;
      this.blocked = true;
      this.happened({ kind: "blocked" });
    }
  }

  private channelOpened(): void {
    if (this.session === null) return; // It opened before the answer was said to be taken; `connect` begins then.
    this.connected = true;
    this.happened({ kind: "connected" });
    if (this.blocked) this.happened({ kind: "blocked" }); // Which may be known before.
    this.asked = 0;
    this.ask();
    this.applyMode();
  }

  private ask(): void {
    if (!this.session?.send({ type: "clock", id: this.clock.ask(performance.now()) })) return;
    this.asked += 1;
    this.question = setTimeout(() => this.ask(), nextQuestionMs(this.asked));
  }

  private applyMode(): void {
    this.screen?.setMode(this.wanted);
    this.session?.send({ type: "mode", mode: this.wanted });
  }

  private received(message: HubMessage): void {
    switch (message.type) {
      case "boxes":
        this.analysis = message.boxes;
        this.screen?.put(message.boxes);
        break;
      case "clock":
        this.lastAnswerMs = performance.now();
        if (this.clock.answer(message.id, message.streamUs, this.lastAnswerMs) === "set") this.clockSet();
        break;
      case "mode":
        this.lastModeMs = performance.now();
        this.inForce({ mode: message.mode, delayMs: message.delayMs, holdMs: message.holdMs });
        break;
      case "error":
        this.again({ kind: "refused", message: sentence(message.reason) });
        break;
      case "event":
      case "picture":
      case "resync":
        break; // These come by the WebSocket.
    }
  }

  /** Mostly what is so already: then nothing is touched. */
  private inForce(mode: InForce): void {
    const known = this.store.get().mode;
    if (known?.mode === mode.mode && known.delayMs === mode.delayMs && known.holdMs === mode.holdMs) return;
    this.session?.delayPictures(mode.mode === "exact" ? mode.delayMs : null);
    this.screen?.setHold(mode.holdMs);
    this.store.update((view) => ({ ...view, mode }));
  }

  /** This computer slept, or the edge's clock was set: one answer says so, a burst of them says how late it is. */
  private clockSet(): void {
    this.measure.clockSet();
    this.screen?.clockSet();
    clearTimeout(this.question);
    this.asked = 0;
    this.ask();
  }

  private pictureShown(picture: Size): void {
    this.lastPictureMs = performance.now();
    this.picture = picture;
    if (this.store.get().state.kind !== "playing") this.happened({ kind: "picture", nowMs: this.lastPictureMs });
  }

  private tick(): void {
    const now = performance.now();
    const { state, mode } = this.store.get();
    // Frames that are held back are pictures too: the first of exact mode is shown up to two seconds after it came.
    const arrivals = this.screen?.arrivals;
    const lastMs = Math.max(this.lastPictureMs, arrivals?.lastMs ?? 0);
    // One picture is shown by some browsers even where they refuse to play: there no second one is waited for.
    const gapMs = arrivals?.gapMs ?? (this.blocked ? 0 : null);
    const stopped = hasStopped(gapMs, now - lastMs, SILENT_MS);
    // Some browsers have a button of their own that pauses.
    const blocked = this.blocked || this.video?.paused === true;
    if (state.kind === "playing" && stopped) this.happened(blocked ? { kind: "blocked" } : { kind: "silent", lastMs });
    const alive = Math.max(lastMs, this.lastAnswerMs);
    if (this.session !== null && now - alive > DEAD_MS) {
      this.again(this.connected ? { kind: "lost", message: "The hub has gone silent." } : NO_WAY);
    }
    // The channel may lose a wish, its confirmation, or another delay.
    const old = mode?.mode === "exact" && now - this.lastModeMs > MODE_MS;
    if (this.session !== null && (mode?.mode !== this.wanted || old)) this.applyMode();
    this.store.update((view) => ({ ...view, stats: this.stats(now) }));
  }

  private stats(now: number): LiveStats {
    return {
      latency: this.measure.latencySpread(now),
      framesPerSecond: this.measure.framesPerSecond(now),
      looksPerSecond: this.measure.looksPerSecond(now),
      picture: this.picture,
      analysis: this.analysis,
      onTheirFrame: this.measure.boxesOnTheirFrame(),
      matches: this.screen?.matches ?? true,
    };
  }

  private happened(happening: Happening): void {
    this.store.update((view) => {
      const state = step(view.state, happening);
      const connected = state.kind === "playing" || state.kind === "blocked" || state.kind === "stalled";
      return connected ? { ...view, state } : { ...view, state, mode: null };
    });
  }
}
