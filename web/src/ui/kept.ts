/** What the browser keeps for this page. Where the person lets it keep nothing, it is in memory alone, and ends with the page. */

export class Kept {
  private readonly memory = new Map<string, string>();

  /** Asking for the storage itself throws where site data is blocked. */
  constructor(private readonly storage: () => Pick<Storage, "getItem" | "setItem" | "removeItem">) {}

  get(key: string): string | null {
    return this.memory.get(key) ?? this.tried((storage) => storage.getItem(key));
  }

  set(key: string, value: string): void {
    const kept = this.tried((storage) => {
      storage.setItem(key, value);
      return true;
    });
    if (kept === null) this.memory.set(key, value);
    else this.memory.delete(key);
  }

  remove(key: string): void {
    this.memory.delete(key);
    this.tried((storage) => storage.removeItem(key));
  }

  private tried<T>(use: (storage: Pick<Storage, "getItem" | "setItem" | "removeItem">) => T): T | null {
    try {
      return use(this.storage());
    } catch {
      return null; // Blocked, or full.
    }
  }
}

/** Until the tab is closed. */
export const inTab = new Kept(() => sessionStorage);
/** For this browser. */
export const inBrowser = new Kept(() => localStorage);
