/**
 * The other end of a WHEP session, in a tab of its own: sends a moving picture and, some time after each third frame,
 * its boxes, under the RTP timestamp that the encoder gave it. What it sends is a real WebRTC stream; only the hub and
 * the analysis are missing. The encoder begins to count where it likes, so the stream's clock is read off its timestamps:
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

/** Makes a tab the sender, and has it answer the WHEP requests of `page`. */
export async function send(sender, page, hub, { lateMs = 40 } = {}) {
  // Any answer of the hub's that brings no content security policy: the transform below is a worker made of text.
  await sender.goto(`${hub.url}/api/v1/session`);
  await sender.evaluate(prepare, { lateMs, exact: EXACT });
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
    say: (message) => sender.evaluate((text) => window.channel.send(text), JSON.stringify(message)),
  };
}

/** Runs in the tab, where nothing outside of it exists. */
function prepare({ lateMs, exact }) {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 480;
  const context = canvas.getContext("2d");
  const place = (n) => [0.1 + 0.3 * (1 + Math.sin(n / 10)), 0.4, 0.1, 0.3];
  window.sessions = 0;
  window.paused = false;
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
  }, 66);

  const worker = `onrtctransform = ({ transformer: { readable, writable } }) => {
    let n = 0;
    const tell = new TransformStream({ transform(frame, controller) {
      if (n++ % 3 === 0) postMessage(frame.getMetadata().rtpTimestamp ?? frame.timestamp);
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
          say({ type: "mode", mode: message.mode, ...(message.mode === "exact" ? exact : { delay_ms: 0, hold_ms: 0 }) });
        }
      });
    });
    const stream = canvas.captureStream(15);
    const transform = new Worker(URL.createObjectURL(new Blob([worker])));
    await new Promise((ready) => transform.addEventListener("message", ready, { once: true }));
    transform.addEventListener("message", ({ data: sent }) => {
      const time_us = Math.round(clock.capturedUs(sent) - (window.back / 9) * 100);
      const rtp = (sent - window.back) >>> 0;
      const box = place(drawn);
      const boxes = [{ track: 1, label: "person", score: 0.9, box }];
      const common = { stream: "north.door", place: "edge", engine: "none", model: "the-sender" };
      setTimeout(() => say({ type: "boxes", ...common, rtp, time_us, delay_ms: lateMs, boxes }), lateMs);
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
