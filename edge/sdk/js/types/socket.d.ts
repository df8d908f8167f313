/** @returns {typeof WebSocket} */
export function socketClass(): typeof WebSocket;
