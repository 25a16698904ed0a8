// The binary, running with a source for each signed request.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'


async function freePort() {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address()
  await promisify(server.close).call(server)
  return port
}

// sourcesOf gives each preset, path and secret a source of its own.
function sourcesOf(requests) {
  const sources = {}, names = new Map()
  for (const { preset, path: target, secret, with: signed, given } of requests) {
    const path = target.split('?')[0], key = [preset, path, secret].join(' ')
    if (names.has(key)) continue
    names.set(key, preset in sources ? `${preset}_${names.size}` : preset)
    sources[names.get(key)] = { path, verify: { preset, secrets: secret && [secret], with: signed ?? given } }
  }
  return { sources, nameOf: r => names.get([r.preset, r.path.split('?')[0], r.secret].join(' ')) }
}

export async function start(binary, folder, publicURL, requests) {
  const [port, adminPort] = [await freePort(), await freePort()]
  const { sources, nameOf } = sourcesOf(requests)
  const file = join(folder, 'pipelines.yaml')
  const config = {
    server: { listen: `127.0.0.1:${port}`, admin: { listen: `127.0.0.1:${adminPort}` }, public_url: publicURL },
    sources, sinks: { kept: { type: 'file', path: 'events.jsonl' } },
    pipelines: { all: { from: Object.keys(sources), to: ['kept'] } },
  }
  writeFileSync(file, JSON.stringify(config).replaceAll('${', '$${')) // JSON is YAML
  const program = resolve(binary), log = join(folder, 'log')
  const child = spawn(program, ['run', file], { stdio: ['ignore', 'ignore', openSync(log, 'w')] })
  const ended = once(child, 'exit')
  await Promise.race([ready(`http://127.0.0.1:${adminPort}/readyz`), ended.then(([code]) => { throw new Error(`trotline ends with ${code}: ${readFileSync(log)}`) })])
  return {
    address: `http://127.0.0.1:${port}`,
    // send lets `trotline send` sign the request's body and post it.
    async send({ body, headers, private_key: key, ...request }, to) {
      const args = ['send', nameOf(request), '-', '--config', file, '--to', to, '-H', `Content-Type: ${headers['Content-Type']}`]
      if (key) {
        writeFileSync(join(folder, 'key.pem'), key)
        args.push('--key', join(folder, 'key.pem'))
      }
      const sender = spawn(program, args, { stdio: ['pipe', 'ignore', 'inherit'] })
      sender.stdin.end(body)
      const [code] = await once(sender, 'exit')
      if (code !== 0) throw new Error(`trotline ${args.join(' ')} ends with ${code}`)
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function ready(url) {
  for (;;) {
    try {
      if ((await fetch(url)).ok) return
    } catch { /* nobody listens yet */ }
    await setTimeout(50)
  }
}
