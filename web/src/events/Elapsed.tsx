import { everySecond } from "../ui/ticker.ts";
import { useStore } from "../ui/useStore.ts";
import { duration } from "./words.ts";

/** How long something has gone on, to the second. */
export function Elapsed({ sinceUs }: { readonly sinceUs: number }) {
  const now = useStore(everySecond);
  const seconds = Math.max(0, Math.floor((now * 1000 - sinceUs) / 1_000_000));
  return <>{seconds < 60 ? `${seconds} s` : duration(seconds * 1_000_000)}</>;
}
