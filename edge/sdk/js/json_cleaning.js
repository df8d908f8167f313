/**
 * What a page gives becomes what any node can read as JSON, or is refused before it has a place in the order.
 *
 * Half a surrogate pair is no character: U+FFFD takes its place, in keys too.
 */

import { CommandError } from "./errors.js";

/** So many objects and arrays may lie in each other, twice what a node takes in any field. */
const DEEPEST = 64;

/**
 * A copy of a command's data that has only whole characters.
 *
 * @param {Record<string, any>} data
 * @returns {Record<string, any>}
 * @throws {CommandError} `validation_failed` for what JSON does not have, such as NaN, and for what is nested too deep
 */
export function sendable(data) {
  const found = /** @type {Record<string, any>} */ ({});
  for (const [name, value] of Object.entries(data)) {
    try {
      const text = JSON.stringify(value, finite);
      if (text !== undefined) set(found, name, whole(JSON.parse(text), 1));
    } catch (error) {
      const detail = error instanceof RangeError ? tooDeep() : String(/** @type {any} */ (error).message);
      throw new CommandError({ code: "validation_failed", detail, errors: [{ pointer: `/data/${mend(name)}`, code: "value" }] });
    }
  }
  return found;
}

/** @param {string} _ @param {any} value */
function finite(_, value) {
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError(`${value} is no number of JSON`);
  return value;
}

/** @param {any} value @param {number} deep @returns {any} */
function whole(value, deep) {
  if (typeof value === "string") return mend(value);
  if (typeof value !== "object" || value === null) return value;
  if (deep > DEEPEST) throw new TypeError(tooDeep());
  if (Array.isArray(value)) return value.map((one) => whole(one, deep + 1));
  const found = {};
  for (const [key, one] of Object.entries(value)) set(found, key, whole(one, deep + 1));
  return found;
}

/** Also where the key is `__proto__`. @param {Record<string, any>} found @param {string} key @param {any} value */
function set(found, key, value) {
  Object.defineProperty(found, mend(key), { value, enumerable: true, configurable: true, writable: true });
}

/** @param {string} text */
function mend(text) {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

function tooDeep() {
  return `it is nested more than ${DEEPEST} deep`;
}
