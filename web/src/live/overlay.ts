/**
 * Boxes on a canvas above the video.
 *
 * The corners of a box are always drawn, so that the eye can follow it; its edges tell the truth of the moment: solid
 * where the boxes are of the very frame below them, dashed and dimmed where they are of an earlier one.
 */
import { NOTHING, type Drawn } from "./boxes.ts";
import type { Rect } from "../api/json.ts";
import { pictureArea, type Area, type Size } from "./letterbox.ts";
import type { Box } from "./wire.ts";

/** Age from which it is written beside the label. Below, a person sees no difference. */
const NOTICEABLE_MS = 150;

/** On small pictures the labels are smaller too, or they would hide what they name. */
const SMALL_PICTURE = 560;

interface Type {
  readonly font: string;
  readonly height: number;
  readonly padding: number;
}
const USUAL: Type = { font: '600 12px "Inter Variable", system-ui, sans-serif', height: 20, padding: 6 };
const SMALL: Type = { font: '600 10px "Inter Variable", system-ui, sans-serif', height: 15, padding: 4 };

/** Distinct on dark and on bright pictures; a label keeps its colour on every camera. */
const COLOURS = ["#5fe0c8", "#ffc861", "#8fb8ff", "#ff9d8a", "#d4a5ff", "#b6e36b", "#ff9ad1", "#7fdcff"] as const;

export function colourOf(label: string): string {
  if (label === "person") return COLOURS[0];
  let sum = 0;
  for (const character of label) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return COLOURS[1 + (sum % (COLOURS.length - 1))] ?? COLOURS[0];
}

/** `person 87 % #4`, with the age where the boxes are noticeably older than the frame. */
export function caption(box: Box, ageMs: number): string {
  const score = Math.round(clamp(box.score) * 100);
  return `${box.label} ${score} %  #${box.track}${ageText(ageMs)}`;
}

function ageText(ageMs: number): string {
  return ageMs >= NOTICEABLE_MS ? `  −${(ageMs / 1000).toFixed(1)} s` : "";
}

