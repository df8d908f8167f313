/** The class that opens WebSockets: a browser's own, and where there is none (Node.js before 22) that of the package ws. */

const fallback = globalThis.WebSocket ? undefined : (await import(/* @vite-ignore */ "ws")).WebSocket;

/** @returns {typeof WebSocket} */
export function socketClass() {
  return globalThis.WebSocket ?? fallback;
}
