// The latency benchmark's peer in the browser: a page with nothing but a video, which plays what `latency_peer.py` relays.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { install } from "./latency_page.mjs";

/** What `window.bench.live` saw there in so many seconds. `size`: of the video on the page. */
export async function watchPeer(browser, { python, program, camera }, seconds, size) {
  const relay = spawn(python, [program, camera], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(relay, "exit");
  try {
    const page = await browser.tab();
    await page.setContent('<div class="stage"><video autoplay muted playsinline></video></div>');
    await page.evaluate(install);
    relay.stdin.write(`${JSON.stringify(await page.evaluate(call, size))}\n`);
    const answer = once(createInterface(relay.stdout), "line");
    const [said] = await Promise.race([answer, ended]);
    if (typeof said !== "string") throw new Error(`the peer has ended (exit ${said})`);
    await page.evaluate((answer) => window.peer.setRemoteDescription(answer), JSON.parse(said));
    await page.waitForFunction(() => document.querySelector("video").getVideoPlaybackQuality().totalVideoFrames > 60, null, {
      timeout: 60_000,
    });
    await page.waitForTimeout(5000); // In which the browser finds how long it has to hold pictures.
    const seen = await page.evaluate((seconds) => window.bench.live(seconds), seconds);
    await page.close();
    return seen;
  } finally {
    relay.stdin.end();
    const late = setTimeout(() => relay.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(late);
  }
}

/**
 * Within the page: asks for H.264, to be shown as soon as may be. Says nothing of where the page is, which the relay finds out
 * when the page comes to it.
 */
async function call({ width, height }) {
  const video = document.querySelector("video");
  Object.assign(video.style, { width: `${width}px`, height: `${height}px` });
  const connection = new RTCPeerConnection();
  window.peer = connection;
  const transceiver = connection.addTransceiver("video", { direction: "recvonly" });
  const { codecs } = RTCRtpReceiver.getCapabilities("video");
  transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === "video/H264"));
  transceiver.receiver.jitterBufferTarget = 0;
  connection.ontrack = ({ track }) => {
    video.srcObject = new MediaStream([track]);
  };
  const { type, sdp } = await connection.createOffer();
  await connection.setLocalDescription({ type, sdp });
  return { type, sdp };
}
