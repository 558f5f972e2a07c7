/** What a network, a proxy or a hub of another version may make of a JSON text. One seed is one case, the same on every machine. */

/** mulberry32: small, fast, and good enough to choose by. */
export class Dice {
  constructor(private state: number) {}

  /** 0 to 1, without 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** `JSON.stringify` writes no number that is read as infinite. */
const INFINITE = "\u0001infinite";
const NUMBERS = [0, -0, -1, 1, 0.5, -0.5, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e308, -1e308, 5e-324];
const WORDS = ["", "0", "edge", "hub", "live", "exact", "seen", "over", "__proto__", "constructor", "toString", "\ud800", "\u0000", "å€😀", "x".repeat(5000)];
const ODD: readonly unknown[] = [null, true, false, [], {}, [[]], [0, 0, 0], [0, 0, 0, 0, 0], INFINITE, ...NUMBERS, ...WORDS];
const KEYS = ["__proto__", "constructor", "prototype", "hasOwnProperty", "length", "toString", "", "0", "type"];
const DEEP = 3000;

type Container = Record<string, unknown> | unknown[];

/** One to three faults in a text that was good. `others`: texts that parts may be taken from. */
export function mutated(text: string, others: readonly string[], dice: Dice): string {
  let made = text;
  for (let faults = 1 + dice.below(3); faults > 0; faults -= 1) made = dice.below(4) === 0 ? inText(made, dice) : inValue(made, others, dice);
  return made;
}

function inText(text: string, dice: Dice): string {
  const at = dice.below(text.length + 1);
  switch (dice.below(5)) {
    case 0:
      return text.slice(0, at);
    case 1: {
      const bytes = new TextEncoder().encode(text);
      if (bytes.length > 0) bytes[dice.below(bytes.length)]! ^= 1 << dice.below(8);
      return new TextDecoder().decode(bytes);
    }
    case 2:
      return text.slice(0, at) + text.slice(at + 1 + dice.below(8));
    case 3:
      return text.slice(0, at) + text.slice(dice.below(at + 1));
    default:
      return text.slice(0, at) + dice.pick(["1e999", "-", '"', "{", "]", "\\ud800", "null", "[".repeat(DEEP)]) + text.slice(at);
  }
}

/** Where the text is JSON no more, it stays as it is. */
function inValue(text: string, others: readonly string[], dice: Dice): string {
  const root = { value: read(text) };
  if (root.value === undefined) return text;
  const places = placesOf(root);
  const { within, key } = dice.pick(places);
  const value = Reflect.get(within, key) as unknown;
  switch (dice.below(6)) {
    case 0:
      set(within, key, dice.pick(ODD));
      break;
    case 1:
      Reflect.deleteProperty(within, key);
      break;
    case 2:
      set(within, key, dice.below(2) === 0 ? [value] : { [dice.pick(KEYS)]: value });
      break;
    case 3: {
      const other = dice.pick(places);
      set(within, key, Reflect.get(other.within, other.key));
      break;
    }
    case 4: {
      const strange = dice.pick(placesOf({ value: read(dice.pick(others)) }));
      set(within, key, Reflect.get(strange.within, strange.key));
      break;
    }
    default:
      set(isContainer(value) ? value : within, dice.pick(KEYS), dice.pick(ODD));
  }
  return write(root.value) ?? text;
}

/** Everything that has a key, the whole first. */
function placesOf(root: Container): { readonly within: Container; readonly key: string }[] {
  const places: { within: Container; key: string }[] = [];
  const left: Container[] = [root];
  for (let within = left.pop(); within !== undefined; within = left.pop()) {
    for (const key of Object.keys(within)) {
      places.push({ within, key });
      const value = Reflect.get(within, key) as unknown;
      if (isContainer(value)) left.push(value);
    }
  }
  return places;
}

/** As `JSON.parse` does it: `__proto__` is a key like others. */
function set(within: Container, key: string, value: unknown): void {
  if (Array.isArray(within) && key === "length") return;
  Object.defineProperty(within, key, { value, enumerable: true, configurable: true, writable: true });
}

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}

function read(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Undefined for what holds itself by now, or is too deep. */
function write(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)?.replaceAll(JSON.stringify(INFINITE), "1e999");
  } catch {
    return undefined;
  }
}
