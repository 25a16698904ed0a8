// The one moment at which every vector is made: no vector changes from run to
// run. It must be imported before any SDK, so that none keeps the real clock.
// CLOCK=real is the present, the only time that a running Trotline has.
const isReal = process.env.CLOCK === 'real'

export let now, seconds, millis, rfc3339

// tick makes it now: of the real clock, or the one moment again.
export function tick() {
  now = new Date(isReal ? Date.now() : '2026-01-15T12:00:00.000Z')
  seconds = String(Math.floor(now.getTime() / 1000))
  millis = String(now.getTime())
  rfc3339 = now.toISOString().replace(/\.\d+/, '')
}
tick()

if (!isReal) {
  const RealDate = Date
  globalThis.Date = class extends RealDate {
    constructor(...args) { args.length ? super(...args) : super(now.getTime()) }
    static now() { return now.getTime() }
  }
}
