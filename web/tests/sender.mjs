/**
 * The other end of a WHEP session, in a tab of its own: sends a moving picture and, some time after each third frame,
 * its boxes, under the RTP timestamp that the encoder gave it. Each picture bears its number in stripes, which are read off the
 * frame as it was encoded, so that its boxes are those of that very picture, and a test can tell what the page has painted.
 * What it sends is a real WebRTC stream; only the hub and the analysis are missing. The encoder begins to count where it likes, so the stream's clock is read off its timestamps:
 * the earliest that a frame was heard of is taken for its capture.
 */

/** What it answers in exact mode. The page has to hold pictures for longer than the browser is told to. */
export const EXACT = { delay_ms: 100, hold_ms: 700 };

/**
 * Sets the stream's clock back. The browser lets nobody write the timestamps of what it sends, so both ends take as much
 * off: the sender of what it tells, the page of what its video element says.
 */
export async function setBack(sender, page, seconds) {
  await sender.evaluate((ticks) => (window.back = ticks), seconds * 90_000);
  await page.evaluate((ticks) => {
    const { prototype } = HTMLVideoElement;
    const request = prototype.requestVideoFrameCallback;
    prototype.requestVideoFrameCallback = function (shown) {
      return request.call(this, (now, metadata) => shown(now, { ...metadata, rtpTimestamp: (metadata.rtpTimestamp - ticks) >>> 0 }));
    };
  }, seconds * 90_000);
}

/** Numbers begin anew after so many. */
const BITS = 12;

/**
 * Has the page read the number off each frame that it paints beneath boxes of its own, as it paints it. Gives pairs of it and
 * of the one in those boxes' label. To be called before the page is opened.
 */
export async function readPainted(page) {
  await page.addInitScript((bits) => {
    window.painted = [];
    const { drawImage } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.drawImage = function (...what) {
      drawImage.apply(this, what);
      if (!this.canvas.classList.contains("still")) return;
      const { width, height } = this.canvas;
      let number = 0;
      for (let bit = 0; bit < bits; bit += 1) {
        const [luma] = this.getImageData(((bit + 0.5) / bits) * width, 0.04 * height, 1, 1).data;
        number = number * 2 + (luma > 128 ? 1 : 0);
      }
      // The page draws the boxes in the same task.
      queueMicrotask(() => {
        const frame = window.__omma.live()?.frames.at(-1);
        if (frame?.drawn === "own") window.painted.push([number, window.told.get(frame.boxesRtp)]);
      });
    };
    // What the boxes of each frame say, as they come.
    window.told = new Map();
    const { parse } = JSON;
    JSON.parse = (...what) => {
      const message = parse(...what);
      if (message?.type === "boxes") window.told.set(message.rtp, Number(message.boxes[0].label));
      return message;
    };
  }, BITS);
  return () => page.evaluate(() => window.painted);
}

/** Makes a tab the sender, and has it answer the WHEP requests of `page`. */
export async function send(sender, page, hub, { lateMs = 40 } = {}) {
  // Any answer of the hub's that brings no content security policy: the transform below is a worker made of text.
  await sender.goto(`${hub.url}/api/v1/session`);
  await sender.evaluate(prepare, { lateMs, exact: EXACT, bits: BITS });
  await page.route("**/whep?*", async (route) => {
    const sdp = await sender.evaluate((offer) => window.answer(offer), route.request().postData());
    const headers = { location: `${new URL(route.request().url()).pathname}/a-session` };
    await route.fulfill({ status: 201, contentType: "application/sdp", headers, body: sdp });
  });
  return {
    /** Sessions answered so far. */
    sessions: () => sender.evaluate(() => window.sessions),
    /** Ends the session as the hub does when a camera is removed. */
    end: () => sender.evaluate(() => window.connection.close()),
    pause: (paused) => sender.evaluate((value) => (window.paused = value), paused),
    /** What it answers in exact mode from now on. */
    answers: (mode) => sender.evaluate((value) => (window.exact = value), mode),
    /** Sends pictures without boxes from now on. */
    look: (looks) => sender.evaluate((value) => (window.looks = value), looks),
    say: (message) => sender.evaluate((text) => window.channel.send(text), JSON.stringify(message)),
  };
}

