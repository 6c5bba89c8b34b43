// The WebSocket of Node: the token stands in a header, and a server that is gone without a word is noticed.

import { WebSocket } from "ws";
import type { OpenSocket } from "./events.js";

export const openSocket: OpenSocket = (url, token, heard) => {
  const socket = new WebSocket(url, { headers: { Authorization: `Bearer ${token}` }, handshakeTimeout: HANDSHAKE_MAX_MS });
  let refusal: number | undefined;
  let silence: NodeJS.Timeout | undefined;
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(() => socket.terminate(), SILENCE_MAX_MS);
  };
  alive();
  socket.on("open", () => heard.opened());
  socket.on("ping", alive);
  socket.on("message", (text) => {
    alive();
    heard.received(text.toString());
  });
  socket.on("unexpected-response", (request, response) => {
    refusal = response.statusCode;
    request.destroy();
    socket.terminate();
  });
  // What broke it is of no use to anybody: it is opened again.
  socket.on("error", () => {});
  socket.on("close", () => {
    clearTimeout(silence);
    heard.closed(refusal);
  });
  return { close: () => socket.close() };
};

const HANDSHAKE_MAX_MS = 10_000;
/** The daemon pings every 30 s. */
const SILENCE_MAX_MS = 75_000;
