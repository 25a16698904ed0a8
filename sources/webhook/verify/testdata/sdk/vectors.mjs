// The files of vectors: one for each preset, written anew on each run.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'

const folder = new URL('../vectors/', import.meta.url)

// A text is written as it is where YAML allows that in single quotes.
const scalar = text => /^[\x20-\x7e\u00a1-\u2027\u2030-\ud7ff]*$/.test(text) ? `'${text.replaceAll("'", "''")}'` : JSON.stringify(text).replace(/[\u2028\u2029]/g, c => `\\u${c.charCodeAt(0).toString(16)}`)

function lines(value, indent) {
  return Object.entries(value).flatMap(([name, v]) => {
    if (v === undefined) return []
    const key = /^[\w-]+$/.test(name) ? name : scalar(name)
    if (typeof v === 'object') return [`${indent}${key}:`, ...lines(v, indent + '  ')]
    if (v.includes('\n') && v.startsWith('-----BEGIN')) return [`${indent}${key}: |`, ...v.trimEnd().split('\n').map(l => `${indent}  ${l}`)]
    return [`${indent}${key}: ${['grade', 'now', 'method'].includes(name) ? v : scalar(v)}`]
  })
}

const ranks = ['published', 'sdk', 'own']
const order = ['grade', 'source', 'secret', 'private_key', 'with', 'now', 'method', 'url', 'headers', 'body', 'fetch', 'id', 'type']

export function write(vectors) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const presets = Map.groupBy?.(vectors, v => v.preset) ?? vectors.reduce((m, v) => m.set(v.preset, [...m.get(v.preset) ?? [], v]), new Map())
  for (const [preset, list] of presets) {
    list.sort((a, b) => ranks.indexOf(a.grade) - ranks.indexOf(b.grade))
    const text = list.map(v => {
      const known = Object.fromEntries(order.map(key => [key, v[key]]))
      const unknown = Object.keys(v).filter(key => key !== 'preset' && !order.includes(key))
      if (unknown.length > 0) throw new Error(`${preset}: what is ${unknown}?`)
      return '- ' + lines(known, '  ').join('\n').slice(2)
    })
    writeFileSync(new URL(`${preset}.yaml`, folder), `# Made by testdata/sdk/generate.mjs: run make vectors, do not edit.\n${text.join('\n')}\n`)
  }
  return presets
}