/** Runs in the tab, where nothing outside of it exists. */
function prepare({ lateMs, exact, bits }) {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 480;
  const context = canvas.getContext("2d");
  const place = (n) => [0.1 + 0.3 * (1 + Math.sin(n / 10)), 0.4, 0.1, 0.3];
  window.sessions = 0;
  window.paused = false;
  window.looks = true;
  window.exact = exact;
  window.back = 0;
  let drawn = 0;
  setInterval(() => {
    if (window.paused) return;
    drawn += 1;
    context.fillStyle = "#345";
    context.fillRect(0, 0, 640, 480);
    const [x, y, width, height] = place(drawn);
    context.fillStyle = "#dde";
    context.fillRect(x * 640, y * 480, width * 640, height * 480);
    for (let bit = 0; bit < bits; bit += 1) {
      context.fillStyle = (drawn >> (bits - 1 - bit)) & 1 ? "#fff" : "#000";
      context.fillRect((bit / bits) * 640, 0, 640 / bits + 1, 40);
    }
  }, 66);

  const worker = `
    const number = async (frame) => {
      const luma = new Uint8Array(frame.allocationSize());
      const [{ offset, stride }] = await frame.copyTo(luma);
      const { width, height } = frame.visibleRect;
      let number = 0;
      for (let bit = 0; bit < ${bits}; bit += 1) {
        const at = offset + Math.floor(0.04 * height) * stride + Math.floor(((bit + 0.5) / ${bits}) * width);
        number = number * 2 + (luma[at] > 128 ? 1 : 0);
      }
      frame.close();
      return number;
    };
    onrtctransform = ({ transformer: { readable, writable } }) => {
      let n = 0;
      const analysed = new Set();
      const decoder = new VideoDecoder({
        output: async (frame) => {
          const rtp = frame.timestamp;
          const drawn = await number(frame);
          if (analysed.delete(rtp)) postMessage({ rtp, drawn });
        },
        error: (error) => postMessage({ error: String(error) }),
      });
      decoder.configure({ codec: "vp8" });
      const tell = new TransformStream({ transform(frame, controller) {
        const rtp = frame.getMetadata().rtpTimestamp ?? frame.timestamp;
        if (n++ % 3 === 0) {
          analysed.add(rtp);
          postMessage({ sent: rtp });
        }
        decoder.decode(new EncodedVideoChunk({ type: frame.type, timestamp: rtp, data: frame.data }));
        controller.enqueue(frame);
      } });
      readable.pipeThrough(tell).pipeTo(writable);
    };
    postMessage("ready");`;

  // 90 kHz ticks since the epoch at which this day's count begins, near enough; see `rtp.ts`.
  const DAY = 37_500 * 2 ** 32;
  const streamUs = (ticks) => Math.round(((DAY + ticks) / 9) * 100);
  const nowUs = () => performance.now() * 1000;
  /** The stream's clock of one session: told of each timestamp as early as can be, it knows how far it is ahead of this tab's. */
  const newClock = () => {
    let first = null;
    let aheadUs = Number.NEGATIVE_INFINITY;
    return {
      capturedUs: (rtp) => {
        first ??= rtp;
        const us = streamUs(first + ((rtp - first) | 0));
        aheadUs = Math.max(aheadUs, us - nowUs());
        return us;
      },
      now: () => (first === null ? null : Math.round(nowUs() + aheadUs - (window.back / 9) * 100)),
    };
  };

  const say = (message) => {
    if (window.channel?.readyState === "open") window.channel.send(JSON.stringify(message));
  };

  window.answer = async (offer) => {
    window.connection?.close();
    window.sessions += 1;
    const clock = newClock();
    const connection = new RTCPeerConnection();
    window.connection = connection;
    connection.addEventListener("datachannel", ({ channel }) => {
      window.channel = channel;
      channel.addEventListener("message", ({ data }) => {
        const message = JSON.parse(data);
        const stream_us = clock.now();
        if (message.type === "clock" && stream_us !== null) say({ type: "clock", id: message.id, stream_us });
        if (message.type === "mode") {
          say({ type: "mode", mode: message.mode, ...(message.mode === "exact" ? window.exact : { delay_ms: 0, hold_ms: 0 }) });
        }
      });
    });
    const stream = canvas.captureStream(15);
    const transform = new Worker(URL.createObjectURL(new Blob([worker])));
    await new Promise((ready) => transform.addEventListener("message", ready, { once: true }));
    const captured = new Map();
    transform.addEventListener("message", ({ data }) => {
      if (data.error !== undefined) throw new Error(data.error);
      if (data.sent !== undefined) {
        const time_us = Math.round(clock.capturedUs(data.sent) - (window.back / 9) * 100);
        captured.set(data.sent, { time_us, rtp: (data.sent - window.back) >>> 0, atMs: performance.now() });
        return;
      }
      const { time_us, rtp, atMs } = captured.get(data.rtp);
      captured.delete(data.rtp);
      if (!window.looks) return;
      const boxes = [{ track: 1, label: String(data.drawn), score: 0.9, box: place(data.drawn) }];
      const common = { stream: "north.door", place: "edge", engine: "none", model: "the-sender" };
      setTimeout(() => say({ type: "boxes", ...common, rtp, time_us, delay_ms: lateMs, boxes }), lateMs - (performance.now() - atMs));
    });
    // Before the offer is taken, in one breath, and with a worker that listens: a sender that has no transform soon after it
    // was made never gets one in Chromium, and taking the offer makes one.
    connection.addTrack(stream.getVideoTracks()[0], stream).transform = new RTCRtpScriptTransform(transform);
    await connection.setRemoteDescription({ type: "offer", sdp: offer });
    await connection.setLocalDescription(await connection.createAnswer());
    await new Promise((resolve) => {
      connection.addEventListener("icegatheringstatechange", () => connection.iceGatheringState === "complete" && resolve());
      setTimeout(resolve, 1000);
    });
    return connection.localDescription.sdp;
  };
}
