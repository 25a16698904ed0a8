// Makes the test vectors of the presets: with the providers' own SDKs, with
// openssl, and from what their documentation prints.
import { readFileSync } from 'node:fs'
import { rfc3339 } from './clock.mjs'
import { goVectors } from './gosdks.mjs'
import { own } from './own.mjs'
import { published } from './published.mjs'
import { sdks } from './sdks.mjs'
import { write } from './vectors.mjs'

const version = name => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version

// attempt is whether an SDK takes a request: a throw is a no, and so is false.
async function attempt(accepts, request) {
  try {
    return await accepts(request) !== false
  } catch (error) {
    if (process.env.DEBUG) console.error(error)
    return false
  }
}

// change turns one letter in the middle of a text into another.
function change(text) {
  const middle = text.length >> 1, at = middle + text.slice(middle).search(/[a-z]/)
  return text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1)
}

async function bySDK({ npm, call, accepts, tampered, ...vector }) {
  const request = { method: 'POST', ...vector }
  if (!await attempt(accepts, request)) throw new Error(`${vector.preset}: ${npm} refuses its own request`)
  const changed = tampered ? tampered(request) : { ...request, body: change(request.body) }
  if (await attempt(accepts, changed)) throw new Error(`${vector.preset}: ${npm} takes a changed request`)
  return { now: rfc3339, ...vector, grade: 'sdk', source: `npm:${npm}@${version(npm)} ${call}` }
}

const made = []
for (const make of sdks) made.push(await bySDK(await make()))
const presets = write([...published.map(v => ({ grade: 'published', ...v })), ...made, ...goVectors(), ...own()])

const best = [...presets.values()].map(list => list[0].grade)
console.log(`${presets.size} presets: ${['published', 'sdk', 'own'].map(g => `${best.filter(b => b === g).length} ${g}`).join(', ')}`)
