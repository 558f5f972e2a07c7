/** Names for the parts of the hub's OpenAPI document that the page uses. */
import type { components } from "./schema.ts";

type Schemas = components["schemas"];

export type Session = Readonly<Schemas["Session"]>;

/** An object of the wire before anything is known of its values; a key that the document lacks does not compile. */
export type Unread<Name extends keyof Schemas> = Readonly<Partial<Record<keyof Schemas[Name], unknown>>>;
