// Requests that the providers' own SDKs sign, or take for signed; each is shown
// to its SDK, and so is a changed one.
import { readFileSync } from 'node:fs'
import { tick } from './clock.mjs'
import { goSDKs } from './gosdks.mjs'
import { sdks } from './sdks.mjs'

const read = path => readFileSync(new URL(path, import.meta.url), 'utf8')
const fromNpm = name => `npm:${name}@${JSON.parse(read(`node_modules/${name}/package.json`)).version}`
const fromGo = module => `go:${module}@${new RegExp(`${module} (v\\S+)`).exec(read('go/go.mod'))[1]}`

// attempt is whether an SDK takes a request: a throw is a no, and so is false.
export async function attempt(accepts, request) {
  try {
    return await accepts(request) !== false
  } catch (error) {
    if (process.env.DEBUG) console.error(error)
    return false
  }
}

// change turns one letter in the middle of a text into another.
export function change(text) {
  const middle = text.length >> 1, at = middle + text.slice(middle).search(/[a-z]/)
  return text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1)
}

const changeBody = request => ({ ...request, body: change(request.body) })

// makers make the SDKs' requests, each when it is called.
export const makers = [...sdks, ...goSDKs]

// signed is what a maker makes now, after its SDK has seen it. unsendable says why
// the SDK cannot take what `trotline send` makes; given is what the preset asks
// for though no signature has anything of it.
export async function signed(make) {
  tick()
  const { npm, module, call, accepts, tampered = changeBody, unsendable, given, ...vector } = await make()
  const request = { method: 'POST', ...vector }
  const sdk = npm ? fromNpm(npm) : fromGo(module)
  if (!await attempt(accepts, request)) throw new Error(`${vector.preset}: ${sdk} refuses its own request`)
  if (await attempt(accepts, tampered(request))) throw new Error(`${vector.preset}: ${sdk} takes a changed request`)
  return { sdk, call, vector, accepts, tampered, unsendable }
}
