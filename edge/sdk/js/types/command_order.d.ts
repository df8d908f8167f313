/**
 * The name of the order that a command is in; null: it is in none. A signal is in an order of its kind, so that it
 * holds back no message.
 *
 * @param {string} type
 * @param {Record<string, any>} data
 * @returns {string | null}
 */
export function orderOf(type: string, { conversation_id: conversation }: Record<string, any>): string | null;
