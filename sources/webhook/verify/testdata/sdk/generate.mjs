// Makes the test vectors of the presets: with the providers' own SDKs, with
// openssl, and from what their documentation prints.
import { rfc3339 } from './clock.mjs'
import { own } from './own.mjs'
import { published } from './published.mjs'
import { makers, signed } from './requests.mjs'
import { write } from './vectors.mjs'

const made = []
for (const make of makers) {
  const { sdk, call, vector } = await signed(make)
  made.push({ now: rfc3339, ...vector, grade: 'sdk', source: `${sdk} ${call}` })
}
const presets = write([...published.map(v => ({ grade: 'published', ...v })), ...made, ...own()])

const best = [...presets.values()].map(list => list[0].grade)
console.log(`${presets.size} presets: ${['published', 'sdk', 'own'].map(g => `${best.filter(b => b === g).length} ${g}`).join(', ')}`)
