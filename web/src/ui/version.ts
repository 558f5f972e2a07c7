/** The hub's version, asked for anew with each new sign-in on the socket: an update may be why it was away. */
import type { HubClient } from "../api/client.ts";
import { Refetch } from "../events/refetch.ts";
import type { LiveSocket } from "../events/socket.ts";
import { Store, type Readable } from "./store.ts";

/** It asks while someone subscribes. `first`: as it is known already. */
export function hubVersion(hub: Pick<HubClient, "session">, { state }: Pick<LiveSocket, "state">, first: string): Readable<string> {
  const store: Store<string> = new Store(first, () => {
    const version = new Refetch(async () => {
      const answer = await hub.session();
      if (answer.kind === "success") store.set(answer.value.version);
      return answer.kind === "success";
    });
    const unsubscribe = state.subscribe(() => {
      if (state.get().kind === "open") version.want();
    });
    return () => {
      unsubscribe();
      version.stop();
    };
  });
  return store;
}
