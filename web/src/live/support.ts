/** Why this browser can't play live video; null where it can. Older ones lack a part, and a person may switch WebRTC off. */
export function lacking(): string | null {
  if (!("RTCPeerConnection" in globalThis)) return "This browser has no WebRTC, or it is switched off.";
  if (!tellsFrames()) return "This browser is too old: it does not tell the page of the frames that it shows.";
  return null;
}

export function tellsFrames(): boolean {
  return "requestVideoFrameCallback" in HTMLVideoElement.prototype;
}
