// Trotline and the providers' own SDKs, over HTTP. What an SDK signs, or takes
// for signed, the binary must take; what `trotline send` signs, the SDK must
// take. In both directions a changed request must be refused.
//
// CLOCK=real node interop.mjs TROTLINE
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { post, receiver } from './http.mjs'
import { attempt, change, makers, signed } from './requests.mjs'
import { start } from './trotline.mjs'

const publicURL = 'https://hooks.example.com'

// toTrotline is why the binary does not do what it should with an SDK's request; undefined if it does.
async function toTrotline(trotline, { vector, tampered }) {
  const request = { method: 'POST', ...vector, path: pathOf(vector) }
  const taken = await post(trotline.address, request)
  if (taken.status / 100 >> 0 !== 2) return `trotline answers ${taken.status} ${taken.body}`
  if (vector.id && taken.status === 202 && JSON.parse(taken.body).id !== vector.id) return `the id is ${taken.body}, not ${vector.id}`
  let changed = tampered(request)
  if (changed.url === request.url && changed.body === request.body) changed = { ...request, body: change(request.body) } // what the SDK leaves to its user
  const refused = await post(trotline.address, { ...changed, path: pathOf(changed) })
  if (refused.status !== 401) return `trotline answers ${refused.status} to a changed request: ${refused.body}`
}

// toSDK is why the SDK does not do what it should with what `trotline send` sends it; undefined if it does.
async function toSDK(trotline, inbox, { vector, accepts, tampered, unsendable }) {
  if (unsendable) return
  const received = await inbox.next(() => trotline.send({ ...vector, path: pathOf(vector) }, inbox.address + pathOf(vector)))
  const request = { ...vector, ...received, url: vector.url && publicURL + received.url, headers: respelled(received.headers, vector.headers) }
  if (!await attempt(accepts, request)) return `the SDK refuses what trotline sends: ${JSON.stringify(received)}`
  if (await attempt(accepts, tampered(request))) return 'the SDK takes what trotline sends when it is changed'
}

// respelled is headers as they came, under the names as the SDK's user has them.
function respelled(headers, like) {
  const names = new Map(Object.keys(like).map(name => [name.toLowerCase(), name]))
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [names.get(name) ?? name, value]))
}

const pathOf = ({ preset, url }) => url ? url.slice(new URL(url).origin.length) : `/hooks/${preset}`

if (process.env.CLOCK !== 'real') throw new Error('the clock stands still: set CLOCK=real')
// A certificate or a key set comes from the provider's own hosts alone.
const plans = await Promise.all(makers.map(async make => ({ make, ...await make() })))
const local = plans.filter(p => !p.fetch), remote = plans.filter(p => p.fetch)

const folder = mkdtempSync(join(tmpdir(), 'trotline-interop-'))
const trotline = await start(process.argv[2], folder, publicURL, local.map(p => ({ ...p, path: pathOf(p) })))
const inbox = await receiver()
let failed = 0
try {
  for (const { make } of local) {
    const r = await signed(make), problems = [await toTrotline(trotline, r), await toSDK(trotline, inbox, r)]
    const words = problems.map(p => p ? 'FAILED' : 'ok')
    if (r.unsendable) words[1] = '-'
    console.log(`${r.vector.preset.padEnd(20)} ${words.map(w => w.padEnd(6)).join(' ')} ${r.sdk} ${r.call}${r.unsendable ? ` (${r.unsendable})` : ''}`)
    for (const problem of problems.filter(p => p)) console.log(`    ${problem}`)
    failed += problems.some(p => p)
  }
} finally {
  inbox.close()
  await trotline.stop()
  rmSync(folder, { recursive: true })
}
console.log(`${local.length} requests of SDKs: ${failed} failed. Not tried, because they need the provider's hosts: ${remote.map(p => p.preset).join(', ')}`)
process.exitCode = failed ? 1 : 0
