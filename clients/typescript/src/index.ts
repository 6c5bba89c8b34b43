// What applications use.

export { connect, done, fromEnvironment, Refused, type Daemon } from "./connect.js";
export { EventStream, WAITING_MAX, type EventOf, type EventsOptions, type Heard, type OpenSocket } from "./events.js";
export * from "./generated/index.js";
export { newKey, repeating } from "./repeating.js";
