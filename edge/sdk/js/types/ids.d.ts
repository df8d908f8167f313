/**
 * Random ids, also on pages without https, where browsers have no `crypto.randomUUID`.
 */
/** @returns {string} a random UUID in lower case */
export function uuid(): string;
