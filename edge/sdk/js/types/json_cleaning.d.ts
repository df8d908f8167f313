/**
 * A copy of a command's data that has only whole characters.
 *
 * @param {Record<string, any>} data
 * @returns {Record<string, any>}
 * @throws {CommandError} `validation_failed` for what JSON does not have, such as NaN, and for what is nested too deep
 */
export function sendable(data: Record<string, any>): Record<string, any>;
