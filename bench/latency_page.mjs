/**
 * What the latency benchmark does inside the page, as `window.bench`: reads the burned capture clock of each frame that is
 * shown, beside what the browser and the page say of that frame. Wall times are the system clock's, ms since the epoch.
 */
export function install() {
  const CELLS = 26;
  const SIDE = 32;
  const WIDTH = 1280;
  const strip = new OffscreenCanvas(CELLS * SIDE, SIDE).getContext("2d", { willReadFrequently: true });

  /** The low 24 bits of the capture time in ms: a white cell, a black one, then the bits, highest first. Null: no clock. */
  function burned(picture, width = WIDTH) {
    const scale = width / WIDTH;
    strip.drawImage(picture, 0, 0, CELLS * SIDE * scale, SIDE * scale, 0, 0, CELLS * SIDE, SIDE);
    const { data } = strip.getImageData(0, SIDE / 2, CELLS * SIDE, 1);
    const cells = Array.from({ length: CELLS }, (_, cell) => data[(cell * SIDE + SIDE / 2) * 4 + 1]);
    if (cells[0] < 150 || cells[1] > 100 || cells.some((cell) => cell > 100 && cell < 150)) return null;
    return cells.slice(2).reduce((bits, cell) => bits * 2 + (cell > 127 ? 1 : 0), 0);
  }

  /** performance.now() may run apart from the system clock: what to add to it, taken at ticks of Date.now(). */
  function wallOffset() {
    let best = Infinity;
    for (let i = 0; i < 20; i++) {
      const before = Date.now();
      while (Date.now() === before);
      best = Math.min(best, Date.now() - performance.now());
    }
    return best;
  }

  const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

  /** Live mode: the video element's own frames. */
  async function live(seconds) {
    const video = document.querySelector(".stage video");
    const wall = wallOffset();
    const frames = [];
    let open = true;
    const each = (_, { rtpTimestamp, receiveTime, presentationTime, expectedDisplayTime }) => {
      if (!open) return;
      video.requestVideoFrameCallback(each);
      frames.push({
        rtp: rtpTimestamp,
        burned: burned(video),
        received: wall + receiveTime,
        presentation: wall + presentationTime,
        display: wall + Math.max(presentationTime, expectedDisplayTime),
      });
    };
    video.requestVideoFrameCallback(each);
    await sleep(seconds);
    open = false;
    return { frames, clockDriftMs: wallOffset() - wall };
  }

  /**
   * Exact mode: the page paints held copies on a canvas above the video, and draws their boxes in the same task. Each
   * painting is caught as it happens. Which frame it was, the page's log says: by the entry whose task had begun last.
   */
  async function exact(seconds) {
    const still = document.querySelector(".stage .still");
    const painter = still.getContext("2d"); // The page's own: an element has but one.
    const wall = wallOffset();
    const paintings = [];
    const refreshes = [];
    let open = true;
    window.__omma.reset();
    painter.drawImage = (...what) => {
      CanvasRenderingContext2D.prototype.drawImage.apply(painter, what);
      paintings.push({ atMs: performance.now(), refreshMs: document.timeline.currentTime, burned: burned(still) });
    };
    const refresh = (atMs) => {
      refreshes.push(atMs);
      if (open) requestAnimationFrame(refresh);
    };
    requestAnimationFrame(refresh);
    await sleep(seconds);
    delete painter.drawImage;
    await sleep(1); // Boxes of the last frames may still come.
    open = false;
    const { frames: log, analysed, holdMs } = window.__omma.live();
    // Of two that were painted for the same refresh of the screen nobody saw the first.
    const seen = paintings.filter(({ refreshMs }, n) => paintings[n + 1]?.refreshMs !== refreshMs);
    const frames = seen.map(({ atMs, burned }) => {
      const shown = log.findLast(({ callbackMs }) => callbackMs <= atMs);
      return {
        rtp: shown?.rtp,
        burned,
        display: wall + Math.max(shown?.callbackMs, shown?.expectedMs),
        own: shown?.drawn === "own" && shown.boxesRtp === shown.rtp,
        // What is painted reaches the glass with the next refresh of the screen.
        refresh: wall + refreshes.find((refreshMs) => refreshMs > atMs),
      };
    });
    const received = analysed.map((record) => ({ ...record, received: wall + record.receivedMs }));
    return { frames, analysed: received, holdMs, clockDriftMs: wallOffset() - wall };
  }

  /** Of events whose best frame was taken after `since`: that frame's time, and the clock in the picture that was kept. */
  async function pictures(token, since) {
    const ask = async (path) => {
      const answer = await fetch(`/api/v1/events${path}`, { headers: { authorization: `Bearer ${token}` } });
      if (!answer.ok) throw new Error(`events${path}: status ${answer.status}`);
      return answer;
    };
    const { events } = await (await ask("?limit=200")).json();
    const read = [];
    for (const { id, best_us, picture_revision } of events) {
      // The picture of a younger one may still be under way.
      if (picture_revision === null || best_us / 1000 < since || best_us / 1000 > Date.now() - 5000) continue;
      const answer = await ask(`/${id}/picture`);
      if (answer.headers.get("etag") !== `"${picture_revision}"`) continue; // A better one has come meanwhile.
      const picture = await createImageBitmap(await answer.blob());
      read.push({ stamp: best_us / 1000, burned: burned(picture, picture.width) });
      picture.close();
    }
    return read;
  }

  window.bench = { live, exact, pictures };
}