/** A rectangle of the picture in the element's units, on whole device pixels so that lines are crisp. */
export function onScreen([x, y, width, height]: Rect, area: Area, ratio: number): Area {
  const snap = (value: number) => Math.round(value * ratio) / ratio;
  const left = snap(area.left + clamp(x) * area.width);
  const top = snap(area.top + clamp(y) * area.height);
  const right = snap(area.left + clamp(x + width) * area.width);
  const bottom = snap(area.top + clamp(y + height) * area.height);
  return { left, top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

export class Overlay {
  private readonly context: CanvasRenderingContext2D | null;
  private element: Size = { width: 0, height: 0 };
  private ratio = 1;
  /** What is on it; null where nothing is, or what is there is not what would be drawn. */
  private there: { readonly drawn: Drawn; readonly picture: Size } | null = null;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d");
  }

  /** The element's size in CSS pixels and the screen's device pixels for each of them. */
  resize(element: Size, ratio: number): void {
    this.element = element;
    this.ratio = ratio;
    this.canvas.width = Math.round(element.width * ratio);
    this.canvas.height = Math.round(element.height * ratio);
    this.there = null;
  }

  clear(): void {
    this.there = null;
    this.context?.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** Draws what belongs on the frame shown, whose size is `picture`. */
  draw(what: Drawn, picture: Size): void {
    const drawn = what.kind === "none" || what.boxes.boxes.length > 0 ? what : NOTHING;
    // Between two analysed frames most look alike, and a canvas that is touched is copied and blended anew.
    if (this.there !== null && looksLike(this.there.drawn, drawn) && sameSize(this.there.picture, picture)) return;
    const context = this.context;
    const area = pictureArea(this.element, picture);
    this.clear();
    this.there = { drawn, picture };
    if (context === null || area === null || drawn.kind === "none") return;
    const own = drawn.kind === "own";
    const ageMs = ageOf(drawn);
    const type = area.width < SMALL_PICTURE ? SMALL : USUAL;
    // In the order of their tracks, so that labels find the same places again in the next frame.
    const placed = drawn.boxes.boxes.toSorted((a, b) => a.track - b.track).map((box) => ({ box, at: onScreen(box.rect, area, this.ratio) }));
    context.save();
    context.scale(this.ratio, this.ratio);
    for (const { box, at } of placed) outline(context, at, colourOf(box.label), own);
    context.font = type.font;
    context.textBaseline = "middle";
    context.globalAlpha = own ? 1 : 0.85;
    const labels: Area[] = [];
    for (const { box, at } of placed) {
      const text = caption(box, ageMs);
      const width = Math.ceil(context.measureText(text).width) + 2 * type.padding;
      const place = placeLabel(at, area, { width, height: type.height }, labels);
      labels.push(place);
      write(context, place, text, colourOf(box.label), type.padding);
    }
    context.restore();
  }
}

/** Whether the one drawn looks the same as the other. */
export function looksLike(one: Drawn, other: Drawn): boolean {
  if (one.kind === "none" || other.kind === "none") return one.kind === other.kind;
  return one.kind === other.kind && one.boxes === other.boxes && ageText(ageOf(one)) === ageText(ageOf(other));
}

function ageOf(drawn: Drawn): number {
  return drawn.kind === "held" ? drawn.ageMs : 0;
}

function sameSize(one: Size, other: Size): boolean {
  return one.width === other.width && one.height === other.height;
}

function outline(context: CanvasRenderingContext2D, at: Area, colour: string, own: boolean): void {
  const right = at.left + at.width;
  const bottom = at.top + at.height;
  context.save();
  context.lineJoin = "round";
  // A dark line beneath keeps the box visible on pictures as bright as itself.
  context.strokeStyle = "rgb(0 0 0 / 45%)";
  context.lineWidth = 4;
  context.strokeRect(at.left, at.top, at.width, at.height);
  context.strokeStyle = colour;
  context.lineWidth = 2;
  if (!own) {
    context.setLineDash([5, 5]);
    context.globalAlpha = 0.6;
  }
  context.strokeRect(at.left, at.top, at.width, at.height);
  context.setLineDash([]);
  context.globalAlpha = own ? 1 : 0.85;
  context.lineWidth = 3;
  const arm = Math.min(14, at.width / 3, at.height / 3);
  context.beginPath();
  for (const [x, y, dx, dy] of [
    [at.left, at.top, 1, 1],
    [right, at.top, -1, 1],
    [right, bottom, -1, -1],
    [at.left, bottom, 1, -1],
  ] as const) {
    context.moveTo(x + dx * arm, y);
    context.lineTo(x, y);
    context.lineTo(x, y + dy * arm);
  }
  context.stroke();
  context.restore();
}

function write(context: CanvasRenderingContext2D, { left, top, width, height }: Area, text: string, colour: string, padding: number): void {
  context.fillStyle = "rgb(8 12 14 / 82%)";
  context.beginPath();
  context.roundRect(left, top, width, height, 4);
  context.fill();
  context.fillStyle = colour;
  context.fillText(text, left + padding, top + height / 2 + 0.5);
}

/**
 * Where the label of a box goes: above it, else below it, else inside at its top; within the picture, and not over the
 * labels that are there already, where that can be had.
 */
export function placeLabel(box: Area, picture: Area, { width, height }: Size, others: readonly Area[]): Area {
  const right = picture.left + picture.width;
  const bottom = picture.top + picture.height;
  const left = Math.max(picture.left, Math.min(box.left - 1, right - width));
  const tops = [box.top - height - 2, box.top + box.height + 2, box.top + 2];
  const places = tops
    .filter((top) => top >= picture.top && top + height <= bottom)
    .map((top): Area => ({ left, top, width, height }));
  const free = places.find((place) => !others.some((other) => overlap(place, other)));
  return free ?? places[0] ?? { left, top: Math.max(picture.top, box.top), width, height };
}

function overlap(a: Area, b: Area): boolean {
  return a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height && b.top < a.top + a.height;
}
