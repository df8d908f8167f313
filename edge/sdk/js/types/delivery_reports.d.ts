/** Says so for one device. A no, and an answer that never comes, change nothing. */
export class DeliveryReports {
    /**
     * @param {(type: string, data: Record<string, any>) => Promise<any>} ask
     * @param {string} device its name
     */
    constructor(ask: (type: string, data: Record<string, any>) => Promise<any>, device: string);
    /**
     * The page receives this event.
     *
     * @param {import("./caas.js").Event} event
     * @param {string} userId whose page it is
     */
    received({ type, data }: import("./caas.js").Event, userId: string): void;
    #private;
}
