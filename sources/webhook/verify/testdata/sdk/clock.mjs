// The one moment at which every vector is made: no vector changes from run to
// run. It must be imported before any SDK, so that none keeps the real clock.
export const now = new Date('2026-01-15T12:00:00.000Z')
export const seconds = String(now.getTime() / 1000)
export const millis = String(now.getTime())
export const rfc3339 = '2026-01-15T12:00:00Z'

const RealDate = Date
globalThis.Date = class extends RealDate {
  constructor(...args) { args.length ? super(...args) : super(now.getTime()) }
  static now() { return now.getTime() }
}
