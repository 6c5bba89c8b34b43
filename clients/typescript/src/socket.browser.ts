// The WebSocket of browsers: they write no headers, so the token stands in the address.

import type { OpenSocket } from "./events.js";

export const openSocket: OpenSocket = (url, token, heard) => {
  const address = new URL(url);
  address.searchParams.set("access_token", token);
  const socket = new WebSocket(address);
  socket.onopen = () => heard.opened();
  socket.onmessage = (message: MessageEvent<string>) => heard.received(message.data);
  socket.onclose = () => heard.closed(undefined);
  return { close: () => socket.close() };
};
