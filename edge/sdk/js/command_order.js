/**
 * What must come one after the other: all that changes a conversation, in the order asked; a query waits for nothing.
 */

const QUERIES = /^(message:(get|history|thread)|conversation:(get|list)|presence:get|sync|search:.*)$/;
const SIGNALS = /^(typing|presence):|^message:delivered$/;

/**
 * The name of the order that a command is in; null: it is in none. A signal is in an order of its kind, so that it
 * holds back no message.
 *
 * @param {string} type
 * @param {Record<string, any>} data
 * @returns {string | null}
 */
export function orderOf(type, { conversation_id: conversation = null }) {
  if (QUERIES.test(type)) return null;
  return SIGNALS.test(type) ? `${type.split(":")[0]} ${conversation ?? ""}` : conversation;
}
