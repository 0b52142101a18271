/** What a sink of any kind has to say is all that this one says. */
export { SINK_EVENTS } from '@millrace/service-kit';
